package control

import "strings"

// VKToEvdev gives the Linux key code (KEY_ in linux/input-event-codes.h) of a
// Windows virtual key code, both by their place on a US keyboard.
func VKToEvdev(vk uint8) (code uint16, ok bool) {
	if code, ok = vkAliases[vk]; ok {
		return code, true
	}
	code = vkToEvdev[vk]
	return code, code != 0
}

// EvdevToVK is the way back. Of several virtual key codes for a key it gives the
// one that says left or right.
func EvdevToVK(code uint16) (vk uint8, ok bool) {
	if int(code) >= len(evdevToVK) {
		return 0, false
	}
	vk = evdevToVK[code]
	return vk, vk != 0
}

// ButtonToEvdev gives the Linux code (BTN_ in linux/input-event-codes.h) of a
// mouse button.
func ButtonToEvdev(b Button) (code uint16, ok bool) {
	if b < ButtonLeft || b > ButtonX2 {
		return 0, false
	}
	return evdevButtons[b], true
}

// EvdevToButton is the way back.
func EvdevToButton(code uint16) (b Button, ok bool) {
	for b := ButtonLeft; b <= ButtonX2; b++ {
		if evdevButtons[b] == code {
			return b, true
		}
	}
	return 0, false
}

// The characters of a US keyboard's keys, and the virtual key codes of those.
const (
	plainRunes   = "`-=[]\\;',./0123456789"
	shiftedRunes = "~_+{}|:\"<>?)!@#$%^&*("
	runeVKs      = "\xC0\xBD\xBB\xDB\xDD\xDC\xBA\xDE\xBC\xBE\xBF0123456789"
)

// RuneToVK says which key of a US keyboard types a character, and whether shift
// is held for it. Line feed and carriage return are the enter key.
func RuneToVK(r rune) (vk uint8, shift, ok bool) {
	switch {
	case r >= 'a' && r <= 'z':
		return uint8(r - 'a' + 'A'), false, true
	case r >= 'A' && r <= 'Z':
		return uint8(r), true, true
	case r == '\n' || r == '\r':
		return 0x0D, false, true
	case r == ' ' || r == '\t' || r == '\b' || r == 0x1B:
		return uint8(r), false, true
	}
	if i := strings.IndexRune(plainRunes, r); i >= 0 {
		return runeVKs[i], false, true
	}
	if i := strings.IndexRune(shiftedRunes, r); i >= 0 {
		return runeVKs[i], true, true
	}
	return 0, false, false
}
