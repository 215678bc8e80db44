package demo

import (
	wlclient "github.com/kennel-stream/kennel/wayland/protocol/client"
	"github.com/kennel-stream/kennel/wayland/wire"
)

// seat is one wl_seat with the devices that it has at present.
type seat struct {
	w        *window
	wl       *wlclient.WlSeat
	keyboard *wlclient.WlKeyboard
	pointer  *wlclient.WlPointer
}

func (w *window) bindSeat(number, version uint32) *seat {
	s := &seat{w: w, wl: wlclient.BindWlSeat(w.globals.registry, number, version)}
	s.wl.SetListener(wlclient.WlSeatListener{Capabilities: s.capabilities})
	return s
}

// capabilities follows the devices that come and go.
func (s *seat) capabilities(has wlclient.WlSeatCapability) {
	hasKeyboard := has&wlclient.WlSeatCapabilityKeyboard != 0
	if hasKeyboard && s.keyboard == nil {
		s.addKeyboard()
	} else if !hasKeyboard {
		s.dropKeyboard()
	}
	hasPointer := has&wlclient.WlSeatCapabilityPointer != 0
	if hasPointer && s.pointer == nil {
		s.addPointer()
	} else if !hasPointer {
		s.dropPointer()
	}
}

// release ends the seat. Requests that its version does not have are dropped
// by the wayland library.
func (s *seat) release() {
	s.dropKeyboard()
	s.dropPointer()
	s.wl.Release()
}

func (s *seat) dropKeyboard() {
	if s.keyboard != nil {
		s.keyboard.SetListener(wlclient.WlKeyboardListener{})
		s.keyboard.Release()
		s.keyboard = nil
	}
}

func (s *seat) dropPointer() {
	if s.pointer != nil {
		s.pointer.SetListener(wlclient.WlPointerListener{})
		s.pointer.Release()
		s.pointer = nil
	}
}

func (s *seat) addKeyboard() {
	in := &s.w.input
	s.keyboard = s.wl.GetKeyboard()
	s.keyboard.SetListener(wlclient.WlKeyboardListener{
		Keymap: func(format wlclient.WlKeyboardKeymapFormat, fd int, size uint32) {
			if err := checkKeymap(fd, size); err != nil && format == wlclient.WlKeyboardKeymapFormatXkbV1 {
				s.w.options.Log("keymap: " + err.Error())
			}
		},
		Key: func(_, _, key uint32, state wlclient.WlKeyboardKeyState) {
			// Only the two states that version 5 has: a compositor that sends
			// others means neither.
			switch state {
			case wlclient.WlKeyboardKeyStatePressed:
				in.key(key, true)
			case wlclient.WlKeyboardKeyStateReleased:
				in.key(key, false)
			}
		},
		Modifiers: func(_, depressed, _, _, _ uint32) { in.modifiers(depressed) },
	})
}

func (s *seat) addPointer() {
	in := &s.w.input
	p := s.wl.GetPointer()
	s.pointer = p
	p.SetListener(wlclient.WlPointerListener{
		Enter: func(serial uint32, _ *wlclient.WlSurface, x, y wire.Fixed) {
			in.place(x.Float64(), y.Float64())
			s.w.showCursor(p, serial)
		},
		Motion: func(_ uint32, x, y wire.Fixed) { in.motion(x.Float64(), y.Float64()) },
		Button: func(_, _, button uint32, state wlclient.WlPointerButtonState) {
			in.button(button, state == wlclient.WlPointerButtonStatePressed)
		},
		Axis: func(_ uint32, axis wlclient.WlPointerAxis, value wire.Fixed) {
			in.axis(axis == wlclient.WlPointerAxisHorizontalScroll, value.Float64())
		},
	})
}
