package display

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestInputGolden(t *testing.T) {
	cases := []struct {
		in   Input
		want []byte
	}{
		{Input{Kind: InputKey, Code: 0x1e, Pressed: true}, []byte{1, 0x1e, 0, 1}},
		{Input{Kind: InputMotionRelative, X: -2, Y: 300}, []byte{2, 0xfe, 0xff, 0x2c, 1}},
		{Input{Kind: InputMotionAbsolute, X: 640, Y: 360, MaxX: 1280, MaxY: 720}, []byte{3, 0x80, 2, 0x68, 1, 0, 5, 0xd0, 2}},
		{Input{Kind: InputButton, Code: 0x110}, []byte{4, 0x10, 1, 0}},
		{Input{Kind: InputAxis, X: 1, Y: -120}, []byte{5, 0x88, 0xff, 1, 0}},
		{Input{Kind: InputText, Text: "é"}, []byte{6, 0xc3, 0xa9}},
		{Input{Kind: InputReleaseAll}, []byte{8}},
	}
	for _, c := range cases {
		got := c.in.Append(nil)
		if d := cmp.Diff(c.want, got); d != "" {
			t.Errorf("%+v: %s", c.in, d)
		}
		back, err := ParseInput(got)
		if err != nil {
			t.Errorf("%+v: %v", c.in, err)
		}
		if d := cmp.Diff(c.in, back); d != "" {
			t.Error(d)
		}
	}
}

func TestInputCutsWhatDoesNotFit(t *testing.T) {
	in := Input{Kind: InputMotionRelative, X: 1 << 20, Y: -1 << 20}
	back, err := ParseInput(in.Append(nil))
	if err != nil || back.X != 32767 || back.Y != -32768 {
		t.Errorf("%+v, %v", back, err)
	}
}

func TestMalformedInput(t *testing.T) {
	for _, p := range [][]byte{nil, {0}, {7}, {1, 2}, {3, 0, 0, 0, 0, 0, 0, 1, 0}, {6, 0xff}, append([]byte{6}, strings.Repeat("a", MaxText+1)...), {8, 1}} {
		if in, err := ParseInput(p); !errors.Is(err, ErrInput) {
			t.Errorf("%v: %+v, %v", p, in, err)
		}
	}
}

func FuzzParseInput(f *testing.F) {
	for _, p := range []string{"\x01\x1e\x00\x01", "\x02\x00\x00\x01\x00", "\x03\x01\x00\x01\x00\x01\x00\x01\x00", "\x05\x78\x00\x00\x00", "\x06hi", "\x08"} {
		f.Add([]byte(p))
	}
	f.Fuzz(func(t *testing.T, p []byte) {
		in, err := ParseInput(p)
		if err != nil {
			return
		}
		back, err := ParseInput(in.Append(nil))
		if err != nil || back != in {
			t.Errorf("%+v became %+v, %v", in, back, err)
		}
	})
}
