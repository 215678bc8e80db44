package control

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// ErrUnknown: a message or input packet is of a kind that this package does not
// know. Newer programs may send such; ignore them.
var ErrUnknown = errors.New("control message of an unknown kind")

// ParseHostMessage reads a message from a host. A message of an unknown type
// gives ErrUnknown, a short one ErrMalformed.
func ParseHostMessage(m Message) (HostMessage, error) {
	size, known := hostMessageSizes[m.Type]
	if !known {
		return nil, fmt.Errorf("type %v: %w", m.Type, ErrUnknown)
	}
	if err := atLeast(m.Payload, size, "host message "+m.Type.String()); err != nil {
		return nil, err
	}
	p := m.Payload
	word := func(at int) uint16 { return binary.LittleEndian.Uint16(p[at:]) }
	switch m.Type {
	case TypeTermination:
		return Termination{Result: HRESULT(binary.BigEndian.Uint32(p))}, nil
	case TypeRumble:
		return Rumble{Gamepad: word(4), Low: word(6), High: word(8)}, nil
	case TypeTriggerRumble:
		return TriggerRumble{Gamepad: word(0), Left: word(2), Right: word(4)}, nil
	case TypeMotionEnable:
		return MotionEnable{Gamepad: word(0), Rate: word(2), Sensor: MotionSensor(p[4])}, nil
	case TypeLED:
		return LED{Gamepad: word(0), Red: p[2], Green: p[3], Blue: p[4]}, nil
	case TypeAdaptiveTriggers:
		return AdaptiveTriggers{
			Gamepad: word(0), Flags: p[2], LeftMode: p[3], RightMode: p[4],
			Left: [10]byte(p[5:15]), Right: [10]byte(p[15:25]),
		}, nil
	}
	return parseHDRMode(p), nil
}

// hostMessageSizes are the shortest payloads.
var hostMessageSizes = map[Type]int{
	TypeTermination:      4,
	TypeRumble:           10,
	TypeHDRMode:          1,
	TypeTriggerRumble:    6,
	TypeMotionEnable:     5,
	TypeLED:              5,
	TypeAdaptiveTriggers: 25,
}

// parseHDRMode reads a payload with or without metadata, which GFE did not send.
func parseHDRMode(p []byte) HDRMode {
	m := HDRMode{Enabled: p[0] != 0}
	if len(p) < 27 {
		return m
	}
	word := func(i int) uint16 { return binary.LittleEndian.Uint16(p[1+2*i:]) }
	m.Red, m.Green = Point{word(0), word(1)}, Point{word(2), word(3)}
	m.Blue, m.White = Point{word(4), word(5)}, Point{word(6), word(7)}
	m.MaxLuminance, m.MinLuminance = word(8), word(9)
	m.MaxContentLight, m.MaxFrameAverage, m.MaxFullFrame = word(10), word(11), word(12)
	return m
}
