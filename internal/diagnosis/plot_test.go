package diagnosis

import (
	"bytes"
	"encoding/xml"
	"errors"
	"image/png"
	"io"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/kennel-stream/kennel/internal/drawing"
)

// texts are the words of an SVG, each of which must lie within it.
func texts(t *testing.T, name string, svg []byte) (all []string) {
	t.Helper()
	d := xml.NewDecoder(bytes.NewReader(svg))
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		element, ok := token.(xml.StartElement)
		if !ok || element.Name.Local != "text" {
			continue
		}
		attr := map[string]string{}
		for _, a := range element.Attr {
			attr[a.Name.Local] = a.Value
		}
		var words string
		if err := d.DecodeElement(&words, &element); err != nil {
			t.Fatal(err)
		}
		x, _ := strconv.ParseFloat(attr["x"], 64)
		size, _ := strconv.ParseFloat(attr["font-size"], 64)
		left, width := x, drawing.Width(words, size, attr["font-weight"] == "bold")
		switch attr["text-anchor"] {
		case "middle":
			left -= width / 2
		case "end":
			left -= width
		}
		if left < 0 || left+width > pictureWidth {
			t.Errorf("%s: %q lies from %.0f to %.0f", name, words, left, left+width)
		}
		all = append(all, words)
	}
}

// TestPicturesOfRealLogs: words stay within the picture, whatever the log.
func TestPicturesOfRealLogs(t *testing.T) {
	c := catalogue(t)
	for _, dir := range []string{"", "wolf-runs", "issues"} {
		for _, file := range logs(t, dir) {
			d := real(t, c, file)
			name := filepath.Base(file)
			all := texts(t, name, d.Picture().SVG())
			for _, link := range d.Chain {
				if !slices.ContainsFunc(all, func(words string) bool { return strings.HasPrefix(link.Fault, strings.TrimSuffix(words, "…")) }) {
					t.Errorf("%s: %s is not drawn", name, link.Fault)
				}
			}
			texts(t, name, d.TrendPicture().SVG())
			if comparison, err := c.Compare(d, d); err == nil {
				texts(t, name, comparison.Picture().SVG())
			}
		}
	}
}

func TestPictureOfTheReport(t *testing.T) {
	c := catalogue(t)
	good, bad := seed(t, c, "good.log"), seed(t, c, "bad.log")
	all := texts(t, "bad", bad.Picture().SVG())
	for _, words := range []string{"What broke: GL runs out of buffers (gl-oom)", "launch", "video_pipeline", "+1.430 s cuda-not-permitted", "not reached", "since session 1 began, 2025-10-02 06:40:11.601 UTC"} {
		if !slices.Contains(all, words) {
			t.Errorf("the timeline lacks %q: %q", words, all)
		}
	}
	comparison, err := c.Compare(good, bad)
	if err != nil {
		t.Fatal(err)
	}
	all = texts(t, "both", comparison.Picture().SVG())
	for _, words := range []string{"they part", "-0.160 s", "+0.151 s gl-oom", "since the launch: good at 06:46:02.101, bad at 06:40:11.601"} {
		if !slices.Contains(all, words) {
			t.Errorf("the comparison lacks %q: %q", words, all)
		}
	}
	raw, err := comparison.Picture().Encode("both.png")
	if err != nil {
		t.Fatal(err)
	}
	if img, err := png.Decode(bytes.NewReader(raw)); err != nil || img.Bounds().Dx() != pictureWidth*drawing.Density {
		t.Error(err)
	}
}

func TestPictureOfATrend(t *testing.T) {
	c := catalogue(t)
	l, err := c.Read(t.Context(), Source{"x", strings.NewReader(lives(5, 7, 6))})
	if err != nil {
		t.Fatal(err)
	}
	svg := c.Diagnose(l).TrendPicture().SVG()
	all := texts(t, "trend", svg)
	for _, words := range []string{"18 sessions in 4 lives of the process, 3 of them went wrong", "audio sink", "the next fault is to be expected at about session 6 of a life", "18"} {
		if !slices.Contains(all, words) {
			t.Errorf("the trend lacks %q: %q", words, all)
		}
	}
	// A curve for each life, and a line for each restart between sessions.
	if n := strings.Count(string(svg), `class="plain line"`); n < 3 {
		t.Errorf("%d curves", n)
	}
	if n := strings.Count(string(svg), `class="faint line"`); n != 2 {
		t.Errorf("%d restarts", n)
	}
}

func TestAxis(t *testing.T) {
	linear := newAxis(0, 100, []time.Duration{0, time.Second, 2 * time.Second})
	if linear.logarithmic || linear.x(time.Second) != 50 || linear.x(-1) != 0 || linear.x(time.Hour) != 100 {
		t.Errorf("%+v", linear)
	}
	log := newAxis(0, 100, []time.Duration{0, 10 * time.Millisecond, 200 * time.Millisecond, time.Second, 3 * time.Hour})
	if !log.logarithmic || log.x(time.Second) < 15 || log.x(time.Second) > log.x(time.Minute) {
		t.Errorf("%+v, a second is at %v", log, log.x(time.Second))
	}
	for _, a := range []axis{linear, log, newAxis(0, 1, nil), newAxis(0, 1, []time.Duration{1 << 62})} {
		if n := len(a.ticks()); n < 2 || n > 12 {
			t.Errorf("%d ticks of %+v", n, a)
		}
	}
	for at, want := range map[time.Duration]string{0: "0", 250 * time.Millisecond: "0.25 s", 3 * time.Minute: "3 min", 2*time.Hour + 5*time.Minute: "2 h 5 min", 100 * time.Hour: "100 h"} {
		if got := short(at); got != want {
			t.Errorf("%v is %q, want %q", at, got, want)
		}
	}
}
