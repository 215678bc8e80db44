package pad

import (
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// ioc is _IOC of asm-generic/ioctl.h: direction (1 to the kernel, 2 from it),
// kind, number and size.
func ioc(direction, number, size uint) uint {
	return direction<<30 | size<<16 | 'U'<<8 | number
}

// TestRequests: the numbers are those that linux/uinput.h makes.
func TestRequests(t *testing.T) {
	for name, r := range map[string][2]uint{
		"UI_DEV_CREATE":      {uiDevCreate, ioc(0, 1, 0)},
		"UI_DEV_DESTROY":     {uiDevDestroy, ioc(0, 2, 0)},
		"UI_DEV_SETUP":       {uiDevSetup, ioc(1, 3, 8+80+4)},
		"UI_ABS_SETUP":       {uiAbsSetup, ioc(1, 4, 4+6*4)},
		"UI_SET_EVBIT":       {uiSetEvBit, ioc(1, 100, 4)},
		"UI_SET_KEYBIT":      {uiSetKeyBit, ioc(1, 101, 4)},
		"UI_SET_ABSBIT":      {uiSetAbsBit, ioc(1, 103, 4)},
		"UI_GET_SYSNAME(64)": {uiGetSysName, ioc(2, 44, 64)},
	} {
		if r[0] != r[1] {
			t.Errorf("%s is %#x, want %#x", name, r[0], r[1])
		}
	}
}

// Worked out by hand from linux/uinput.h and linux/input.h, on a machine that
// has the lowest byte first and longs of 64 bits.
func TestStructs(t *testing.T) {
	name := hex.EncodeToString([]byte("Kennel X-Box 360 pad"))
	for _, s := range []struct {
		what string
		got  []byte
		want string
	}{
		// id {bustype, vendor, product, version}, name[80], ff_effects_max.
		{"uinput_setup", setup(), "0300" + "5e04" + "8e02" + "1001" + name + strings.Repeat("00", 80-20) + "00000000"},
		// code, a gap, {value, minimum, maximum, fuzz, flat, resolution}.
		{"uinput_abs_setup", absSetup(axis{absRY, -32768, 32767, 16, 128}), "0400" + "0000" + "00000000" + "0080ffff" + "ff7f0000" + "10000000" + "80000000" + "00000000"},
		// time {tv_sec, tv_usec}, type, code, value.
		{"input_event", appendEvent(nil, evAbs, absHat0X, -1), strings.Repeat("00", 16) + "0300" + "1000" + "ffffffff"},
	} {
		if got := hex.EncodeToString(s.got); got != s.want {
			t.Errorf("%s is\n%s, want\n%s", s.what, got, s.want)
		}
	}
}

// events writes out what the kernel is told, as type/code=value.
func events(b []byte) (all []string) {
	for ; len(b) >= eventSize; b = b[eventSize:] {
		e := b[timeSize:eventSize]
		all = append(all, fmt.Sprintf("%d/%#x=%d", uint16(e[0])|uint16(e[1])<<8, uint16(e[2])|uint16(e[3])<<8, int32(uint32(e[4])|uint32(e[5])<<8|uint32(e[6])<<16|uint32(e[7])<<24)))
	}
	return all
}

// TestChange: only what is different is told, with one report at the end.
func TestChange(t *testing.T) {
	held := State{Buttons: A | Y | Guide | LeftStick | Up | Left, LeftTrigger: 255, RightTrigger: 1, LeftX: -32768, LeftY: 32767, RightX: 5, RightY: -32768}
	for _, c := range []struct {
		what     string
		from, to State
		want     []string
	}{
		{"nothing", held, held, nil},
		{"what such a pad has not", State{}, State{Buttons: 0x3f0000}, nil},
		{"everything", State{}, held, []string{
			"1/0x130=1", "1/0x134=1", "1/0x13c=1", "1/0x13d=1",
			"3/0x0=-32768", "3/0x1=-32768", "3/0x3=5", "3/0x4=32767", "3/0x2=255", "3/0x5=1", "3/0x10=-1", "3/0x11=-1", "0/0x0=0",
		}},
		{"other buttons", State{Buttons: B | X}, State{Buttons: LeftShoulder | RightShoulder | Back | Start | RightStick}, []string{
			"1/0x131=0", "1/0x133=0", "1/0x136=1", "1/0x137=1", "1/0x13a=1", "1/0x13b=1", "1/0x13e=1", "0/0x0=0",
		}},
		{"the other directions", State{Buttons: Up | Left}, State{Buttons: Down | Right}, []string{"3/0x10=1", "3/0x11=1", "0/0x0=0"}},
		{"both directions are none", State{Buttons: Left}, State{Buttons: Left | Right}, []string{"3/0x10=0", "0/0x0=0"}},
	} {
		if diff := cmp.Diff(c.want, events(change(c.from, c.to))); diff != "" {
			t.Errorf("%s: %s", c.what, diff)
		}
	}
}
