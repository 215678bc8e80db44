package host

import (
	"errors"

	"github.com/kennel-stream/kennel/internal/pad"
	"github.com/kennel-stream/kennel/moonlight/control"
)

// inputSink is what of a session's display takes input, without waiting.
type inputSink interface {
	Key(code uint16, pressed bool) error
	MotionRelative(dx, dy int) error
	MotionAbsolute(x, y, maxX, maxY uint16) error
	Button(code uint16, pressed bool) error
	Axis(vertical120, horizontal120 int) error
	Text(s string) error
}

// padSink takes what clients tell of their gamepads, without waiting.
type padSink interface {
	Pad(pad.State) error
}

// forward gives one input packet to the display, or to the gamepads. It reports
// false for what no device of the session takes yet: touch, pens, and what some
// gamepads have beside buttons and sticks.
func forward(in control.Input, to inputSink, pads padSink) (handled bool, err error) {
	switch in := in.(type) {
	case control.Controller:
		return true, pads.Pad(padState(in))
	case control.ControllerArrival, control.ControllerBattery:
		return true, nil // every gamepad is of one kind, and a Controller follows
	case control.Key:
		code, ok := control.VKToEvdev(in.VK)
		if !ok {
			return false, nil
		}
		return true, to.Key(code, in.Down)
	case control.Text:
		return true, to.Text(in.Text)
	case control.MouseMove:
		return true, to.MotionRelative(int(in.DX), int(in.DY))
	case control.MousePosition:
		return true, to.MotionAbsolute(clampCoordinate(in.X), clampCoordinate(in.Y), in.Width, in.Height)
	case control.MouseButton:
		code, ok := control.ButtonToEvdev(in.Button)
		if !ok {
			return false, nil
		}
		return true, to.Button(code, in.Down)
	case control.Scroll:
		// Moonlight scrolls up for positive amounts, Wayland down.
		return true, to.Axis(-int(in.Amount), 0)
	case control.HScroll:
		return true, to.Axis(0, int(in.Amount))
	case control.Haptics:
		return true, nil
	}
	return false, nil
}

// deviceOf names the device that an input packet comes from, where forward knows
// none for it.
func deviceOf(in control.Input) string {
	switch in.(type) {
	case control.ControllerTouch:
		return "the touch pad of a gamepad"
	case control.ControllerMotion:
		return "the motion sensor of a gamepad"
	case control.Touch:
		return "a touch screen"
	case control.Pen:
		return "a pen"
	}
	return "a key or button without a code"
}

// lost says what became of input that reached nothing, "" where nothing is to be
// counted: a gamepad that the app does not get, for as long as the session runs,
// has been told of by the session.
func lost(in control.Input, err error) string {
	_, gamepad := in.(control.Controller)
	switch {
	case err == nil, gamepad && !errors.Is(err, pad.ErrBehind):
		return ""
	case gamepad:
		return "a gamepad's state was dropped"
	}
	return "input did not reach the display"
}

// padState is a gamepad's state; its buttons have the same bits.
func padState(c control.Controller) pad.State {
	return pad.State{
		Number: c.Number, Active: c.Active, Buttons: c.Buttons, LeftTrigger: c.LeftTrigger, RightTrigger: c.RightTrigger,
		LeftX: c.LeftX, LeftY: c.LeftY, RightX: c.RightX, RightY: c.RightY,
	}
}

func clampCoordinate(v int16) uint16 { return uint16(max(v, 0)) }
