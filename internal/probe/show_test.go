package probe

import (
	"image"
	"image/color"
	"testing"

	"github.com/kennel-stream/kennel/internal/terminal"
	"github.com/kennel-stream/kennel/moonlight/control"
)

// halves is a picture whose left half is white and whose right half is black.
func halves(width, height int) *picture {
	p := &picture{width: width, height: height}
	for range height {
		for x := range width {
			v := byte(16)
			if x < width/2 {
				v = 235
			}
			p.data = append(p.data, v)
		}
	}
	for range 2 * ((width + 1) / 2) * ((height + 1) / 2) {
		p.data = append(p.data, 128)
	}
	return p
}

func TestScaleAverages(t *testing.T) {
	img := image.NewRGBA(image.Rect(0, 0, 3, 1))
	halves(12, 6).scale(img)
	white, grey, black := color.RGBA{255, 255, 255, 255}, color.RGBA{127, 127, 127, 255}, color.RGBA{0, 0, 0, 255}
	for x, want := range []color.RGBA{white, grey, black} {
		if got := img.RGBAAt(x, 0); got != want {
			t.Errorf("pixel %d is %v, want %v", x, got, want)
		}
	}
}

func TestScaleTakesAnySize(t *testing.T) {
	for _, from := range []image.Point{{1, 1}, {3, 5}, {64, 2}} {
		for _, to := range []image.Point{{2, 1}, {7, 3}, {100, 80}} {
			img := image.NewRGBA(image.Rectangle{Max: to})
			halves(from.X, from.Y).scale(img)
			if got := img.RGBAAt(to.X-1, to.Y-1); got != (color.RGBA{0, 0, 0, 255}) {
				t.Errorf("%v to %v: the last pixel is %v", from, to, got)
			}
		}
	}
}

func TestKeysOfATerminalAreKeysOfAKeyboard(t *testing.T) {
	for _, c := range []struct {
		key   terminal.Key
		vk    uint8
		shift bool
	}{
		{terminal.Key{Rune: 'a'}, 'A', false},
		{terminal.Key{Rune: 'A'}, 'A', true},
		{terminal.Key{Rune: '!'}, '1', true},
		{terminal.Key{Named: terminal.Enter}, 0x0d, false},
		{terminal.Key{Named: terminal.Left}, 0x25, false},
		{terminal.Key{Named: terminal.F1 + 11}, 0x7b, false},
	} {
		if vk, shift, ok := keyCode(c.key); vk != c.vk || shift != c.shift || !ok {
			t.Errorf("%+v is %#x, shift %t, %t", c.key, vk, shift, ok)
		}
	}
	if _, _, ok := keyCode(terminal.Key{Rune: 'ü'}); ok {
		t.Error("ü is no key of a US keyboard")
	}
	for named := terminal.Enter; named < terminal.F1; named++ {
		if namedVKs[named] == 0 {
			t.Errorf("the named key %d has no code", named)
		}
	}
	if got := modifiers(true, false, true); got != control.ModifierShift|control.ModifierAlt {
		t.Errorf("shift and alt are %#x", got)
	}
}
