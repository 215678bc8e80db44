// Package display starts and speaks to a session's display: the headless
// Wayland compositor that runs as a process of its own behind the hidden verb
// `kennel display` (package compositor).
//
// The display inherits two descriptors: 3 is the control link (an ipc.Conn),
// 4 the listening Wayland socket, already bound. The host configures it, hands
// it scene links (one per rendition, package scene) and input, and hears what
// the session's clients do as Events. When either process dies, the other
// reads end of file at once; nothing that a display held outlives it.
package display
