package control

import (
	"encoding/binary"
	"fmt"
	"math"
	"unicode/utf8"
)

// Magic numbers of input packets (moonlight-common-c Input.h).
const (
	magicKeyDown           = 0x03
	magicKeyUp             = 0x04
	magicMousePosition     = 0x05
	magicMouseMove         = 0x07
	magicButtonDown        = 0x08
	magicButtonUp          = 0x09
	magicScroll            = 0x0A
	magicController        = 0x0C
	magicHaptics           = 0x0D
	magicText              = 0x17
	magicHScroll           = 0x55000001
	magicTouch             = 0x55000002
	magicPen               = 0x55000003
	magicArrival           = 0x55000004
	magicControllerTouch   = 0x55000005
	magicControllerMotion  = 0x55000006
	magicControllerBattery = 0x55000007
)

const (
	inputHeaderSize = 8
	// maximumText is the longest text of a packet, in bytes.
	maximumText = 32
	// maximumInput is the longest packet: longer than any known one, so that newer
	// clients may append fields.
	maximumInput = 256
)

// bodySize is the shortest body of each packet after its magic number.
func bodySize(magic uint32) (size int, known bool) {
	switch magic {
	case magicText, magicButtonDown, magicButtonUp:
		return 1, true
	case magicHaptics, magicHScroll:
		return 2, true
	case magicMouseMove, magicControllerBattery:
		return 4, true
	case magicKeyDown, magicKeyUp, magicScroll:
		return 6, true
	case magicArrival:
		return 8, true
	case magicMousePosition:
		return 10, true
	case magicControllerMotion:
		return 16, true
	case magicControllerTouch:
		return 20, true
	case magicController:
		return 26, true
	case magicTouch, magicPen:
		return 28, true
	}
	return 0, false
}

// ParseInput reads an input packet, the payload of TypeInput. A packet of an
// unknown kind gives ErrUnknown; one that is short, or holds a value out of its
// range, ErrMalformed. Positions and pressures are cut to 0 to 1 instead, since
// real clients overshoot.
func ParseInput(payload []byte) (Input, error) {
	if len(payload) < inputHeaderSize || len(payload) > maximumInput {
		return nil, fmt.Errorf("input packet of %d bytes, want %d to %d: %w", len(payload), inputHeaderSize, maximumInput, ErrMalformed)
	}
	if size := binary.BigEndian.Uint32(payload); uint64(size) != uint64(len(payload)-4) {
		return nil, fmt.Errorf("input packet says it has %d bytes and has %d: %w", size, len(payload)-4, ErrMalformed)
	}
	magic := binary.LittleEndian.Uint32(payload[4:])
	size, known := bodySize(magic)
	if !known {
		return nil, fmt.Errorf("input packet %#x: %w", magic, ErrUnknown)
	}
	body := payload[inputHeaderSize:]
	if len(body) < size {
		return nil, fmt.Errorf("input packet %#x of %d bytes, want %d: %w", magic, len(body), size, ErrMalformed)
	}
	in, ok := parseBody(magic, body)
	if !ok {
		return nil, fmt.Errorf("input packet %#x holds a value out of range: %w", magic, ErrMalformed)
	}
	return in, nil
}

