package demo

import (
	"fmt"
	"math"

	"github.com/kennel-stream/kennel/internal/barcode"
)

// input counts what keyboard and pointer say, and puts the last of it into words.
type input struct {
	reading barcode.Reading // only its input fields are used
	heard   string
}

// key notes a wl_keyboard.key; code is an evdev key code.
func (in *input) key(code uint32, down bool) {
	what := "down"
	if down {
		in.reading.KeysDown++
	} else {
		in.reading.KeysUp++
		what = "up"
	}
	in.reading.LastKey = uint16(code)
	in.heard = fmt.Sprintf("key %s %s (%d)", keyName(code), what, code)
}

// modifiers notes a wl_keyboard.modifiers.
func (in *input) modifiers(depressed uint32) { in.reading.Modifiers = uint8(depressed) }

// motion notes a wl_pointer.motion to a place on the surface.
func (in *input) motion(x, y float64) {
	in.reading.Motions++
	in.place(x, y)
	in.heard = fmt.Sprintf("pointer at %d, %d", in.reading.PointerX, in.reading.PointerY)
}

// place notes where the pointer is.
func (in *input) place(x, y float64) {
	in.reading.PointerX, in.reading.PointerY = pixel(x), pixel(y)
}

func pixel(v float64) uint16 { return uint16(min(max(v, 0), math.MaxUint16)) }

// button notes a wl_pointer.button; code is an evdev button code.
func (in *input) button(code uint32, down bool) {
	in.reading.Buttons++
	in.reading.LastButton = uint16(code)
	what := "up"
	if down {
		what = "down"
	}
	in.heard = fmt.Sprintf("%s button %s (%d)", buttonName(code), what, code)
}

// axis notes a wl_pointer.axis.
func (in *input) axis(horizontal bool, value float64) {
	in.reading.Axes++
	direction := "down"
	switch {
	case horizontal && value < 0:
		direction = "left"
	case horizontal:
		direction = "right"
	case value < 0:
		direction = "up"
	}
	in.heard = fmt.Sprintf("scroll %s %.0f", direction, math.Abs(value))
}

// fill copies the input to a reading.
func (in *input) fill(r *barcode.Reading) {
	i := &in.reading
	r.KeysDown, r.KeysUp, r.LastKey, r.Modifiers = i.KeysDown, i.KeysUp, i.LastKey, i.Modifiers
	r.Buttons, r.LastButton, r.Motions, r.Axes = i.Buttons, i.LastButton, i.Motions, i.Axes
	r.PointerX, r.PointerY = i.PointerX, i.PointerY
}
