package compositor

import (
	"encoding/binary"
	"slices"

	"github.com/kennel-stream/kennel/internal/display"
	"github.com/kennel-stream/kennel/internal/display/keymap"
	wlserver "github.com/kennel-stream/kennel/wayland/protocol/server"
	"github.com/kennel-stream/kennel/wayland/server"
)

// seat is the one wl_seat: a keyboard and a pointer whose events come from
// the host.
type seat struct {
	c *compositor

	keymap    *keymapFile
	keys      keymap.State
	keyboards []*wlserver.WlKeyboard
	keyFocus  *surface

	pointers     []*wlserver.WlPointer
	pointerFocus *surface
	x, y         float64 // on the output
	moved        bool    // the pointer was used at all
	buttons      []uint16
	wheel        [2]int32 // 120ths not yet told to clients before version 8; horizontal, vertical
	cursor       cursor
	relatives    []*wlserver.ZwpRelativePointerV1

	textInputs []*textInput

	grabs []*popup // popups that asked for a grab, the topmost last
}

func newSeat(c *compositor) (*seat, error) {
	k, err := newKeymapFile(keymap.Text(nil))
	if err != nil {
		return nil, err
	}
	w, h := c.size()
	return &seat{c: c, keymap: k, x: float64(w) / 2, y: float64(h) / 2, cursor: cursor{shapes: newShapes()}}, nil
}

func (s *seat) close() { s.keymap.close() }

func (c *compositor) bindSeat(wl *server.Client, r *wlserver.WlSeat) {
	r.SetHandler(seatHandler{c.seat, c.client(wl)})
	r.SendName("kennel")
	r.SendCapabilities(wlserver.WlSeatCapabilityPointer | wlserver.WlSeatCapabilityKeyboard)
}

type seatHandler struct {
	seat   *seat
	client *client
}

// Release implements wl_seat.release.
func (seatHandler) Release(*wlserver.WlSeat) {}

// GetTouch implements wl_seat.get_touch, which the capabilities do not offer.
func (seatHandler) GetTouch(r *wlserver.WlSeat, _ *wlserver.WlTouch) {
	r.PostError(wlserver.WlSeatErrorMissingCapability, "there is no touch screen")
}

// GetKeyboard implements wl_seat.get_keyboard.
func (h seatHandler) GetKeyboard(_ *wlserver.WlSeat, id *wlserver.WlKeyboard) {
	s := h.seat
	s.keyboards = append(s.keyboards, id)
	id.SetHandler(releaseKeyboard{})
	id.OnDestroy(func() {
		s.keyboards = slices.DeleteFunc(s.keyboards, func(k *wlserver.WlKeyboard) bool { return k == id })
	})
	s.keymap.send(id)
	const repeatRate, repeatDelay = 25, 600 // keys per second, milliseconds
	id.SendRepeatInfo(repeatRate, repeatDelay)
	if s.keyFocus != nil && s.keyFocus.client == h.client {
		s.enterKeyboard(id)
	}
}

// GetPointer implements wl_seat.get_pointer.
func (h seatHandler) GetPointer(_ *wlserver.WlSeat, id *wlserver.WlPointer) {
	s := h.seat
	s.pointers = append(s.pointers, id)
	id.SetHandler(pointerHandler(h))
	id.OnDestroy(func() {
		s.pointers = slices.DeleteFunc(s.pointers, func(p *wlserver.WlPointer) bool { return p == id })
	})
	if f := s.pointerFocus; f != nil && f.client == h.client {
		x, y := s.local(f)
		id.SendEnter(s.c.wl.NextSerial(), f.res, x, y)
		id.SendFrame()
	}
}

type releaseKeyboard struct{}

// Release implements wl_keyboard.release.
func (releaseKeyboard) Release(*wlserver.WlKeyboard) {}

// input handles one act of the person at the other end.
func (s *seat) input(in display.Input) {
	switch in.Kind {
	case display.InputKey:
		s.key(in.Code, in.Pressed)
	case display.InputMotionRelative:
		s.move(s.x+float64(in.X), s.y+float64(in.Y), float64(in.X), float64(in.Y))
	case display.InputMotionAbsolute:
		w, h := s.c.size()
		x := float64(in.X) * float64(w) / float64(in.MaxX)
		y := float64(in.Y) * float64(h) / float64(in.MaxY)
		s.move(x, y, x-s.x, y-s.y)
	case display.InputButton:
		s.button(in.Code, in.Pressed)
	case display.InputAxis:
		s.scroll(in.X, in.Y)
	case display.InputText:
		s.typeText(in.Text)
	case display.InputReleaseAll:
		s.releaseAll()
	}
}

