package compositor

import (
	"slices"

	wlserver "github.com/kennel-stream/kennel/wayland/protocol/server"
	"github.com/kennel-stream/kennel/wayland/wire"
)

// wheelStep is the wl_pointer.axis value of one wheel click, as libinput has it.
const wheelStep = 15

// local is the pointer's place on a surface.
func (s *seat) local(f *surface) (x, y wire.Fixed) {
	return wire.FixedFromFloat(s.x - float64(f.x)), wire.FixedFromFloat(s.y - float64(f.y))
}

// eachPointer calls f for every wl_pointer of the focused client.
func (s *seat) eachPointer(f func(*wlserver.WlPointer)) {
	if s.pointerFocus == nil {
		return
	}
	for _, p := range s.pointers {
		if p.Client() == s.pointerFocus.client.wl {
			f(p)
		}
	}
}

// move puts the pointer at (x, y); dx and dy are what the mouse moved.
func (s *seat) move(x, y, dx, dy float64) {
	s.sendRelative(dx, dy)
	if s.locked() {
		return
	}
	oldX, oldY := s.x, s.y
	s.x, s.y = x, y
	s.confine()
	if !s.moved || s.x != oldX || s.y != oldY {
		s.moved = true
		s.c.restack()
		s.c.layout()
		if !s.refocus() {
			s.sendMotion()
		}
	}
}

// confine keeps the pointer on the output, and on the surface that it is
// confined to.
func (s *seat) confine() {
	w, h := s.c.size()
	if f := s.pointerFocus; f != nil && f.placed && f.constraint != nil && f.constraint.active && f.constraint.confine != nil {
		s.x = min(max(s.x, float64(f.x)), float64(f.x+f.width)-1)
		s.y = min(max(s.y, float64(f.y)), float64(f.y+f.height)-1)
	}
	s.x = min(max(s.x, 0), float64(w)-1)
	s.y = min(max(s.y, 0), float64(h)-1)
}

func (s *seat) sendMotion() {
	if s.c.data.dragMotion() || s.pointerFocus == nil {
		return
	}
	now := s.millis()
	x, y := s.local(s.pointerFocus)
	s.eachPointer(func(p *wlserver.WlPointer) {
		p.SendMotion(now, x, y)
		p.SendFrame()
	})
}

// refocus finds who is under the pointer, unless a held button keeps the
// focus. It reports whether that has changed.
func (s *seat) refocus() bool {
	if !s.moved || s.c.data.drag != nil {
		return false
	}
	if len(s.buttons) > 0 && s.pointerFocus != nil && s.pointerFocus.placed {
		return false
	}
	want := s.c.nodeAt(int32(s.x), int32(s.y))
	if n := len(s.grabs); want != nil && n > 0 && s.grabs[n-1].xdg.surface.client != want.client {
		want = nil
	}
	return s.focusPointer(want)
}

func (s *seat) focusPointer(want *surface) bool {
	old := s.pointerFocus
	if want == old {
		return false
	}
	if old != nil {
		serial := s.c.wl.NextSerial()
		s.eachPointer(func(p *wlserver.WlPointer) {
			p.SendLeave(serial, old.res)
			p.SendFrame()
		})
		s.unlock(old)
	}
	s.pointerFocus = want
	if want == nil || s.cursor.owner != want.client {
		s.cursor.reset()
		s.c.restack()
	}
	if want == nil {
		return true
	}
	serial := s.c.wl.NextSerial()
	x, y := s.local(want)
	s.eachPointer(func(p *wlserver.WlPointer) {
		p.SendEnter(serial, want.res, x, y)
		p.SendFrame()
	})
	s.lock(want)
	return true
}

// button presses or releases a button. The surface under the first pressed
// one gets all events until the last is up.
func (s *seat) button(code uint16, pressed bool) {
	held := slices.Contains(s.buttons, code)
	if held == pressed || len(s.buttons) > 32 {
		return
	}
	if pressed {
		if !s.pressedOn() {
			return
		}
		s.buttons = append(s.buttons, code)
	} else {
		s.buttons = slices.DeleteFunc(s.buttons, func(b uint16) bool { return b == code })
	}
	if s.c.data.drag != nil {
		if len(s.buttons) == 0 {
			s.c.data.drop()
		}
		return
	}
	state := wlserver.WlPointerButtonStateReleased
	if pressed {
		state = wlserver.WlPointerButtonStatePressed
	}
	serial, now := s.c.wl.NextSerial(), s.millis()
	s.eachPointer(func(p *wlserver.WlPointer) {
		p.SendButton(serial, now, uint32(code), state)
		p.SendFrame()
	})
	if len(s.buttons) == 0 {
		s.refocus()
	}
}

// pressedOn does what a press does beside its event: it ends the popups of
// others and raises the window. It is false when the press is used up.
func (s *seat) pressedOn() bool {
	if len(s.buttons) > 0 {
		return true
	}
	s.refocus()
	if len(s.grabs) > 0 && s.pointerFocus == nil {
		s.dismissGrabs()
		return false
	}
	if s.pointerFocus != nil && len(s.grabs) == 0 {
		if t := toplevelOf(s.pointerFocus); t != nil {
			s.c.raise(t)
		}
	}
	return true
}

// scroll turns the wheel by 120ths of a click.
func (s *seat) scroll(horizontal, vertical int32) {
	now := s.millis()
	steps := [2]int32{s.steps(0, horizontal), s.steps(1, vertical)}
	s.eachPointer(func(p *wlserver.WlPointer) {
		p.SendAxisSource(wlserver.WlPointerAxisSourceWheel)
		for i, turned := range [2]int32{horizontal, vertical} {
			if turned == 0 {
				continue
			}
			axis := wlserver.WlPointerAxisHorizontalScroll
			if i == 1 {
				axis = wlserver.WlPointerAxisVerticalScroll
			}
			if p.Version() >= 8 {
				p.SendAxisValue120(axis, turned)
			} else if steps[i] != 0 {
				p.SendAxisDiscrete(axis, steps[i])
			}
			p.SendAxis(now, axis, wire.FixedFromFloat(float64(turned)*wheelStep/120))
		}
		p.SendFrame()
	})
}

// steps counts whole clicks of an axis for clients that know no finer ones.
func (s *seat) steps(axis int, turned int32) int32 {
	if (s.wheel[axis] < 0) != (turned < 0) {
		s.wheel[axis] = 0 // the direction changed
	}
	s.wheel[axis] += turned
	whole := s.wheel[axis] / 120
	s.wheel[axis] -= whole * 120
	return whole
}
