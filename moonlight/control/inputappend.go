package control

import (
	"encoding/binary"
	"math"
)

// AppendInput appends an input packet, the payload of TypeInput. Values out of
// the range that their type documents give a packet that ParseInput refuses. A
// nil Input appends nothing.
func AppendInput(dst []byte, in Input) []byte {
	start := len(dst)
	dst = append(dst, 0, 0, 0, 0)
	switch v := in.(type) {
	case Key:
		dst = v.appendTo(dst)
	case Text:
		dst = append(magic(dst, magicText), v.Text...)
	case MouseMove:
		dst = bigWords(magic(dst, magicMouseMove), v.DX, v.DY)
	case MousePosition:
		dst = bigWords(magic(dst, magicMousePosition), v.X, v.Y, 0, int16(v.Width-1), int16(v.Height-1))
	case MouseButton:
		number := uint32(magicButtonUp)
		if v.Down {
			number = magicButtonDown
		}
		dst = append(magic(dst, number), byte(v.Button))
	case Scroll:
		dst = bigWords(magic(dst, magicScroll), v.Amount, v.Amount, 0)
	case HScroll:
		dst = bigWords(magic(dst, magicHScroll), v.Amount)
	case Haptics:
		enabled := uint16(0)
		if v.Enabled {
			enabled = 1
		}
		dst = appendWords(magic(dst, magicHaptics), enabled)
	case Controller:
		dst = v.appendTo(dst)
	case Touch:
		dst = v.appendTo(dst)
	case Pen:
		dst = v.appendTo(dst)
	case ControllerArrival:
		dst = append(magic(dst, magicArrival), v.Number, byte(v.Kind))
		dst = binary.LittleEndian.AppendUint32(appendWords(dst, v.Abilities), v.Buttons)
	case ControllerTouch:
		dst = append(magic(dst, magicControllerTouch), v.Number, byte(v.Event), 0, v.Touchpad)
		dst = appendFloats(binary.LittleEndian.AppendUint32(dst, v.Pointer), v.X, v.Y, v.Pressure)
	case ControllerMotion:
		dst = append(magic(dst, magicControllerMotion), v.Number, byte(v.Sensor), 0, 0)
		dst = appendFloats(dst, v.X, v.Y, v.Z)
	case ControllerBattery:
		dst = append(magic(dst, magicControllerBattery), v.Number, byte(v.State), v.Percent, 0)
	default:
		return dst[:start]
	}
	binary.BigEndian.PutUint32(dst[start:], uint32(len(dst)-start-4))
	return dst
}

func (k Key) appendTo(dst []byte) []byte {
	number, flags := uint32(magicKeyUp), byte(0)
	if k.Down {
		number = magicKeyDown
	}
	if k.NotNormalized {
		flags = 1
	}
	// Real clients set the high byte of the key code to 0x80.
	return append(magic(dst, number), flags, k.VK, 0x80, byte(k.Modifiers), 0, 0)
}

func (c Controller) appendTo(dst []byte) []byte {
	dst = appendWords(magic(dst, magicController), 0x001A, uint16(c.Number), c.Active, 0x0014, uint16(c.Buttons))
	dst = append(dst, c.LeftTrigger, c.RightTrigger)
	dst = appendWords(dst, uint16(c.LeftX), uint16(c.LeftY), uint16(c.RightX), uint16(c.RightY))
	return appendWords(dst, 0x009C, uint16(c.Buttons>>16), 0x0055)
}

func (t Touch) appendTo(dst []byte) []byte {
	dst = appendWords(append(magic(dst, magicTouch), byte(t.Event), 0), t.Rotation)
	dst = binary.LittleEndian.AppendUint32(dst, t.Pointer)
	return appendFloats(dst, t.X, t.Y, t.Pressure, t.Major, t.Minor)
}

func (p Pen) appendTo(dst []byte) []byte {
	dst = append(magic(dst, magicPen), byte(p.Event), byte(p.Tool), p.Buttons, 0)
	dst = appendWords(appendFloats(dst, p.X, p.Y, p.Pressure), p.Rotation)
	return appendFloats(append(dst, p.Tilt, 0), p.Major, p.Minor)
}

func magic(dst []byte, number uint32) []byte { return binary.LittleEndian.AppendUint32(dst, number) }

func bigWords(dst []byte, words ...int16) []byte {
	for _, w := range words {
		dst = binary.BigEndian.AppendUint16(dst, uint16(w))
	}
	return dst
}

func appendFloats(dst []byte, values ...float32) []byte {
	for _, v := range values {
		dst = binary.LittleEndian.AppendUint32(dst, math.Float32bits(v))
	}
	return dst
}
