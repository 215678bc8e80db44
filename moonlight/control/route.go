package control

// Channel is the ENet channel that a client sends an input packet on, and
// whether it is sent reliably: what the next packet of its kind overtakes may
// be lost (moonlight-common-c InputStream.c).
func Channel(in Input) (channel uint8, reliable bool) {
	switch v := in.(type) {
	case Key:
		return ChannelKeyboard, true
	case Text:
		return ChannelText, true
	case MouseMove, MousePosition, MouseButton, Scroll, HScroll:
		return ChannelMouse, true
	case Touch:
		return ChannelTouch, v.Event != TouchHover && v.Event != TouchMove
	case Pen:
		return ChannelPen, v.Event != TouchHover && v.Event != TouchMove
	case Controller:
		return ChannelGamepad + v.Number%MaxGamepads, true
	case ControllerArrival:
		return ChannelGamepad + v.Number%MaxGamepads, true
	case ControllerTouch:
		return ChannelGamepad + v.Number%MaxGamepads, v.Event != TouchHover && v.Event != TouchMove
	case ControllerBattery:
		return ChannelGamepad + v.Number%MaxGamepads, true
	case ControllerMotion:
		rest := v.Sensor == Gyroscope && v.X == 0 && v.Y == 0 && v.Z == 0
		return ChannelSensor + v.Number%MaxGamepads, rest
	}
	return ChannelGeneric, true
}