// releaseAll lets go of all that is held: the person went away.
func (s *seat) releaseAll() {
	for _, code := range slices.Clone(s.keys.Pressed()) {
		s.key(code, false)
	}
	for _, b := range slices.Clone(s.buttons) {
		s.button(b, false)
	}
}

func (s *seat) millis() uint32 { return uint32(s.c.clock.Now() / 1e6) }

// key passes a key on to the focused client.
func (s *seat) key(code uint16, pressed bool) {
	ok, modifiers := s.keys.Key(code, pressed)
	if !ok {
		return
	}
	state := wlserver.WlKeyboardKeyStateReleased
	if pressed {
		state = wlserver.WlKeyboardKeyStatePressed
	}
	serial, now := s.c.wl.NextSerial(), s.millis()
	s.eachKeyboard(func(k *wlserver.WlKeyboard) { k.SendKey(serial, now, uint32(code), state) })
	if modifiers {
		s.sendModifiers(s.keys.Modifiers())
	}
}

func (s *seat) sendModifiers(m keymap.Modifiers) {
	serial := s.c.wl.NextSerial()
	s.eachKeyboard(func(k *wlserver.WlKeyboard) { k.SendModifiers(serial, m.Depressed, m.Latched, m.Locked, m.Group) })
}

// eachKeyboard calls f for every wl_keyboard of the focused client.
func (s *seat) eachKeyboard(f func(*wlserver.WlKeyboard)) {
	if s.keyFocus == nil {
		return
	}
	for _, k := range s.keyboards {
		if k.Client() == s.keyFocus.client.wl {
			f(k)
		}
	}
}

// enterKeyboard tells one keyboard about the focus.
func (s *seat) enterKeyboard(k *wlserver.WlKeyboard) {
	var keys []byte
	for _, code := range s.keys.Pressed() {
		keys = binary.NativeEndian.AppendUint32(keys, uint32(code))
	}
	m := s.keys.Modifiers()
	k.SendEnter(s.c.wl.NextSerial(), s.keyFocus.res, keys)
	k.SendModifiers(s.c.wl.NextSerial(), m.Depressed, m.Latched, m.Locked, m.Group)
}

// wantsKeys is who should have the keyboard: the topmost grabbing popup, else
// the topmost window.
func (s *seat) wantsKeys() *surface {
	for _, p := range slices.Backward(s.grabs) {
		if p.xdg.isMapped && !p.finished {
			return p.xdg.surface
		}
	}
	if n := len(s.c.toplevels); n > 0 {
		return s.c.toplevels[n-1].xdg.surface
	}
	return nil
}

// focusKeyboard gives the keyboard to whom it belongs now.
func (s *seat) focusKeyboard() {
	want := s.wantsKeys()
	if want == s.keyFocus {
		return
	}
	if old := s.keyFocus; old != nil {
		serial := s.c.wl.NextSerial()
		s.eachKeyboard(func(k *wlserver.WlKeyboard) { k.SendLeave(serial, old.res) })
		s.leaveText(old)
	}
	newClient := want != nil && (s.keyFocus == nil || s.keyFocus.client != want.client)
	s.keyFocus = want
	if newClient {
		s.c.data.offerSelection(want.client)
		s.c.primary.offerTo(want.client)
	}
	s.eachKeyboard(s.enterKeyboard)
	s.enterText()
}

// surfaceGone forgets a surface that is being destroyed.
func (s *seat) surfaceGone(gone *surface) {
	if s.keyFocus == gone {
		s.leaveText(gone)
		s.keyFocus = nil
		s.focusKeyboard()
	}
	if s.pointerFocus == gone {
		s.pointerFocus = nil
	}
	if s.cursor.surface == gone {
		s.cursor.surface = nil
	}
	s.c.data.surfaceGone(gone)
}

func (s *seat) clientGone(cl *client) {
	if s.cursor.owner == cl {
		s.cursor.reset()
		s.c.restack()
	}
}

// beginGrab makes a popup the holder of the input.
func (s *seat) beginGrab(p *popup) { s.grabs = append(s.grabs, p) }

func (s *seat) endGrab(p *popup) {
	before := len(s.grabs)
	s.grabs = slices.DeleteFunc(s.grabs, func(o *popup) bool { return o == p })
	if len(s.grabs) != before {
		s.focusKeyboard()
	}
}

// dismissGrabs ends all popups that hold the input.
func (s *seat) dismissGrabs() {
	for _, p := range slices.Backward(slices.Clone(s.grabs)) {
		p.dismiss()
	}
}
