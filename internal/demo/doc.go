// Package demo is the app that is built into kennel: a Wayland client in pure
// Go that shows a moving picture, a clock and what it hears from keyboard and
// pointer, for people in words and for kennel probe in a barcode. It plays a tone
// of its own on every channel, and beeps when the picture flashes.
package demo
