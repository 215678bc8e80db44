package probe

import (
	"github.com/kennel-stream/kennel/internal/terminal"
	"github.com/kennel-stream/kennel/moonlight/control"
)

// Windows virtual key codes of the keys that type no character. F1 is 0x70.
var namedVKs = map[terminal.Named]uint8{
	terminal.Enter: 0x0d, terminal.Tab: 0x09, terminal.Backspace: 0x08, terminal.Escape: 0x1b,
	terminal.Up: 0x26, terminal.Down: 0x28, terminal.Right: 0x27, terminal.Left: 0x25,
	terminal.Home: 0x24, terminal.End: 0x23, terminal.PageUp: 0x21, terminal.PageDown: 0x22,
	terminal.Insert: 0x2d, terminal.Delete: 0x2e,
}

// The modifier keys in the order in which they are pressed.
var modifierVKs = [...]struct {
	vk  uint8
	bit control.Modifiers
}{{0xa0, control.ModifierShift}, {0xa2, control.ModifierCtrl}, {0xa4, control.ModifierAlt}}

// press sends what was typed in a terminal: as keys of a US keyboard, or as
// text where no such key types it.
func (p *Pilot) press(k terminal.Key) error {
	vk, shift, ok := keyCode(k)
	if !ok {
		return p.Input(control.Text{Text: string(k.Rune)})
	}
	return p.chord(vk, modifiers(shift || k.Shift, k.Ctrl, k.Alt))
}

func keyCode(k terminal.Key) (vk uint8, shift, ok bool) {
	switch {
	case k.Named >= terminal.F1:
		return 0x70 + uint8(k.Named-terminal.F1), false, true
	case k.Named != 0:
		return namedVKs[k.Named], false, true
	}
	return control.RuneToVK(k.Rune)
}

func modifiers(shift, ctrl, alt bool) (held control.Modifiers) {
	for i, is := range [...]bool{shift, ctrl, alt} {
		if is {
			held |= modifierVKs[i].bit
		}
	}
	return held
}

// chord presses the modifiers, then the key, and releases all.
func (p *Pilot) chord(vk uint8, held control.Modifiers) error {
	now := control.Modifiers(0)
	send := func(vk uint8, down bool) error { return p.Input(control.Key{VK: vk, Down: down, Modifiers: now}) }
	for _, m := range modifierVKs {
		if held&m.bit != 0 {
			now |= m.bit
			if err := send(m.vk, true); err != nil {
				return err
			}
		}
	}
	for _, down := range [...]bool{true, false} {
		if err := send(vk, down); err != nil {
			return err
		}
	}
	for _, m := range modifierVKs {
		if held&m.bit != 0 {
			now &^= m.bit
			if err := send(m.vk, false); err != nil {
				return err
			}
		}
	}
	return nil
}
