package control

// VKToEvdev gives the Linux key code (KEY_ in linux/input-event-codes.h) of a
// Windows virtual key code on a US keyboard.
func VKToEvdev(vk uint8) (code uint16, ok bool) { return 0, false }

// EvdevToVK is the way back.
func EvdevToVK(code uint16) (vk uint8, ok bool) { return 0, false }

// ButtonToEvdev gives the Linux code (BTN_) of a mouse button.
func ButtonToEvdev(b Button) (code uint16, ok bool) { return 0, false }

// EvdevToButton is the way back.
func EvdevToButton(code uint16) (b Button, ok bool) { return 0, false }

// RuneToVK says which key of a US keyboard types a character, and whether shift
// is held for it.
func RuneToVK(r rune) (vk uint8, shift, ok bool) { return 0, false, false }
