package worker

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/kennel-stream/kennel/internal/media"
)

func TestEncoderPipeline(t *testing.T) {
	spec := media.EncodeSpec{Codec: "h264", Width: 1280, Height: 720, FPSNum: 60000, FPSDen: 1001, BitrateKbps: 8000}
	for _, c := range []struct {
		name    string
		element string
		slices  int
		height  int
		cpus    int
		want    []string
	}{
		{"one slice", "x264enc", 0, 720, 2, []string{"threads=1", "sliced-threads=false", "slices=1:", "speed-preset=ultrafast", "profile=main", "vbv-buf-capacity=34", "framerate=60000/1001", "n-threads=1"}},
		{"four slices on two processors", "x264enc", 4, 720, 2, []string{"threads=4", "sliced-threads=true", "slices=4:", "speed-preset=superfast"}},
		{"a small picture", "x264enc", 1, 180, 8, []string{"speed-preset=superfast", "n-threads=4"}},
		{"the other encoder", "openh264enc", 2, 720, 2, []string{"bitrate=8000000", "num-slices=2", "gop-size=0"}},
	} {
		spec.Slices, spec.Height = c.slices, c.height
		got := encoderPipeline(&spec, c.element, c.cpus)
		for _, words := range c.want {
			if !strings.Contains(got, words) {
				t.Errorf("%s: no %q in %s", c.name, words, got)
			}
		}
	}
}

func TestTightenI420(t *testing.T) {
	// 5x3: rows of luma are padded to 8 bytes and 4 rows, those of chroma (3x2) to 4.
	padded := []byte("yyyyy___" + "yyyyy___" + "yyyyy___" + "________" + "uuu_" + "uuu_" + "vvv_" + "vvv_")
	got, err := tightenI420(nil, padded, 5, 3)
	if want := strings.Repeat("y", 15) + "uuuuuuvvvvvv"; err != nil || string(got) != want {
		t.Errorf("got %q, %v; want %q", got, err, want)
	}
	plain := bytes.Repeat([]byte{7}, 8*4*3/2)
	if got, err := tightenI420(nil, plain, 8, 4); err != nil || !bytes.Equal(got, plain) {
		t.Errorf("a picture without padding became %d bytes, %v", len(got), err)
	}
	if _, err := tightenI420(nil, padded[1:], 5, 3); !errors.Is(err, errPipeline) {
		t.Errorf("a picture that is too short gave %v", err)
	}
}

func TestChoose(t *testing.T) {
	for _, c := range []struct {
		want string
		have []string
		get  string
		ok   bool
	}{
		{"", []string{"a", "b"}, "a", true},
		{"b", []string{"a", "b"}, "b", true},
		{"c", []string{"a", "b"}, "c", false},
		{"", nil, "", false},
	} {
		if get, ok := choose(c.want, c.have); get != c.get || ok != c.ok {
			t.Errorf("choose %q of %v gave %q, %v", c.want, c.have, get, ok)
		}
	}
}

func TestMissingNamesThePackage(t *testing.T) {
	for element, want := range map[string]string{
		"x264enc": "gstreamer1.0-plugins-ugly", "openh264enc": "gstreamer1.0-plugins-bad", "": "x264enc (package gstreamer1.0-plugins-ugly) or openh264enc",
	} {
		if got := missing(wanted(element, media.Encoders("h264"))); !strings.Contains(got, want) {
			t.Errorf("%q: %s", element, got)
		}
	}
}

func TestQuantiles(t *testing.T) {
	var s samples
	if p50, p99, most := s.quantiles(); p50 != 0 || p99 != 0 || most != 0 {
		t.Error("quantiles of nothing")
	}
	for i := range int64(2000) {
		s.add(i) // the window holds 1488 to 1999
	}
	if p50, p99, most := s.quantiles(); p50 != 1744 || p99 != 1994 || most != 1999 {
		t.Errorf("quantiles %d, %d, %d", p50, p99, most)
	}
}
