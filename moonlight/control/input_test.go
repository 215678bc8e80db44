package control

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// Worked out by hand from moonlight-protocol section 9.
var goldenInputs = []struct {
	input Input
	want  string
}{
	{Key{Down: true, VK: 0x41, Modifiers: ModifierShift}, "0000000a" + "03000000" + "00" + "4180" + "01" + "0000"},
	{Key{VK: 0x0D, NotNormalized: true}, "0000000a" + "04000000" + "01" + "0d80" + "00" + "0000"},
	{Text{"é"}, "00000006" + "17000000" + "c3a9"},
	{MouseMove{1, -2}, "00000008" + "07000000" + "0001" + "fffe"},
	{MousePosition{640, 360, 1280, 720}, "0000000e" + "05000000" + "0280" + "0168" + "0000" + "04ff" + "02cf"},
	{MouseButton{true, ButtonLeft}, "00000005" + "08000000" + "01"},
	{MouseButton{false, ButtonX2}, "00000005" + "09000000" + "05"},
	{Scroll{-120}, "0000000a" + "0a000000" + "ff88" + "ff88" + "0000"},
	{HScroll{120}, "00000006" + "01000055" + "0078"},
	{Haptics{true}, "00000006" + "0d000000" + "0100"},
	{
		Controller{
			Number: 1, Active: 3, Buttons: PadA | PadPaddle1, LeftTrigger: 0x7F, RightTrigger: 0xFF,
			LeftX: 1, LeftY: -1, RightX: 32767, RightY: -32768,
		},
		"0000001e" + "0c000000" + "1a00" + "0100" + "0300" + "1400" + "0010" + "7fff" +
			"0100" + "ffff" + "ff7f" + "0080" + "9c00" + "0100" + "5500",
	},
	{
		Touch{TouchDown, RotationUnknown, 7, 0.5, 1, 0.25, 0, 0},
		"00000020" + "02000055" + "01" + "00" + "ffff" + "07000000" + "0000003f" + "0000803f" + "0000803e" + "00000000" + "00000000",
	},
	{
		Pen{TouchMove, ToolPen, 1, 0.5, 1, 0.25, 90, 45, 0, 1},
		"00000020" + "03000055" + "03010100" + "0000003f" + "0000803f" + "0000803e" + "5a00" + "2d00" + "00000000" + "0000803f",
	},
	{ControllerArrival{2, KindPlayStation, CanRumble | CanGyroscope, PadA}, "0000000c" + "04000055" + "0202" + "2200" + "00100000"},
	{
		ControllerTouch{3, TouchUp, 1, 9, 0.5, 0.25, 1},
		"00000018" + "05000055" + "03020001" + "09000000" + "0000003f" + "0000803e" + "0000803f",
	},
	{ControllerMotion{1, Accelerometer, 1, -2, 0.5}, "00000014" + "06000055" + "01010000" + "0000803f" + "000000c0" + "0000003f"},
	{ControllerBattery{0, BatteryCharging, 80}, "00000008" + "07000055" + "00035000"},
}

func TestGoldenInputs(t *testing.T) {
	for _, test := range goldenInputs {
		got := AppendInput([]byte("x"), test.input)
		if hex.EncodeToString(got[1:]) != test.want {
			t.Errorf("%T is\n%x, want\n%s", test.input, got[1:], test.want)
		}
		back, err := ParseInput(got[1:])
		if err != nil {
			t.Errorf("%T: %v", test.input, err)
		}
		if diff := cmp.Diff(test.input, back); diff != "" {
			t.Errorf("%T: %s", test.input, diff)
		}
		for n := 1; n < len(got)-1; n++ {
			cut := bytes.Clone(got[1 : 1+n])
			if _, err := ParseInput(cut); !errors.Is(err, ErrMalformed) {
				t.Errorf("%T cut to %d bytes: %v", test.input, n, err)
			}
			if n < inputHeaderSize {
				continue
			}
			binary.BigEndian.PutUint32(cut, uint32(n-4))
			if _, isText := test.input.(Text); isText {
				continue
			}
			if _, err := ParseInput(cut); !errors.Is(err, ErrMalformed) {
				t.Errorf("%T honestly cut to %d bytes: %v", test.input, n, err)
			}
		}
	}
	if got := AppendInput([]byte("x"), nil); string(got) != "x" {
		t.Errorf("no input is %q", got)
	}
}

