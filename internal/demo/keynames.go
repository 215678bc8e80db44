package demo

import "strings"

// keyRows name the evdev codes that follow one another (linux/input-event-codes.h),
// as a US keyboard has them.
var keyRows = map[uint32]string{
	1:   "esc 1 2 3 4 5 6 7 8 9 0 - = backspace tab q w e r t y u i o p bracket-left bracket-right enter ctrl",
	30:  "a s d f g h j k l semicolon quote backtick shift backslash z x c v b n m , . / shift keypad-star alt space capslock",
	59:  "f1 f2 f3 f4 f5 f6 f7 f8 f9 f10 numlock scroll-lock",
	71:  "keypad-7 keypad-8 keypad-9 keypad-- keypad-4 keypad-5 keypad-6 keypad-+ keypad-1 keypad-2 keypad-3 keypad-0 keypad-.",
	87:  "f11 f12",
	96:  "keypad-enter ctrl keypad-/ print alt",
	102: "home up page-up left right end down page-down insert delete",
	125: "super super menu",
}

var keyNames = nameKeys(keyRows)

func nameKeys(rows map[uint32]string) map[uint32]string {
	names := map[uint32]string{}
	for first, row := range rows {
		for i, name := range strings.Fields(row) {
			names[first+uint32(i)] = name
		}
	}
	return names
}

// keyName is what is printed on a key, "?" for one that is not in the table.
func keyName(code uint32) string {
	if name, ok := keyNames[code]; ok {
		return name
	}
	return "?"
}

// Buttons of a mouse (linux/input-event-codes.h).
const (
	buttonLeft   = 0x110
	buttonRight  = 0x111
	buttonMiddle = 0x112
)

func buttonName(code uint32) string {
	switch code {
	case buttonLeft:
		return "left"
	case buttonRight:
		return "right"
	case buttonMiddle:
		return "middle"
	}
	return "other"
}
