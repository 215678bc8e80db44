package pad

import (
	"encoding/binary"
	"strconv"
)

// Requests of linux/uinput.h, as _IO, _IOW and _IOR make them. Those for names
// hold the length of what they move.
const (
	uiDevCreate  = 0x5501
	uiDevDestroy = 0x5502
	uiDevSetup   = 0x405c5503 // struct uinput_setup
	uiAbsSetup   = 0x401c5504 // struct uinput_abs_setup
	uiSetEvBit   = 0x40045564 // int
	uiSetKeyBit  = 0x40045565
	uiSetAbsBit  = 0x40045567
	uiGetSysName = 0x8040552c // char[sysNameSize]
)

// Event types and codes of linux/input-event-codes.h.
const (
	evSyn = 0
	evKey = 1
	evAbs = 3

	synReport = 0

	absX     = 0x00
	absY     = 0x01
	absZ     = 0x02
	absRX    = 0x03
	absRY    = 0x04
	absRZ    = 0x05
	absHat0X = 0x10
	absHat0Y = 0x11

	btnSouth  = 0x130
	btnEast   = 0x131
	btnX      = 0x133 // BTN_NORTH; the kernel's driver of such pads has X there
	btnY      = 0x134 // BTN_WEST
	btnTL     = 0x136
	btnTR     = 0x137
	btnSelect = 0x13a
	btnStart  = 0x13b
	btnMode   = 0x13c
	btnThumbL = 0x13d
	btnThumbR = 0x13e
)

// Sizes of the structs, which are those of every architecture but for the time
// in an event: two longs.
const (
	setupSize    = 92
	absSetupSize = 28
	maxName      = 80
	sysNameSize  = 64
	timeSize     = 2 * strconv.IntSize / 8
	eventSize    = timeSize + 8
)

// What the device says that it is: the gamepad that every game knows.
const (
	busUSB     = 0x03
	vendorID   = 0x045e
	productID  = 0x028e
	versionID  = 0x0110
	deviceName = "Kennel X-Box 360 pad"
)

// setup is a struct uinput_setup: struct input_id, the name, and no effects of
// force feedback.
func setup() []byte {
	b := make([]byte, setupSize)
	for i, v := range []uint16{busUSB, vendorID, productID, versionID} {
		binary.NativeEndian.PutUint16(b[2*i:], v)
	}
	copy(b[8:8+maxName-1], deviceName)
	return b
}

// axis is what an axis can say.
type axis struct {
	code             uint16
	least, most      int32
	fuzz, insensible int32
}

// axes are those of the kernel's driver of such a pad (xpad).
var axes = []axis{
	{absX, -32768, 32767, 16, 128},
	{absY, -32768, 32767, 16, 128},
	{absRX, -32768, 32767, 16, 128},
	{absRY, -32768, 32767, 16, 128},
	{absZ, 0, 255, 0, 0},
	{absRZ, 0, 255, 0, 0},
	{absHat0X, -1, 1, 0, 0},
	{absHat0Y, -1, 1, 0, 0},
}

// absSetup is a struct uinput_abs_setup: the code, a gap, and a struct
// input_absinfo {value, minimum, maximum, fuzz, flat, resolution}.
func absSetup(a axis) []byte {
	b := make([]byte, absSetupSize)
	binary.NativeEndian.PutUint16(b, a.code)
	for i, v := range []int32{0, a.least, a.most, a.fuzz, a.insensible, 0} {
		binary.NativeEndian.PutUint32(b[4+4*i:], uint32(v))
	}
	return b
}

// appendEvent appends a struct input_event. Its time stays 0: the kernel puts
// its own.
func appendEvent(b []byte, kind, code uint16, value int32) []byte {
	b = append(b, make([]byte, timeSize)...)
	b = binary.NativeEndian.AppendUint16(b, kind)
	b = binary.NativeEndian.AppendUint16(b, code)
	return binary.NativeEndian.AppendUint32(b, uint32(value))
}
