package control

// vkToEvdev pairs Windows virtual key codes (the "Virtual-Key Codes" list of
// the Windows API) with key codes of linux/input-event-codes.h, each once.
var vkToEvdev = [256]uint16{
	// Editing and white space.
	0x08: 14,  // KEY_BACKSPACE
	0x09: 15,  // KEY_TAB
	0x0D: 28,  // KEY_ENTER
	0x13: 119, // KEY_PAUSE
	0x14: 58,  // KEY_CAPSLOCK
	0x1B: 1,   // KEY_ESC
	0x20: 57,  // KEY_SPACE
	0x21: 104, // KEY_PAGEUP
	0x22: 109, // KEY_PAGEDOWN
	0x23: 107, // KEY_END
	0x24: 102, // KEY_HOME
	0x25: 105, // KEY_LEFT
	0x26: 103, // KEY_UP
	0x27: 106, // KEY_RIGHT
	0x28: 108, // KEY_DOWN
	0x2A: 210, // KEY_PRINT
	0x2C: 99,  // KEY_SYSRQ
	0x2D: 110, // KEY_INSERT
	0x2E: 111, // KEY_DELETE
	0x2F: 138, // KEY_HELP
	// Japanese and Brazilian keys.
	0x15: 93, // KEY_KATAKANAHIRAGANA
	0x19: 85, // KEY_ZENKAKUHANKAKU
	0x1C: 92, // KEY_HENKAN
	0x1D: 94, // KEY_MUHENKAN
	0xC1: 89, // KEY_RO
	// Digits.
	0x30: 11, // KEY_0
	0x31: 2,  // KEY_1
	0x32: 3,  // KEY_2
	0x33: 4,  // KEY_3
	0x34: 5,  // KEY_4
	0x35: 6,  // KEY_5
	0x36: 7,  // KEY_6
	0x37: 8,  // KEY_7
	0x38: 9,  // KEY_8
	0x39: 10, // KEY_9
	// Letters.
	0x41: 30, // KEY_A
	0x42: 48, // KEY_B
	0x43: 46, // KEY_C
	0x44: 32, // KEY_D
	0x45: 18, // KEY_E
	0x46: 33, // KEY_F
	0x47: 34, // KEY_G
	0x48: 35, // KEY_H
	0x49: 23, // KEY_I
	0x4A: 36, // KEY_J
	0x4B: 37, // KEY_K
	0x4C: 38, // KEY_L
	0x4D: 50, // KEY_M
	0x4E: 49, // KEY_N
	0x4F: 24, // KEY_O
	0x50: 25, // KEY_P
	0x51: 16, // KEY_Q
	0x52: 19, // KEY_R
	0x53: 31, // KEY_S
	0x54: 20, // KEY_T
	0x55: 22, // KEY_U
	0x56: 47, // KEY_V
	0x57: 17, // KEY_W
	0x58: 45, // KEY_X
	0x59: 21, // KEY_Y
	0x5A: 44, // KEY_Z
	// Windows, menu and sleep keys.
	0x5B: 125, // KEY_LEFTMETA
	0x5C: 126, // KEY_RIGHTMETA
	0x5D: 127, // KEY_COMPOSE
	0x5F: 142, // KEY_SLEEP
	// Keypad.
	0x60: 82,  // KEY_KP0
	0x61: 79,  // KEY_KP1
	0x62: 80,  // KEY_KP2
	0x63: 81,  // KEY_KP3
	0x64: 75,  // KEY_KP4
	0x65: 76,  // KEY_KP5
	0x66: 77,  // KEY_KP6
	0x67: 71,  // KEY_KP7
	0x68: 72,  // KEY_KP8
	0x69: 73,  // KEY_KP9
	0x6A: 55,  // KEY_KPASTERISK
	0x6B: 78,  // KEY_KPPLUS
	0x6C: 121, // KEY_KPCOMMA
	0x6D: 74,  // KEY_KPMINUS
	0x6E: 83,  // KEY_KPDOT
	0x6F: 98,  // KEY_KPSLASH
	0x90: 69,  // KEY_NUMLOCK
	0x92: 117, // KEY_KPEQUAL
	// Function keys.
	0x70: 59,  // KEY_F1
	0x71: 60,  // KEY_F2
	0x72: 61,  // KEY_F3
	0x73: 62,  // KEY_F4
	0x74: 63,  // KEY_F5
	0x75: 64,  // KEY_F6
	0x76: 65,  // KEY_F7
	0x77: 66,  // KEY_F8
	0x78: 67,  // KEY_F9
	0x79: 68,  // KEY_F10
	0x7A: 87,  // KEY_F11
	0x7B: 88,  // KEY_F12
	0x7C: 183, // KEY_F13
	0x7D: 184, // KEY_F14
	0x7E: 185, // KEY_F15
	0x7F: 186, // KEY_F16
	0x80: 187, // KEY_F17
	0x81: 188, // KEY_F18
	0x82: 189, // KEY_F19
	0x83: 190, // KEY_F20
	0x84: 191, // KEY_F21
	0x85: 192, // KEY_F22
	0x86: 193, // KEY_F23
	0x87: 194, // KEY_F24
	0x91: 70,  // KEY_SCROLLLOCK
	// Modifiers.
	0xA0: 42,  // KEY_LEFTSHIFT
	0xA1: 54,  // KEY_RIGHTSHIFT
	0xA2: 29,  // KEY_LEFTCTRL
	0xA3: 97,  // KEY_RIGHTCTRL
	0xA4: 56,  // KEY_LEFTALT
	0xA5: 100, // KEY_RIGHTALT
	// Browser, media and application keys.
	0xA6: 158, // KEY_BACK
	0xA7: 159, // KEY_FORWARD
	0xA8: 173, // KEY_REFRESH
	0xA9: 128, // KEY_STOP
	0xAA: 217, // KEY_SEARCH
	0xAB: 156, // KEY_BOOKMARKS
	0xAC: 172, // KEY_HOMEPAGE
	0xAD: 113, // KEY_MUTE
	0xAE: 114, // KEY_VOLUMEDOWN
	0xAF: 115, // KEY_VOLUMEUP
	0xB0: 163, // KEY_NEXTSONG
	0xB1: 165, // KEY_PREVIOUSSONG
	0xB2: 166, // KEY_STOPCD
	0xB3: 164, // KEY_PLAYPAUSE
	0xB4: 155, // KEY_MAIL
	0xB5: 226, // KEY_MEDIA
	0xB6: 157, // KEY_COMPUTER
	0xB7: 140, // KEY_CALC
	// Punctuation, by its place on a US keyboard.
	0xBA: 39, // KEY_SEMICOLON
	0xBB: 13, // KEY_EQUAL
	0xBC: 51, // KEY_COMMA
	0xBD: 12, // KEY_MINUS
	0xBE: 52, // KEY_DOT
	0xBF: 53, // KEY_SLASH
	0xC0: 41, // KEY_GRAVE
	0xDB: 26, // KEY_LEFTBRACE
	0xDC: 43, // KEY_BACKSLASH
	0xDD: 27, // KEY_RIGHTBRACE
	0xDE: 40, // KEY_APOSTROPHE
	0xE2: 86, // KEY_102ND
}

// vkAliases are codes that do not say which of two keys is meant.
var vkAliases = map[uint8]uint16{
	0x0C: 76,  // VK_CLEAR: KEY_KP5 without num lock
	0x10: 42,  // VK_SHIFT: KEY_LEFTSHIFT
	0x11: 29,  // VK_CONTROL: KEY_LEFTCTRL
	0x12: 56,  // VK_MENU: KEY_LEFTALT
	0xC2: 121, // the Brazilian keypad's separator: KEY_KPCOMMA
}

// evdevToVK is vkToEvdev turned round.
var evdevToVK = func() (table [256]uint8) {
	for vk, code := range vkToEvdev {
		table[code] = uint8(vk)
	}
	table[0] = 0
	table[96] = 0x0D // KEY_KPENTER has no code of its own
	return table
}()

// evdevButtons are the BTN_ codes of mouse buttons.
var evdevButtons = [...]uint16{
	ButtonLeft:   0x110, // BTN_LEFT
	ButtonMiddle: 0x112, // BTN_MIDDLE
	ButtonRight:  0x111, // BTN_RIGHT
	ButtonX1:     0x113, // BTN_SIDE
	ButtonX2:     0x114, // BTN_EXTRA
}
