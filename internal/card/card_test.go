package card

import (
	"bytes"
	"image"
	"image/color"
	"strings"
	"testing"
	"unicode/utf8"
)

// ink counts the pixels of a colour.
func ink(img *image.RGBA, c color.RGBA) (n int) {
	for y := range img.Bounds().Dy() {
		for x := range img.Bounds().Dx() {
			if img.RGBAAt(x, y) == c {
				n++
			}
		}
	}
	return n
}

func TestDraw(t *testing.T) {
	full := Card{Title: "Firefox", Lines: []string{"Firefox ended: killed by SIGSEGV.", "It is being started again."}, Small: []string{"it broke"}}
	for _, size := range []image.Point{{1, 1}, {2, 1080}, {160, 90}, {640, 360}, {1920, 1080}, {3840, 1600}, {1080, 1920}} {
		img, err := Draw(size.X, size.Y, full)
		if err != nil || img.Bounds().Size() != size {
			t.Fatalf("%v: %v, %v", size, img.Bounds(), err)
		}
		for y := range size.Y {
			if _, _, _, a := img.At(0, y).RGBA(); a != 0xffff {
				t.Fatalf("%v: not opaque", size)
			}
		}
		if size.X < 160 {
			continue
		}
		for _, part := range []Card{
			{Lines: full.Lines, Small: full.Small},
			{Title: full.Title, Small: full.Small},
			{Title: full.Title, Lines: full.Lines},
		} {
			without, err := Draw(size.X, size.Y, part)
			if err != nil || bytes.Equal(without.Pix, img.Pix) {
				t.Errorf("%v: with %+v alone nothing is missing, %v", size, part, err)
			}
		}
	}
	bare, err := Draw(640, 360, Card{Title: "Firefox"})
	if err != nil || ink(bare, soft) != 0 || ink(bare, bright) == 0 {
		t.Errorf("a bare title: %v", err)
	}
	if img, err := Draw(640, 360, Card{}); err != nil || ink(img, bright) != 0 {
		t.Errorf("nothing to say: %v", err)
	}
}

func TestWhatIsTooLongIsCut(t *testing.T) {
	long := strings.Repeat("ä", 1000)
	c := Card{Title: long, Lines: []string{long, long, long, long, long, long, long, long}}.Cut()
	if len(c.Title) > maxTitle || len(c.Lines) != maxLines || !utf8.ValidString(c.Title) || !utf8.ValidString(c.Lines[0]) {
		t.Errorf("%d bytes, %d lines", len(c.Title), len(c.Lines))
	}
	if _, err := Draw(640, 360, Card{Title: long, Lines: []string{long, "\x00\xff\u200b"}}); err != nil {
		t.Error(err)
	}
}

func TestNotice(t *testing.T) {
	short, err := Notice(1280, 720, "The encoder was replaced.")
	if err != nil || short.Bounds().Dx() > 640 || short.Bounds().Dy() > 80 || ink(short, bright) == 0 {
		t.Errorf("%v, %v", short.Bounds(), err)
	}
	long, err := Notice(320, 180, strings.Repeat("many words ", 100))
	if err != nil || long.Bounds().Dx() > 320 || long.Bounds().Dy() > 180 {
		t.Errorf("%v, %v", long.Bounds(), err)
	}
}

func FuzzDraw(f *testing.F) {
	f.Add(640, 360, "Firefox", "It ended.")
	f.Fuzz(func(t *testing.T, width, height int, title, line string) {
		width, height = 1+abs(width)%2000, 1+abs(height)%2000
		if _, err := Draw(width, height, Card{Title: title, Lines: []string{line}}); err != nil {
			t.Error(err)
		}
	})
}

func abs(n int) int {
	if n < 0 {
		return -(n + 1)
	}
	return n
}
