package compositor

import (
	"slices"

	"github.com/kennel-stream/kennel/internal/display"
	"github.com/kennel-stream/kennel/internal/display/keymap"
	wlserver "github.com/kennel-stream/kennel/wayland/protocol/server"
)

// typeText types text for the focused client, whatever keys are held now:
// characters of the layout by their keys, others as text where the client has a
// text field (text-input) and else by a keymap that has them, which the usual
// one follows. A nested wlroots compositor keeps its own keymap and is no text
// field, so that only the first kind arrives there.
func (s *seat) typeText(text string) {
	for rest := []rune(text); len(rest) > 0; {
		keys := prefix(rest, true)
		s.typeByKeys(rest[:keys])
		rest = rest[keys:]
		others := prefix(rest, false)
		if !s.commitText(string(rest[:others])) {
			s.typeByKeys(rest[:others])
		}
		rest = rest[others:]
	}
	s.sendModifiers(s.keys.Modifiers())
}

// prefix counts the runes at the beginning that the layout has, or has not.
// Control characters without a key are no text for a field.
func prefix(runes []rune, onLayout bool) int {
	for i, r := range runes {
		if _, ok := keymap.Lookup(r); (ok || !keymap.Typeable(r)) != onLayout {
			return i
		}
	}
	return len(runes)
}

func (s *seat) typeByKeys(runes []rune) {
	for len(runes) > 0 {
		extra, n := batch(runes)
		s.typeBatch(runes[:n], extra)
		runes = runes[n:]
	}
}

// batch returns how many of the runes one keymap can type, and which of them
// it must add.
func batch(runes []rune) (extra []rune, n int) {
	for i, r := range runes {
		if _, ok := keymap.Lookup(r); ok || !keymap.Typeable(r) || slices.Contains(extra, r) {
			continue
		}
		if len(extra) == keymap.MaxExtra {
			return extra, i
		}
		extra = append(extra, r)
	}
	return extra, len(runes)
}

func (s *seat) typeBatch(runes, extra []rune) {
	if len(extra) > 0 {
		file, err := newKeymapFile(keymap.Text(extra))
		if err != nil {
			s.c.event(display.Event{Kind: display.EventFault, Fault: display.FaultOutput, Detail: err.Error()})
			return
		}
		defer file.close()
		s.eachKeyboard(file.send)
		defer s.eachKeyboard(s.keymap.send)
	}
	for _, r := range runes {
		stroke, ok := keymap.Lookup(r)
		if i := slices.Index(extra, r); !ok && i >= 0 {
			stroke, ok = keymap.Stroke{Code: keymap.ExtraCode(i)}, true
		}
		if ok {
			s.stroke(stroke)
		}
	}
}

// stroke presses and releases one key, with shift as it needs.
func (s *seat) stroke(k keymap.Stroke) {
	m := keymap.Modifiers{Locked: s.keys.Modifiers().Locked}
	shift := k.Shift != (k.Letter && m.Locked&keymap.ModLock != 0)
	if shift {
		s.sendKey(keymap.KeyLeftShift, true)
		m.Depressed = keymap.ModShift
	}
	s.sendModifiers(m)
	s.sendKey(k.Code, true)
	s.sendKey(k.Code, false)
	if shift {
		s.sendKey(keymap.KeyLeftShift, false)
		m.Depressed = 0
		s.sendModifiers(m)
	}
}

// sendKey sends a key that the state of the keyboard does not know of; one
// that is held already is left alone.
func (s *seat) sendKey(code uint16, pressed bool) {
	if s.keys.Down(code) {
		return
	}
	state := wlserver.WlKeyboardKeyStateReleased
	if pressed {
		state = wlserver.WlKeyboardKeyStatePressed
	}
	serial, now := s.c.wl.NextSerial(), s.millis()
	s.eachKeyboard(func(b *wlserver.WlKeyboard) { b.SendKey(serial, now, uint32(code), state) })
}
