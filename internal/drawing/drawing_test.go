package drawing

import (
	"bytes"
	"encoding/xml"
	"errors"
	"image/color"
	"image/png"
	"io"
	"strings"
	"testing"
)

func sample() *Picture {
	p := New(200, 100, `<a> & "b"`)
	p.Rectangle(Point{10, 10}, 30, 20, Band)
	p.Dot(Point{100, 50}, 8, Bad)
	p.Line(4, Good, Point{20, 80}, Point{100, 80}, Point{100, 60})
	p.Line(4, Good, Point{1, 1})
	p.Write(Text{At: Point{190, 40}, Size: 14, Anchor: End, Words: "<script>alert(1)</script> \x1b[31m"})
	p.Write(Text{At: Point{10, 60}, Size: 14, Words: "\x00\x01"})
	return p
}

// TestBothForms draw the same shapes in the same colours.
func TestBothForms(t *testing.T) {
	p := sample()
	raw, err := p.Encode("x.PNG")
	if err != nil {
		t.Fatal(err)
	}
	img, err := png.Decode(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	if size := img.Bounds().Size(); size.X != 200*Density || size.Y != 100*Density {
		t.Errorf("a PNG of %v", size)
	}
	for at, want := range map[Point]Colour{{20, 20}: Band, {100, 50}: Bad, {60, 80}: Good, {100, 70}: Good, {150, 90}: Paper, {45, 20}: Paper} {
		got := color.RGBAModel.Convert(img.At(int(at.X*Density), int(at.Y*Density)))
		if got != rgba(want) {
			t.Errorf("at %v is %v, want %s", at, got, want)
		}
	}
	svg, err := p.Encode("x.svg")
	if err != nil {
		t.Fatal(err)
	}
	text := string(svg)
	for _, part := range []string{`<circle cx="100" cy="50" r="8" class="bad" fill="#c93a42"/>`, `points="20,80 100,80 100,60"`, "&lt;script&gt;", `<title>&lt;a&gt; &amp; &#34;b&#34;</title>`} {
		if !strings.Contains(text, part) {
			t.Errorf("no %s in\n%s", part, text)
		}
	}
	if strings.Contains(text, "<script>") || strings.Contains(text, "\x1b") || strings.Count(text, "<text") != 1 || strings.Count(text, "<polyline") != 1 {
		t.Errorf("unexpected parts in\n%s", text)
	}
	d := xml.NewDecoder(bytes.NewReader(svg))
	for {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatalf("%v in\n%s", err, text)
		}
	}
}

func TestFormsThatAreNone(t *testing.T) {
	for _, name := range []string{"x", "x.jpg", ".png/x", ""} {
		if _, err := sample().Encode(name); !errors.Is(err, ErrForm) {
			t.Errorf("%q: %v", name, err)
		}
	}
	if _, err := New(100_000, 10, "").Encode("x.png"); err == nil || !strings.Contains(err.Error(), "draw it as SVG") {
		t.Errorf("a PNG of any size: %v", err)
	}
	// What lies outside is left out.
	p := New(10, 10, "")
	p.Dot(Point{-1e9, 5}, 3, Bad)
	p.Line(1, Bad, Point{-1e12, 5}, Point{1e12, 5})
	if _, err := p.Encode("x.png"); err != nil {
		t.Error(err)
	}
}

func TestShorten(t *testing.T) {
	const long = "a long text that does not fit into its room"
	for _, room := range []float64{0, 5, 40, 100, 1000} {
		short := Shorten(long, 12, room)
		if Width(short, 12, false) > room {
			t.Errorf("%q is wider than %v", short, room)
		}
		if room == 1000 && short != long {
			t.Errorf("what fits was cut: %q", short)
		}
	}
}
