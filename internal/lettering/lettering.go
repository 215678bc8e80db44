// Package lettering writes text into pictures, in the Go fonts that are part of
// the program: what it draws does not depend on the fonts of the machine.
package lettering

import (
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"strings"
	"sync"
	"unicode"

	"golang.org/x/image/font"
	"golang.org/x/image/font/gofont/gobold"
	"golang.org/x/image/font/gofont/goregular"
	"golang.org/x/image/font/opentype"
	"golang.org/x/image/font/sfnt"
	"golang.org/x/image/math/fixed"
)

// Weight is how thick the strokes are.
type Weight int

// The weights.
const (
	Regular Weight = iota
	Bold
)

var (
	regular = sync.OnceValues(func() (*opentype.Font, error) { return opentype.Parse(goregular.TTF) })
	bold    = sync.OnceValues(func() (*opentype.Font, error) { return opentype.Parse(gobold.TTF) })
)

func fontOf(w Weight) (*opentype.Font, error) {
	if w == Bold {
		return bold()
	}
	return regular()
}

// Pen writes in one weight and size. Close it after use.
type Pen struct {
	font *opentype.Font
	face font.Face
}

// NewPen makes a pen of a size in pixels, above 0.
func NewPen(w Weight, size float64) (*Pen, error) {
	f, err := fontOf(w)
	if err != nil {
		return nil, fmt.Errorf("load a font: %w", err)
	}
	face, err := opentype.NewFace(f, &opentype.FaceOptions{Size: size, DPI: 72, Hinting: font.HintingFull})
	if err != nil {
		return nil, fmt.Errorf("load a font: %w", err)
	}
	return &Pen{f, face}, nil
}

// Close gives back what the pen holds.
func (p *Pen) Close() error { return p.face.Close() }

// Width is that of a line in pixels.
func (p *Pen) Width(line string) int { return font.MeasureString(p.face, line).Ceil() }

// Fits tells whether a line is no wider than so many pixels.
func (p *Pen) Fits(line string, room int) bool {
	return font.MeasureString(p.face, line) <= fixed.I(room)
}

// Lines breaks a text into lines of so many pixels, between words and within
// one only where it fits no line; then whole is false.
func (p *Pen) Lines(text string, room int) (lines []string, whole bool) {
	whole = true
	line := ""
	for word := range strings.FieldsSeq(text) {
		if joined := strings.TrimSpace(line + " " + word); p.Fits(joined, room) {
			line = joined
			continue
		}
		if line != "" {
			lines = append(lines, line)
		}
		line = ""
		for _, r := range word {
			if line != "" && !p.Fits(line+string(r), room) {
				lines, line, whole = append(lines, line), "", false
			}
			line += string(r)
		}
	}
	return append(lines, line), whole
}

// Write writes a line from x on, with its baseline at y.
func (p *Pen) Write(img draw.Image, line string, x, y int, c color.Color) {
	d := font.Drawer{Dst: img, Src: image.NewUniform(c), Face: p.face, Dot: fixed.P(x, y)}
	d.DrawString(line)
}

// Centre writes a line in the middle of a picture of that width.
func (p *Pen) Centre(img draw.Image, line string, width, y int, c color.Color) {
	d := font.Drawer{Dst: img, Src: image.NewUniform(c), Face: p.face}
	d.Dot = fixed.Point26_6{X: (fixed.I(width) - d.MeasureString(line)) / 2, Y: fixed.I(y)}
	d.DrawString(line)
}

// Drawable leaves out of a text what the fonts have no glyph for, and joins its
// words by single spaces.
func Drawable(text string) string {
	f, err := bold()
	if err != nil {
		return ""
	}
	var buf sfnt.Buffer
	text = strings.Map(func(r rune) rune {
		if i, err := f.GlyphIndex(&buf, r); err != nil || i == 0 || unicode.IsControl(r) && !unicode.IsSpace(r) {
			return -1
		}
		return r
	}, text)
	return strings.Join(strings.Fields(text), " ")
}
