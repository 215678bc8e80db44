package control

import "fmt"

// Type is the number of a message. Some numbers mean different things in the
// two directions.
type Type uint16

// Messages from client to host (moonlight-protocol section 5.2).
const (
	// TypePing comes every 100 ms and is the sign of life of a client.
	TypePing Type = 0x0200
	// TypeLossStats and TypeFrameStats come from old clients; ignore them.
	TypeLossStats  Type = 0x0201
	TypeFrameStats Type = 0x0204
	// TypeInput carries an input packet; see ParseInput.
	TypeInput Type = 0x0206
	// TypeInvalidateFrames names frames that the client lost; see FrameRange.
	TypeInvalidateFrames Type = 0x0301
	// TypeRequestIDR asks for a key frame. The first one of a session is "Start A".
	TypeRequestIDR Type = 0x0302
	// TypeStartB follows Start A.
	TypeStartB Type = 0x0307
	// TypeLTRAck acknowledges a long-term reference frame; see LTRAck.
	TypeLTRAck Type = 0x0350
	// TypeFECStatus reports a frame with lost packets; see FECStatus.
	TypeFECStatus Type = 0x5502
)

// Messages from host to client (moonlight-protocol section 5.3).
const (
	// TypeTermination ends the session; see Termination.
	TypeTermination Type = 0x0109
	// TypeRumble is Rumble.
	TypeRumble Type = 0x010b
	// TypeHDRMode is HDRMode.
	TypeHDRMode Type = 0x010e
	// TypeTriggerRumble is TriggerRumble.
	TypeTriggerRumble Type = 0x5500
	// TypeMotionEnable is MotionEnable.
	TypeMotionEnable Type = 0x5501
	// TypeLED is LED.
	TypeLED Type = 0x5502
	// TypeAdaptiveTriggers is AdaptiveTriggers.
	TypeAdaptiveTriggers Type = 0x5503
)

// String is the number in hexadecimal: the name depends on the direction.
func (t Type) String() string { return fmt.Sprintf("0x%04x", uint16(t)) }

// Message is what an envelope holds.
type Message struct {
	Type Type
	// Payload shares its memory with the buffer it was opened into.
	Payload []byte
}

// ENet channels (moonlight-protocol section 5). A client that was granted fewer
// channels sends on channel 0 what belongs on a missing one.
const (
	ChannelGeneric  uint8 = 0
	ChannelUrgent   uint8 = 1 // key frame requests, lost frames, LTR acknowledgements
	ChannelKeyboard uint8 = 2
	ChannelMouse    uint8 = 3
	ChannelPen      uint8 = 4
	ChannelTouch    uint8 = 5
	ChannelText     uint8 = 6
	// ChannelGamepad plus the number of the gamepad, 0 to 15.
	ChannelGamepad uint8 = 0x10
	// ChannelSensor plus the number of the gamepad, 0 to 15.
	ChannelSensor uint8 = 0x20

	// Channels is how many a client asks for, and how many a host should grant.
	Channels = 0x30
)
