package display

import (
	"encoding/binary"
	"errors"
	"fmt"
	"unicode/utf8"
)

// InputKind tells what an Input is.
type InputKind uint8

// The kinds of input; 7 is kept for touch.
const (
	// InputKey is a key by its evdev code (linux/input-event-codes.h).
	InputKey InputKind = 1
	// InputMotionRelative moves the pointer by X, Y pixels.
	InputMotionRelative InputKind = 2
	// InputMotionAbsolute puts the pointer at X of MaxX, Y of MaxY of the output.
	InputMotionAbsolute InputKind = 3
	// InputButton is a pointer button by its BTN_ code.
	InputButton InputKind = 4
	// InputAxis scrolls by X (horizontal) and Y (vertical) in 120ths of a
	// wheel click; positive is right and down.
	InputAxis InputKind = 5
	// InputText types Text.
	InputText InputKind = 6
	// InputReleaseAll lets go of every key and button that is held.
	InputReleaseAll InputKind = 8
)

// MaxText is the largest number of bytes that one InputText types.
const MaxText = 4096

// ErrInput means that an input payload does not parse.
var ErrInput = errors.New("malformed input")

// Input is one act of a person, as it is sent to a display.
type Input struct {
	Kind       InputKind
	Code       uint16
	Pressed    bool
	X, Y       int32
	MaxX, MaxY uint16
	Text       string
}

var le = binary.LittleEndian

// Append encodes in after dst: the kind in one byte, then little endian
// fields. Coordinates are cut to the 16 bits that travel.
func (in *Input) Append(dst []byte) []byte {
	dst = append(dst, byte(in.Kind))
	switch in.Kind {
	case InputKey, InputButton:
		pressed := byte(0)
		if in.Pressed {
			pressed = 1
		}
		return append(le.AppendUint16(dst, in.Code), pressed)
	case InputMotionRelative:
		dst = le.AppendUint16(dst, uint16(clamp16(in.X)))
		return le.AppendUint16(dst, uint16(clamp16(in.Y)))
	case InputMotionAbsolute:
		for _, v := range [...]uint16{clampU16(in.X), clampU16(in.Y), in.MaxX, in.MaxY} {
			dst = le.AppendUint16(dst, v)
		}
		return dst
	case InputAxis:
		dst = le.AppendUint16(dst, uint16(clamp16(in.Y)))
		return le.AppendUint16(dst, uint16(clamp16(in.X)))
	case InputText:
		return append(dst, in.Text...)
	}
	return dst
}

func clamp16(v int32) int16   { return int16(min(max(v, -32768), 32767)) }
func clampU16(v int32) uint16 { return uint16(min(max(v, 0), 65535)) }

// ParseInput decodes what Append made. Errors are ErrInput.
func ParseInput(p []byte) (Input, error) {
	if len(p) == 0 {
		return Input{}, fmt.Errorf("%w: empty", ErrInput)
	}
	in, body := Input{Kind: InputKind(p[0])}, p[1:]
	if want, ok := inputSizes[in.Kind]; ok && len(body) != want {
		return Input{}, fmt.Errorf("%w: kind %d of %d bytes, want %d", ErrInput, in.Kind, len(body), want)
	}
	switch in.Kind {
	case InputKey, InputButton:
		in.Code, in.Pressed = le.Uint16(body), body[2] != 0
	case InputMotionRelative:
		in.X, in.Y = int32(int16(le.Uint16(body))), int32(int16(le.Uint16(body[2:])))
	case InputMotionAbsolute:
		in.X, in.Y = int32(le.Uint16(body)), int32(le.Uint16(body[2:]))
		in.MaxX, in.MaxY = le.Uint16(body[4:]), le.Uint16(body[6:])
		if in.MaxX == 0 || in.MaxY == 0 {
			return Input{}, fmt.Errorf("%w: absolute motion in a space of %dx%d", ErrInput, in.MaxX, in.MaxY)
		}
	case InputAxis:
		in.Y, in.X = int32(int16(le.Uint16(body))), int32(int16(le.Uint16(body[2:])))
	case InputText:
		if len(body) > MaxText || !utf8.Valid(body) {
			return Input{}, fmt.Errorf("%w: text of %d bytes is too long or no UTF-8", ErrInput, len(body))
		}
		in.Text = string(body)
	case InputReleaseAll:
	default:
		return Input{}, fmt.Errorf("%w: unknown kind %d", ErrInput, in.Kind)
	}
	return in, nil
}

// inputSizes are the fixed sizes in bytes of what follows the kind.
var inputSizes = map[InputKind]int{
	InputKey: 3, InputMotionRelative: 4, InputMotionAbsolute: 8, InputButton: 3, InputAxis: 4, InputReleaseAll: 0,
}
