package control

import "encoding/binary"

// HRESULT is why a host ends a session, as clients read it.
type HRESULT uint32

// What clients know (moonlight-protocol section 5.3). Any other value is shown
// to the user in hexadecimal.
const (
	// Graceful is the ordinary end. A client that has seen a frame returns to its
	// list in silence; one that has not reports ClientEndedEarly.
	Graceful HRESULT = 0x80030023
	// ProtectedContent means that what is on the screen must not be streamed.
	ProtectedContent HRESULT = 0x800e9302
	// FrameConversion means that the video encoder failed.
	FrameConversion HRESULT = 0x800e9403
)

// hostReason marks the reasons of a host's own: a failure (bit 31) that is not
// Microsoft's (bit 29), of a facility that nobody else is known to use ([MS-ERREF]
// section 2.1).
const hostReason HRESULT = 0xa04b0000

// HostReason is a failure that a host numbers itself. Clients show it to the
// user in hexadecimal, as A04B and the number.
func HostReason(number uint16) HRESULT { return hostReason | HRESULT(number) }

// HostReason returns the number of a host's own failure; false for any other.
func (h HRESULT) HostReason() (number uint16, ok bool) {
	return uint16(h & 0xffff), h&0xffff0000 == hostReason
}

// Codes by which moonlight-common-c reports the end of a session to its user
// interface.
const (
	ClientEnded            = 0    // the host ended it
	ClientLostControl      = -1   // the control stream broke without a Termination
	ClientNoVideo          = -100 // no video packet for 10 s
	ClientNoFrame          = -101 // no complete key frame 10 s after the first packet
	ClientEndedEarly       = -102 // Graceful before any frame
	ClientProtectedContent = -103
	ClientFrameConversion  = -104
)

// ClientCode is what a client makes of the value; sawFrame says whether it has
// shown any frame.
func (h HRESULT) ClientCode(sawFrame bool) int {
	switch {
	case h == Graceful && sawFrame:
		return ClientEnded
	case h == Graceful:
		return ClientEndedEarly
	case h == ProtectedContent:
		return ClientProtectedContent
	case h == FrameConversion:
		return ClientFrameConversion
	}
	return int(int32(h))
}

// HostMessage is one of Termination, Rumble, HDRMode, TriggerRumble,
// MotionEnable, LED and AdaptiveTriggers.
type HostMessage interface {
	// Type is the number to send it under.
	Type() Type
	// Append appends the payload.
	Append(dst []byte) []byte
	hostMessage()
}

// Termination ends the session. The client disconnects at once.
type Termination struct{ Result HRESULT }

// Rumble sets the two motors of a gamepad, 0 to 65535 each.
type Rumble struct {
	Gamepad   uint16
	Low, High uint16
}

// TriggerRumble sets the motors in the triggers of a gamepad, 0 to 65535 each.
type TriggerRumble struct {
	Gamepad     uint16
	Left, Right uint16
}

// MotionEnable asks for, or ends, the reports of a motion sensor.
type MotionEnable struct {
	Gamepad uint16
	Rate    uint16 // reports per second, 0 to end them
	Sensor  MotionSensor
}

// LED sets the colour of a gamepad's light.
type LED struct {
	Gamepad          uint16
	Red, Green, Blue uint8
}

// AdaptiveTriggers programs the triggers of a DualSense gamepad.
type AdaptiveTriggers struct {
	Gamepad             uint16
	Flags               uint8 // AdaptRight, AdaptLeft
	LeftMode, RightMode uint8
	Left, Right         [10]byte
}

// Bits of AdaptiveTriggers.Flags: which trigger is meant.
const (
	AdaptRight uint8 = 0x04
	AdaptLeft  uint8 = 0x08
)

// Point is a CIE 1931 chromaticity in units of 1/50000.
type Point struct{ X, Y uint16 }

// HDRMode turns HDR on or off, and describes the picture's mastering.
type HDRMode struct {
	Enabled          bool
	Red, Green, Blue Point
	White            Point
	MaxLuminance     uint16 // cd/m2
	MinLuminance     uint16 // 1/10000 cd/m2
	MaxContentLight  uint16 // MaxCLL, cd/m2
	MaxFrameAverage  uint16 // MaxFALL, cd/m2
	MaxFullFrame     uint16 // cd/m2
}

// Type implements HostMessage.
func (Termination) Type() Type { return TypeTermination }

// Type implements HostMessage.
func (Rumble) Type() Type { return TypeRumble }

// Type implements HostMessage.
func (HDRMode) Type() Type { return TypeHDRMode }

// Type implements HostMessage.
func (TriggerRumble) Type() Type { return TypeTriggerRumble }

// Type implements HostMessage.
func (MotionEnable) Type() Type { return TypeMotionEnable }

// Type implements HostMessage.
func (LED) Type() Type { return TypeLED }

// Type implements HostMessage.
func (AdaptiveTriggers) Type() Type { return TypeAdaptiveTriggers }

func (Termination) hostMessage()      {}
func (Rumble) hostMessage()           {}
func (HDRMode) hostMessage()          {}
func (TriggerRumble) hostMessage()    {}
func (MotionEnable) hostMessage()     {}
func (LED) hostMessage()              {}
func (AdaptiveTriggers) hostMessage() {}

// Append implements HostMessage.
func (m Termination) Append(dst []byte) []byte {
	return binary.BigEndian.AppendUint32(dst, uint32(m.Result))
}

// Append implements HostMessage.
func (m Rumble) Append(dst []byte) []byte {
	return appendWords(append(dst, 0, 0, 0, 0), m.Gamepad, m.Low, m.High)
}

// Append implements HostMessage.
func (m HDRMode) Append(dst []byte) []byte {
	enabled := byte(0)
	if m.Enabled {
		enabled = 1
	}
	return appendWords(append(dst, enabled),
		m.Red.X, m.Red.Y, m.Green.X, m.Green.Y, m.Blue.X, m.Blue.Y, m.White.X, m.White.Y,
		m.MaxLuminance, m.MinLuminance, m.MaxContentLight, m.MaxFrameAverage, m.MaxFullFrame)
}

// Append implements HostMessage.
func (m TriggerRumble) Append(dst []byte) []byte {
	return appendWords(dst, m.Gamepad, m.Left, m.Right)
}

// Append implements HostMessage.
func (m MotionEnable) Append(dst []byte) []byte {
	return append(appendWords(dst, m.Gamepad, m.Rate), byte(m.Sensor))
}

// Append implements HostMessage.
func (m LED) Append(dst []byte) []byte {
	return append(appendWords(dst, m.Gamepad), m.Red, m.Green, m.Blue)
}

// Append implements HostMessage.
func (m AdaptiveTriggers) Append(dst []byte) []byte {
	dst = append(appendWords(dst, m.Gamepad), m.Flags, m.LeftMode, m.RightMode)
	dst = append(dst, m.Left[:]...)
	return append(dst, m.Right[:]...)
}

func appendWords(dst []byte, words ...uint16) []byte {
	for _, w := range words {
		dst = binary.LittleEndian.AppendUint16(dst, w)
	}
	return dst
}
