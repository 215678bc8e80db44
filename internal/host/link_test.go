package host

import (
	"bytes"
	"errors"
	"log/slog"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kennel-stream/kennel/internal/pad"
	"github.com/kennel-stream/kennel/moonlight/control"
)

type recordedInput struct{ got []any }

func (r *recordedInput) add(v ...any) error { r.got = append(r.got, v); return nil }

func (r *recordedInput) Key(c uint16, p bool) error    { return r.add("key", c, p) }
func (r *recordedInput) MotionRelative(x, y int) error { return r.add("relative", x, y) }
func (r *recordedInput) Button(c uint16, p bool) error { return r.add("button", c, p) }
func (r *recordedInput) Axis(v, h int) error           { return r.add("axis", v, h) }
func (r *recordedInput) Text(s string) error           { return r.add("text", s) }
func (r *recordedInput) Pad(s pad.State) error         { return r.add("pad", s) }
func (r *recordedInput) MotionAbsolute(x, y, mx, my uint16) error {
	return r.add("absolute", x, y, mx, my)
}

func TestForward(t *testing.T) {
	for _, tt := range []struct {
		in   control.Input
		want []any
	}{
		{control.Key{Down: true, VK: 0x41}, []any{"key", uint16(30), true}},
		{control.MouseMove{DX: -3, DY: 4}, []any{"relative", -3, 4}},
		{control.MousePosition{X: -1, Y: 7, Width: 1279, Height: 719}, []any{"absolute", uint16(0), uint16(7), uint16(1279), uint16(719)}},
		{control.MouseButton{Down: true, Button: control.ButtonRight}, []any{"button", uint16(0x111), true}},
		{control.Scroll{Amount: 120}, []any{"axis", -120, 0}},
		{control.HScroll{Amount: 120}, []any{"axis", 0, 120}},
		{control.Text{Text: "é"}, []any{"text", "é"}},
		{
			control.Controller{Number: 2, Active: 5, Buttons: control.PadA | control.PadMisc, LeftTrigger: 1, RightTrigger: 2, LeftX: 3, LeftY: 4, RightX: 5, RightY: 6},
			[]any{"pad", pad.State{Number: 2, Active: 5, Buttons: pad.A | control.PadMisc, LeftTrigger: 1, RightTrigger: 2, LeftX: 3, LeftY: 4, RightX: 5, RightY: 6}},
		},
	} {
		r := &recordedInput{}
		handled, err := forward(tt.in, r, r)
		if !handled || err != nil || len(r.got) != 1 || cmp.Diff(tt.want, r.got[0]) != "" {
			t.Errorf("%#v: %v %v %v", tt.in, handled, err, r.got)
		}
	}
	for in, device := range map[control.Input]string{
		control.ControllerMotion{}: "the motion sensor of a gamepad", control.ControllerTouch{}: "the touch pad of a gamepad", control.Touch{}: "a touch screen", control.Pen{}: "a pen",
		control.Key{VK: 0xff}: "a key or button without a code",
	} {
		if handled, err := forward(in, &recordedInput{}, &recordedInput{}); handled || err != nil || deviceOf(in) != device {
			t.Errorf("%#v of %s was handled: %t, %v", in, deviceOf(in), handled, err)
		}
	}
}

// TestButtonsOfGamepads: Moonlight's bits are those of a pad.State.
func TestButtonsOfGamepads(t *testing.T) {
	for wire, own := range map[uint32]uint32{
		control.PadUp: pad.Up, control.PadDown: pad.Down, control.PadLeft: pad.Left, control.PadRight: pad.Right,
		control.PadStart: pad.Start, control.PadBack: pad.Back, control.PadLeftStick: pad.LeftStick, control.PadRightStick: pad.RightStick,
		control.PadLeftShoulder: pad.LeftShoulder, control.PadRightShoulder: pad.RightShoulder, control.PadGuide: pad.Guide,
		control.PadA: pad.A, control.PadB: pad.B, control.PadX: pad.X, control.PadY: pad.Y,
	} {
		if wire != own {
			t.Errorf("%#x is taken for %#x", wire, own)
		}
	}
	if control.MaxGamepads != pad.Most {
		t.Errorf("%d gamepads are taken for %d", control.MaxGamepads, pad.Most)
	}
	for _, in := range []control.Input{control.ControllerArrival{}, control.ControllerBattery{}} {
		r := &recordedInput{}
		if handled, err := forward(in, r, r); !handled || err != nil || len(r.got) > 0 {
			t.Errorf("%#v: %v %v %v", in, handled, err, r.got)
		}
	}
}

// TestLostInput: what goes on for as long as a session runs is no flood.
func TestLostInput(t *testing.T) {
	broken := errors.New("broken")
	for _, c := range []struct {
		in   control.Input
		err  error
		want string
	}{
		{control.Key{}, nil, ""},
		{control.Key{}, broken, "input did not reach the display"},
		{control.Controller{}, nil, ""},
		{control.Controller{}, broken, ""},
		{control.Controller{}, pad.ErrBehind, "a gamepad's state was dropped"},
	} {
		if got := lost(c.in, c.err); got != c.want {
			t.Errorf("%T, %v: %q", c.in, c.err, got)
		}
	}
}

func TestFloodsAreCounted(t *testing.T) {
	var out bytes.Buffer
	f := newFloods(slog.New(slog.NewTextHandler(&out, nil)))
	for range 1000 {
		f.addFrom("unreadable ping", netip.MustParseAddrPort("[::ffff:127.0.0.1]:1"))
	}
	for i := range 2 * maxFloodKinds {
		f.add(strings.Repeat("x", i), "")
	}
	f.flush()
	f.flush()
	if n := strings.Count(out.String(), "\n"); n != maxFloodKinds || !strings.Contains(out.String(), "times=1000 last=127.0.0.1:1") {
		t.Errorf("%d lines:\n%s", n, out.String())
	}
	f.raise("elsewhere", 3)
	f.raise("elsewhere", 5)
	out.Reset()
	f.flush()
	if !strings.Contains(out.String(), "msg=elsewhere times=5") || f.totals()["elsewhere"] != 5 || f.totals()["unreadable ping"] != 1000 {
		t.Errorf("%v\n%s", f.totals(), out.String())
	}
	if n := testing.AllocsPerRun(100, func() { f.addFrom("unreadable ping", at(home)) }); n > 0.5 {
		t.Errorf("%v allocations per event", n)
	}
}
