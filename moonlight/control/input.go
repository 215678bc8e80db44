package control

// Input is one of Key, Text, MouseMove, MousePosition, MouseButton, Scroll,
// HScroll, Haptics, Controller, Touch, Pen, ControllerArrival,
// ControllerTouch, ControllerMotion and ControllerBattery: the input packets of
// moonlight-protocol section 9.
type Input interface{ input() }

// Modifiers are the modifier keys held during a Key, as bits.
type Modifiers uint8

// The modifier keys.
const (
	ModifierShift Modifiers = 1 << iota
	ModifierCtrl
	ModifierAlt
	ModifierMeta
)

// Key is a key pressed or released.
type Key struct {
	Down bool
	VK   uint8 // Windows virtual key code
	// NotNormalized: VK is of the client's keyboard layout. Otherwise it names
	// the place of the key on a US keyboard.
	NotNormalized bool
	Modifiers     Modifiers
}

// Text is typed text, in practice one code point: 1 to 32 bytes of valid UTF-8.
type Text struct{ Text string }

// MouseMove moves the pointer, right and down positive.
type MouseMove struct{ DX, DY int16 }

// MousePosition puts the pointer to X, Y on a plane of Width by Height, each 1
// to 32768. X and Y may lie outside.
type MousePosition struct {
	X, Y          int16
	Width, Height uint16
}

// MouseButton is a mouse button pressed or released.
type MouseButton struct {
	Down   bool
	Button Button
}

// Button is a mouse button.
type Button uint8

// The mouse buttons.
const (
	ButtonLeft Button = iota + 1
	ButtonMiddle
	ButtonRight
	ButtonX1
	ButtonX2
)

// Scroll turns the wheel, away from the user positive, 120 per click.
type Scroll struct{ Amount int16 }

// HScroll turns the horizontal wheel, right positive, 120 per click.
type HScroll struct{ Amount int16 }

// Haptics says whether the client wants Rumble; it is the first packet sent.
type Haptics struct{ Enabled bool }

// Buttons of Controller and ControllerArrival, as bits.
const (
	PadUp            uint32 = 0x1
	PadDown          uint32 = 0x2
	PadLeft          uint32 = 0x4
	PadRight         uint32 = 0x8
	PadStart         uint32 = 0x10
	PadBack          uint32 = 0x20
	PadLeftStick     uint32 = 0x40
	PadRightStick    uint32 = 0x80
	PadLeftShoulder  uint32 = 0x100
	PadRightShoulder uint32 = 0x200
	PadGuide         uint32 = 0x400
	PadA             uint32 = 0x1000
	PadB             uint32 = 0x2000
	PadX             uint32 = 0x4000
	PadY             uint32 = 0x8000
	PadPaddle1       uint32 = 0x10000
	PadPaddle2       uint32 = 0x20000
	PadPaddle3       uint32 = 0x40000
	PadPaddle4       uint32 = 0x80000
	PadTouchpad      uint32 = 0x100000
	PadMisc          uint32 = 0x200000
)

// MaxGamepads bounds the number of a gamepad, which starts at 0.
const MaxGamepads = 16

// Controller is the whole state of a gamepad. A gamepad is gone when its bit in
// Active is clear.
type Controller struct {
	Number                    uint8 // 0 to MaxGamepads-1
	Active                    uint16
	Buttons                   uint32
	LeftTrigger, RightTrigger uint8
	LeftX, LeftY              int16 // up and right positive
	RightX, RightY            int16
}

// TouchEvent is what happens at a touch screen, a pen or a touchpad.
type TouchEvent uint8

// The events. Hover and Move of touch screens and pens may be lost on the way.
const (
	TouchHover TouchEvent = iota
	TouchDown
	TouchUp
	TouchMove
	TouchCancel
	TouchButtonOnly
	TouchHoverLeave
	TouchCancelAll
)

// RotationUnknown and TiltUnknown stand for a missing value.
const (
	RotationUnknown uint16 = 0xFFFF
	TiltUnknown     uint8  = 0xFF
)

// Touch is a finger on a touch screen. All lengths are parts of the stream's
// size, 0 to 1.
type Touch struct {
	Event    TouchEvent
	Rotation uint16 // degrees from vertical, or RotationUnknown
	Pointer  uint32
	X, Y     float32
	Pressure float32 // 0 to 1; the distance for TouchHover
	Major    float32
	Minor    float32
}

// PenTool is which end of a pen it is.
type PenTool uint8

// The tools.
const (
	ToolUnknown PenTool = iota
	ToolPen
	ToolEraser
)

// Pen is a pen on a tablet.
type Pen struct {
	Event    TouchEvent
	Tool     PenTool
	Buttons  uint8 // bits 0 to 2
	X, Y     float32
	Pressure float32 // 0 to 1; the distance for TouchHover
	Rotation uint16  // degrees, or RotationUnknown
	Tilt     uint8   // degrees from upright, 0 to 90, or TiltUnknown
	Major    float32
	Minor    float32
}

// ControllerKind is the make of a gamepad.
type ControllerKind uint8

// The makes.
const (
	KindUnknown ControllerKind = iota
	KindXbox
	KindPlayStation
	KindNintendo
	KindSteam
)

// Abilities of ControllerArrival, as bits.
const (
	CanAnalogTriggers uint16 = 1 << iota
	CanRumble
	CanTriggerRumble
	CanTouchpad
	CanAccelerometer
	CanGyroscope
	CanBattery
	CanLED
	CanSecondTouchpad
)

// ControllerArrival introduces a gamepad. A Controller always follows.
type ControllerArrival struct {
	Number    uint8
	Kind      ControllerKind
	Abilities uint16
	Buttons   uint32 // those it has
}

// ControllerTouch is a finger on a gamepad's touchpad, in parts of its size.
type ControllerTouch struct {
	Number   uint8
	Event    TouchEvent
	Touchpad uint8
	Pointer  uint32
	X, Y     float32
	Pressure float32
}

// MotionSensor is a sensor in a gamepad.
type MotionSensor uint8

// The sensors.
const (
	Accelerometer MotionSensor = iota + 1 // m/s2, gravity included
	Gyroscope                             // degrees/s
)

// ControllerMotion is what a sensor says.
type ControllerMotion struct {
	Number  uint8
	Sensor  MotionSensor
	X, Y, Z float32
}

// BatteryState is how a gamepad is powered.
type BatteryState uint8

// The states.
const (
	BatteryUnknown BatteryState = iota
	BatteryAbsent
	BatteryDischarging
	BatteryCharging
	BatteryNotCharging
	BatteryFull
)

// PercentUnknown stands for a missing value.
const PercentUnknown uint8 = 0xFF

// ControllerBattery is how full a gamepad's battery is.
type ControllerBattery struct {
	Number  uint8
	State   BatteryState
	Percent uint8 // 0 to 100, or PercentUnknown
}

func (Key) input()               {}
func (Text) input()              {}
func (MouseMove) input()         {}
func (MousePosition) input()     {}
func (MouseButton) input()       {}
func (Scroll) input()            {}
func (HScroll) input()           {}
func (Haptics) input()           {}
func (Controller) input()        {}
func (Touch) input()             {}
func (Pen) input()               {}
func (ControllerArrival) input() {}
func (ControllerTouch) input()   {}
func (ControllerMotion) input()  {}
func (ControllerBattery) input() {}
