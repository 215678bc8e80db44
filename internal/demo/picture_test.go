package demo

import (
	"bytes"
	"image"
	"image/png"
	"os"
	"testing"
	"time"

	"github.com/kennel-stream/kennel/internal/barcode"
)

func example(w, h int, at time.Duration) *state {
	return &state{
		reading: barcode.Reading{Frame: uint32(at / (time.Second / 60)), Width: uint16(w), Height: uint16(h)},
		now:     time.Date(2026, 1, 2, 15, 4, 5, 678e6, time.UTC), elapsed: at, heard: "key 30 down",
	}
}

// TestPartialRedrawEqualsWhole: restoring what moved must leave no trace of it.
func TestPartialRedrawEqualsWhole(t *testing.T) {
	for _, size := range [][2]int{{1280, 720}, {640, 360}, {101, 57}, {1, 1}} {
		p := newPainter(size[0], size[1], "Kennel demo")
		c := newCanvas(size[0], size[1])
		whole := []rect{{0, 0, size[0], size[1]}}
		moving := whole
		for i := range 50 {
			moving = p.draw(&c, moving, example(size[0], size[1], time.Duration(i)*137*time.Millisecond))
		}
		want := newCanvas(size[0], size[1])
		p.draw(&want, whole, example(size[0], size[1], 49*137*time.Millisecond))
		if !bytes.Equal(c.pix, want.pix) {
			t.Errorf("%v: redrawing what moved differs from drawing all", size)
		}
	}
}

func TestPictureMovesAndIsRead(t *testing.T) {
	const w, h = 1280, 720
	p := newPainter(w, h, "Kennel demo")
	c := newCanvas(w, h)
	moving := p.draw(&c, []rect{{0, 0, w, h}}, example(w, h, time.Second))
	if r, err := barcode.ReadBGRx(c.pix, 4*w, w, h); err != nil || r.Frame != 60 {
		t.Errorf("barcode = %+v, %v", r, err)
	}
	before := bytes.Clone(c.pix)
	next := p.draw(&c, moving, example(w, h, time.Second+100*time.Millisecond))
	inside := func(x, y int) bool {
		for _, r := range append(moving, next...) {
			if x >= r.x && x < r.x+r.w && y >= r.y && y < r.y+r.h {
				return true
			}
		}
		return false
	}
	changed := 0
	for i := 0; i < len(before); i += 4 {
		if !bytes.Equal(before[i:i+4], c.pix[i:i+4]) {
			changed++
			if x, y := i/4%w, i/4/w; !inside(x, y) {
				t.Fatalf("pixel %d,%d changed outside of the damage", x, y)
			}
		}
	}
	if changed < 1000 {
		t.Errorf("only %d pixels moved in 100 ms", changed)
	}
}

// TestWritePNG shows the picture to a person: KENNEL_DEMO_PNG=FILE go test.
func TestWritePNG(t *testing.T) {
	file := os.Getenv("KENNEL_DEMO_PNG")
	if file == "" {
		t.Skip("set KENNEL_DEMO_PNG to a file name to look at the picture")
	}
	const w, h = 1280, 720
	p := newPainter(w, h, "Kennel demo")
	c := newCanvas(w, h)
	p.draw(&c, []rect{{0, 0, w, h}}, example(w, h, 1300*time.Millisecond))
	img := image.NewRGBA(image.Rect(0, 0, w, h))
	for i := 0; i < len(c.pix); i += 4 {
		img.Pix[i], img.Pix[i+1], img.Pix[i+2], img.Pix[i+3] = c.pix[i+2], c.pix[i+1], c.pix[i], 255
	}
	f, err := os.Create(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := png.Encode(f, img); err != nil {
		t.Fatal(err)
	}
}

func BenchmarkDraw720p(b *testing.B) {
	const w, h = 1280, 720
	p := newPainter(w, h, "Kennel demo")
	c := newCanvas(w, h)
	s := example(w, h, time.Second)
	moving := []rect{{0, 0, w, h}}
	for b.Loop() {
		s.elapsed += time.Second / 60
		moving = p.draw(&c, moving, s)
	}
}
