// Package pad makes the gamepads of a session: each is a device of the kernel,
// made over /dev/uinput, that moves as the gamepad in the player's hands does.
// The app finds it as it finds one that is plugged in: by its node, and in a
// container by a record of udev and a message that udev would send there.
//
// A Set belongs to one session and ends with it. The kernel removes a device
// when its file is closed, so none outlives a host that crashes.
package pad