func TestInputsOutOfRange(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	for _, in := range []Input{
		Text{"\xff"},
		Text{"0123456789012345678901234567890123"},
		MouseButton{true, 0},
		MouseButton{true, 6},
		MousePosition{Width: 40000, Height: 1},
		Controller{Number: 16},
		ControllerArrival{Number: 16},
		Touch{X: nan},
		Touch{Minor: inf},
		Touch{Event: 8},
		Pen{Tilt: 91},
		Pen{Tool: 3},
		Pen{Pressure: nan},
		ControllerTouch{Number: 99},
		ControllerTouch{Y: nan},
		ControllerMotion{Sensor: 3},
		ControllerMotion{Sensor: Gyroscope, Z: inf},
		ControllerBattery{State: 6},
		ControllerBattery{Percent: 101},
	} {
		if back, err := ParseInput(AppendInput(nil, in)); !errors.Is(err, ErrMalformed) {
			t.Errorf("%+v was read as %+v, %v", in, back, err)
		}
	}
	if _, err := ParseInput([]byte{0, 0, 0, 4, 0x99, 0, 0, 0}); !errors.Is(err, ErrUnknown) {
		t.Errorf("an unknown packet: %v", err)
	}
	if _, err := ParseInput(append([]byte{0, 0, 1, 0, 3, 0, 0, 0}, make([]byte, 252)...)); !errors.Is(err, ErrMalformed) {
		t.Errorf("a huge packet: %v", err)
	}
	cut, err := ParseInput(AppendInput(nil, Touch{X: 1.5, Y: -1}))
	if want := (Touch{X: 1}); err != nil || cut != want {
		t.Errorf("a finger off the screen is %+v, %v", cut, err)
	}
}

func TestInputsRoundTrip(t *testing.T) {
	part := rapid.Float32Range(0, 1)
	event := rapid.Custom(func(t *rapid.T) TouchEvent { return TouchEvent(rapid.Uint8Range(0, 7).Draw(t, "event")) })
	number := rapid.Uint8Range(0, MaxGamepads-1)
	kinds := []*rapid.Generator[Input]{
		rapid.Custom(func(t *rapid.T) Input { return rapid.Make[MouseMove]().Draw(t, "move") }),
		rapid.Custom(func(t *rapid.T) Input {
			k := rapid.Make[Key]().Draw(t, "key")
			return k
		}),
		rapid.Custom(func(t *rapid.T) Input { return Text{string(rapid.Rune().Draw(t, "rune"))} }),
		rapid.Custom(func(t *rapid.T) Input {
			c := rapid.Make[Controller]().Draw(t, "controller")
			c.Number = number.Draw(t, "number")
			return c
		}),
		rapid.Custom(func(t *rapid.T) Input {
			return Touch{
				event.Draw(t, "event"), rapid.Uint16().Draw(t, "rotation"), rapid.Uint32().Draw(t, "pointer"),
				part.Draw(t, "x"), part.Draw(t, "y"), part.Draw(t, "pressure"), part.Draw(t, "major"), part.Draw(t, "minor"),
			}
		}),
		rapid.Custom(func(t *rapid.T) Input {
			return ControllerTouch{
				number.Draw(t, "number"), event.Draw(t, "event"), rapid.Uint8().Draw(t, "pad"), rapid.Uint32().Draw(t, "pointer"),
				part.Draw(t, "x"), part.Draw(t, "y"), part.Draw(t, "pressure"),
			}
		}),
	}
	rapid.Check(t, func(t *rapid.T) {
		want := rapid.OneOf(kinds...).Draw(t, "input")
		got, err := ParseInput(AppendInput(nil, want))
		if err != nil || got != want {
			t.Fatalf("%+v came back as %+v, %v", want, got, err)
		}
	})
}

func TestChannels(t *testing.T) {
	for _, test := range []struct {
		input    Input
		channel  uint8
		reliable bool
	}{
		{Key{}, 2, true},
		{MouseMove{}, 3, true},
		{Text{}, 6, true},
		{Haptics{}, 0, true},
		{Touch{Event: TouchDown}, 5, true},
		{Touch{Event: TouchMove}, 5, false},
		{Pen{Event: TouchHover}, 4, false},
		{Controller{Number: 2}, 0x12, true},
		{ControllerArrival{Number: 3}, 0x13, true},
		{ControllerBattery{Number: 15}, 0x1F, true},
		{ControllerTouch{Number: 1, Event: TouchMove}, 0x11, false},
		{ControllerMotion{Number: 1, Sensor: Gyroscope, X: 1}, 0x21, false},
		{ControllerMotion{Number: 1, Sensor: Gyroscope}, 0x21, true},
	} {
		if channel, reliable := Channel(test.input); channel != test.channel || reliable != test.reliable {
			t.Errorf("%+v goes to channel %#x, reliable %v", test.input, channel, reliable)
		}
	}
}

func FuzzParseInput(f *testing.F) {
	for _, golden := range goldenInputs {
		f.Add(AppendInput(nil, golden.input))
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		in, err := ParseInput(payload)
		if err != nil {
			return
		}
		again, err := ParseInput(AppendInput(nil, in))
		if err != nil || again != in {
			t.Errorf("%+v became %+v, %v", in, again, err)
		}
	})
}
