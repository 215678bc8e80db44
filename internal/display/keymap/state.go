package keymap

// Modifier bits of the keymap, as wl_keyboard.modifiers carries them.
const (
	ModShift   = 1 << 0
	ModLock    = 1 << 1
	ModControl = 1 << 2
	ModAlt     = 1 << 3
	ModNum     = 1 << 4
	ModSuper   = 1 << 6
)

// Modifiers is what wl_keyboard.modifiers carries.
type Modifiers struct{ Depressed, Latched, Locked, Group uint32 }

// State tracks which keys are down and which modifiers that makes. The zero
// value is a keyboard at rest.
type State struct {
	down    [KeyMax/64 + 1]uint64
	order   []uint16
	counts  [8]uint8 // held keys per modifier bit
	mods    Modifiers
	unlocks uint32 // locks that the next release of their key ends
}

func modifier(code uint16) uint32 {
	switch code {
	case KeyLeftShift, KeyRightShift:
		return ModShift
	case KeyLeftCtrl, KeyRightCtrl:
		return ModControl
	case KeyLeftAlt, KeyRightAlt:
		return ModAlt
	case KeyLeftMeta, KeyRightMeta:
		return ModSuper
	case KeyCapsLock:
		return ModLock
	case KeyNumLock:
		return ModNum
	}
	return 0
}

// Modifiers are those in effect.
func (s *State) Modifiers() Modifiers { return s.mods }

// Pressed are the keys that are down, the first pressed first. It is valid
// until the next Key.
func (s *State) Pressed() []uint16 { return s.order }

// Down reports whether a key is down.
func (s *State) Down(code uint16) bool {
	return code <= KeyMax && s.down[code/64]&(1<<(code%64)) != 0
}

// Key presses or releases a key. ok is false where that changes nothing: the
// key is unknown, already down or already up.
func (s *State) Key(code uint16, pressed bool) (ok, modifiers bool) {
	if code == 0 || code > KeyMax || s.Down(code) == pressed {
		return false, false
	}
	s.down[code/64] ^= 1 << (code % 64)
	if pressed {
		s.order = append(s.order, code)
	} else {
		s.forget(code)
	}
	before := s.mods
	s.modify(modifier(code), pressed)
	return true, s.mods != before
}

func (s *State) forget(code uint16) {
	for i, c := range s.order {
		if c == code {
			s.order = append(s.order[:i], s.order[i+1:]...)
			return
		}
	}
}

// modify follows XKB: SetMods while a key is held, and LockMods for Lock and
// Num, whose lock ends at the release of the press that found it set.
func (s *State) modify(mod uint32, pressed bool) {
	for bit := range s.counts {
		if mod != 1<<bit {
			continue
		}
		if pressed {
			s.counts[bit]++
			s.mods.Depressed |= mod
			s.lock(mod)
			continue
		}
		if s.counts[bit]--; s.counts[bit] == 0 {
			s.mods.Depressed &^= mod
		}
		if s.unlocks&mod != 0 {
			s.unlocks &^= mod
			s.mods.Locked &^= mod
		}
	}
}

func (s *State) lock(mod uint32) {
	if mod&(ModLock|ModNum) == 0 {
		return
	}
	if s.mods.Locked&mod != 0 {
		s.unlocks |= mod
	}
	s.mods.Locked |= mod
}