func parseBody(magic uint32, b []byte) (Input, bool) {
	switch magic {
	case magicKeyDown, magicKeyUp:
		// Clients set the high byte of the key code to 0x80.
		return Key{Down: magic == magicKeyDown, VK: b[1], NotNormalized: b[0]&1 != 0, Modifiers: Modifiers(b[3])}, true
	case magicText:
		return Text{string(b)}, len(b) <= maximumText && utf8.Valid(b)
	case magicMouseMove:
		return MouseMove{signedBE(b), signedBE(b[2:])}, true
	case magicMousePosition:
		width, height := binary.BigEndian.Uint16(b[6:]), binary.BigEndian.Uint16(b[8:])
		return MousePosition{signedBE(b), signedBE(b[2:]), width + 1, height + 1}, width <= math.MaxInt16 && height <= math.MaxInt16
	case magicButtonDown, magicButtonUp:
		return MouseButton{magic == magicButtonDown, Button(b[0])}, b[0] >= 1 && b[0] <= uint8(ButtonX2)
	case magicScroll:
		return Scroll{signedBE(b)}, true
	case magicHScroll:
		return HScroll{signedBE(b)}, true
	case magicHaptics:
		return Haptics{binary.LittleEndian.Uint16(b) != 0}, true
	case magicController:
		return parseController(b)
	case magicTouch:
		return parseTouch(b)
	case magicPen:
		return parsePen(b)
	case magicArrival:
		return ControllerArrival{
			Number: b[0], Kind: ControllerKind(b[1]),
			Abilities: binary.LittleEndian.Uint16(b[2:]), Buttons: binary.LittleEndian.Uint32(b[4:]),
		}, b[0] < MaxGamepads
	case magicControllerTouch:
		return parseControllerTouch(b)
	case magicControllerMotion:
		return parseMotion(b)
	}
	return ControllerBattery{b[0], BatteryState(b[1]), b[2]},
		b[0] < MaxGamepads && b[1] <= uint8(BatteryFull) && (b[2] <= 100 || b[2] == PercentUnknown)
}

func parseController(b []byte) (Input, bool) {
	word := func(at int) uint16 { return binary.LittleEndian.Uint16(b[at:]) }
	return Controller{
		Number:      uint8(word(2)),
		Active:      word(4),
		Buttons:     uint32(word(8)) | uint32(word(22))<<16,
		LeftTrigger: b[10], RightTrigger: b[11],
		LeftX: int16(word(12)), LeftY: int16(word(14)),
		RightX: int16(word(16)), RightY: int16(word(18)),
	}, word(2) < MaxGamepads
}

func parseTouch(b []byte) (Input, bool) {
	f := floats{body: b}
	t := Touch{
		Event: TouchEvent(b[0]), Rotation: binary.LittleEndian.Uint16(b[2:]), Pointer: binary.LittleEndian.Uint32(b[4:]),
		X: f.part(8), Y: f.part(12), Pressure: f.part(16), Major: f.part(20), Minor: f.part(24),
	}
	return t, !f.bad && t.Event <= TouchCancelAll
}

func parsePen(b []byte) (Input, bool) {
	f := floats{body: b}
	p := Pen{
		Event: TouchEvent(b[0]), Tool: PenTool(b[1]), Buttons: b[2],
		X: f.part(4), Y: f.part(8), Pressure: f.part(12),
		Rotation: binary.LittleEndian.Uint16(b[16:]), Tilt: b[18],
		Major: f.part(20), Minor: f.part(24),
	}
	return p, !f.bad && p.Event <= TouchCancelAll && p.Tool <= ToolEraser && (p.Tilt <= 90 || p.Tilt == TiltUnknown)
}

func parseControllerTouch(b []byte) (Input, bool) {
	f := floats{body: b}
	t := ControllerTouch{
		Number: b[0], Event: TouchEvent(b[1]), Touchpad: b[3], Pointer: binary.LittleEndian.Uint32(b[4:]),
		X: f.part(8), Y: f.part(12), Pressure: f.part(16),
	}
	return t, !f.bad && t.Number < MaxGamepads && t.Event <= TouchCancelAll
}

func parseMotion(b []byte) (Input, bool) {
	f := floats{body: b}
	m := ControllerMotion{Number: b[0], Sensor: MotionSensor(b[1]), X: f.at(4), Y: f.at(8), Z: f.at(12)}
	return m, !f.bad && m.Number < MaxGamepads && (m.Sensor == Accelerometer || m.Sensor == Gyroscope)
}

// floats reads little-endian floats, and notes whether any was not a number.
type floats struct {
	body []byte
	bad  bool
}

func (f *floats) at(offset int) float32 {
	v := math.Float32frombits(binary.LittleEndian.Uint32(f.body[offset:]))
	if math.IsNaN(float64(v)) || math.IsInf(float64(v), 0) {
		f.bad = true
	}
	return v
}

// part reads a float and cuts it to 0 to 1.
func (f *floats) part(offset int) float32 { return min(max(f.at(offset), 0), 1) }

func signedBE(b []byte) int16 { return int16(binary.BigEndian.Uint16(b)) }
