// Package card draws the calm picture that a player sees where the app has
// none, and the notices that are laid over an app's picture for a while.
package card

import (
	"image"
	"image/color"
	"image/draw"
	"unicode/utf8"

	"github.com/kennel-stream/kennel/internal/lettering"
)

// Card is what to say.
type Card struct {
	// Title is the app's, or the matter in a few words.
	Title string
	// Lines say what is being done or what went wrong, as sentences; each is
	// broken to fit.
	Lines []string
	// Small are lines in small print, such as the last words of an app.
	Small []string
}

// Bounds on what is drawn; what is longer is cut.
const (
	maxTitle = 120
	maxLine  = 300
	maxLines = 6
)

// Empty tells that there is nothing to say.
func (c *Card) Empty() bool { return c.Title == "" && len(c.Lines) == 0 }

// Cut shortens what is too long, at the end of a character.
func (c Card) Cut() Card {
	c.Title = cut(c.Title, maxTitle)
	c.Lines, c.Small = cutAll(c.Lines), cutAll(c.Small)
	return c
}

func cutAll(lines []string) []string {
	cutted := make([]string, 0, len(lines))
	for _, l := range lines[:min(len(lines), maxLines)] {
		cutted = append(cutted, cut(l, maxLine))
	}
	return cutted
}

func cut(s string, most int) string {
	if len(s) <= most {
		return s
	}
	for most > 0 && !utf8.RuneStart(s[most]) {
		most--
	}
	return s[:most]
}

var (
	ground = color.RGBA{0x16, 0x1a, 0x23, 0xff}
	panel  = color.RGBA{0x21, 0x27, 0x34, 0xff}
	accent = color.RGBA{0x5f, 0xb3, 0xa8, 0xff}
	bright = color.RGBA{0xf2, 0xf4, 0xf8, 0xff}
	soft   = color.RGBA{0xc3, 0xca, 0xd6, 0xff}
	faint  = color.RGBA{0x7c, 0x86, 0x98, 0xff}
)

// block is a part of the text, broken into lines.
type block struct {
	lines []string
	pen   *lettering.Pen
	size  int
	ink   color.Color
}

// Draw draws a card of that size in pixels.
func Draw(width, height int, c Card) (*image.RGBA, error) {
	c = c.Cut()
	img := image.NewRGBA(image.Rect(0, 0, width, height))
	draw.Draw(img, img.Bounds(), image.NewUniform(ground), image.Point{}, draw.Src)
	unit := max(10, min(height, width*9/16)/24)
	margin := max(4, width/14)
	room := width - 4*margin
	var blocks []block
	add := func(w lettering.Weight, size int, ink color.Color, texts ...string) error {
		pen, err := lettering.NewPen(w, float64(size))
		if err != nil {
			return err
		}
		b := block{pen: pen, size: size, ink: ink}
		for _, text := range texts {
			if text = lettering.Drawable(text); text != "" {
				lines, _ := pen.Lines(text, max(1, room))
				b.lines = append(b.lines, lines...)
			}
		}
		blocks = append(blocks, b)
		return nil
	}
	defer func() {
		for _, b := range blocks {
			_ = b.pen.Close()
		}
	}()
	if err := add(lettering.Bold, unit*2, bright, c.Title); err != nil {
		return nil, err
	}
	if err := add(lettering.Regular, unit, soft, c.Lines...); err != nil {
		return nil, err
	}
	if err := add(lettering.Regular, max(9, unit*3/4), faint, c.Small...); err != nil {
		return nil, err
	}
	paint(img, blocks, unit, margin)
	return img, nil
}

// paint writes the blocks onto a panel in the middle.
func paint(img *image.RGBA, blocks []block, unit, margin int) {
	width, height := img.Bounds().Dx(), img.Bounds().Dy()
	total := 0
	for _, b := range blocks {
		if len(b.lines) > 0 {
			total += len(b.lines)*b.size*13/10 + unit
		}
	}
	top := max(0, (height-total)/2)
	frame := image.Rect(margin, top-unit, width-margin, top+total+unit)
	draw.Draw(img, frame, image.NewUniform(panel), image.Point{}, draw.Src)
	draw.Draw(img, image.Rect(frame.Min.X, frame.Min.Y, frame.Min.X+max(2, unit/4), frame.Max.Y), image.NewUniform(accent), image.Point{}, draw.Src)
	y := top + unit/2
	for _, b := range blocks {
		for _, line := range b.lines {
			y += b.size * 13 / 10
			b.pen.Write(img, line, 2*margin, y-b.size*3/10, b.ink)
		}
		if len(b.lines) > 0 {
			y += unit / 2
		}
	}
}

// Notice draws a line of text as a strip for the lower edge of a picture of
// that size. It is shorter than the picture where the text allows it.
func Notice(width, height int, text string) (*image.RGBA, error) {
	size := max(10, min(height, width*9/16)/30)
	pen, err := lettering.NewPen(lettering.Regular, float64(size))
	if err != nil {
		return nil, err
	}
	defer func() { _ = pen.Close() }()
	text = lettering.Drawable(cut(text, maxLine))
	lines, _ := pen.Lines(text, max(1, width-4*size))
	wide := 0
	for _, l := range lines {
		wide = max(wide, pen.Width(l))
	}
	img := image.NewRGBA(image.Rect(0, 0, min(width, wide+2*size), min(height, len(lines)*size*13/10+size)))
	draw.Draw(img, img.Bounds(), image.NewUniform(panel), image.Point{}, draw.Src)
	draw.Draw(img, image.Rect(0, 0, max(2, size/4), img.Bounds().Dy()), image.NewUniform(accent), image.Point{}, draw.Src)
	for i, l := range lines {
		pen.Write(img, l, size, size/2+(i+1)*size*13/10-size*3/10, bright)
	}
	return img, nil
}
