package pad

// Buttons of a State, as bits.
const (
	Up uint32 = 1 << iota
	Down
	Left
	Right
	Start
	Back
	LeftStick
	RightStick
	LeftShoulder
	RightShoulder
	Guide
	_
	A
	B
	X
	Y
)

// Most bounds the gamepads of a session, and the number of one.
const Most = 16

// State is all that a client tells of a gamepad at one moment, with the same
// bits and signs as on Moonlight's wire.
type State struct {
	// Number is from 0 to Most-1; Active has a bit for each gamepad that is there.
	Number uint8
	Active uint16
	// Buttons are those held down; what such a pad has not is left out.
	Buttons uint32
	// Triggers are from 0 to 255, sticks positive to the right and up.
	LeftTrigger, RightTrigger    uint8
	LeftX, LeftY, RightX, RightY int16
}

// keys are the buttons of the device. The directions are its hat.
var keys = []struct {
	button uint32
	code   uint16
}{
	{A, btnSouth},
	{B, btnEast},
	{X, btnX},
	{Y, btnY},
	{LeftShoulder, btnTL},
	{RightShoulder, btnTR},
	{Back, btnSelect},
	{Start, btnStart},
	{Guide, btnMode},
	{LeftStick, btnThumbL},
	{RightStick, btnThumbR},
}

// change is what the kernel is told when a gamepad goes from one state to
// another; nothing where nothing is different.
func change(from, to State) []byte {
	var b []byte
	for _, k := range keys {
		if (from.Buttons^to.Buttons)&k.button != 0 {
			b = appendEvent(b, evKey, k.code, pressed(to.Buttons, k.button))
		}
	}
	before, after := positions(from), positions(to)
	for i, a := range axes {
		if before[i] != after[i] {
			b = appendEvent(b, evAbs, a.code, after[i])
		}
	}
	if len(b) == 0 {
		return nil
	}
	return appendEvent(b, evSyn, synReport, 0)
}

// positions are the values of axes, in their order. Down is positive there; the
// complement of a number is its opposite without an overflow.
func positions(s State) [8]int32 {
	return [...]int32{
		int32(s.LeftX), int32(^s.LeftY), int32(s.RightX), int32(^s.RightY), int32(s.LeftTrigger), int32(s.RightTrigger),
		pressed(s.Buttons, Right) - pressed(s.Buttons, Left), pressed(s.Buttons, Down) - pressed(s.Buttons, Up),
	}
}

func pressed(buttons, one uint32) int32 {
	if buttons&one != 0 {
		return 1
	}
	return 0
}
