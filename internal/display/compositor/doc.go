// Package compositor is the display process of a session: a headless Wayland
// compositor without GL, whose picture goes to media processes as scenes.
//
// One goroutine, the loop of the wayland server, owns all state; the control
// link, scene links and timers enter it by Display.Do. Pixels of clients are
// read (pread) into memory of our own when they are committed and the buffer
// is released at once: no client can hold back or crash what others see.
package compositor
