// Package drawing makes diagrams of lines, dots and words, and writes them as
// SVG or PNG. Both look the same: one list of shapes stands behind them.
package drawing

import (
	"bytes"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/kennel-stream/kennel/internal/lettering"
)

// Colour says what something means; each picture gives the same meaning the
// same colour. In SVG it is a class as well, which a page may restyle.
type Colour string

// The colours.
const (
	Paper  Colour = "paper"  // what is drawn on
	Ink    Colour = "ink"    // words
	Faint  Colour = "faint"  // what is less important
	Grid   Colour = "grid"   // lines to read a place by
	Band   Colour = "band"   // behind every other row
	Good   Colour = "good"   // what went well
	Bad    Colour = "bad"    // what went wrong
	Unsure Colour = "unsure" // what may have gone wrong
	Plain  Colour = "plain"  // a curve
)

// hex are the colours on white.
var hex = map[Colour]string{
	Paper: "#ffffff", Ink: "#1b1f2a", Faint: "#667080", Grid: "#d5dae2", Band: "#f4f6f9",
	Good: "#23875a", Bad: "#c93a42", Unsure: "#b27712", Plain: "#2b6cb0",
}

// Anchor is which point of a text is at its x.
type Anchor string

// The anchors.
const (
	Start  Anchor = "start"
	Middle Anchor = "middle"
	End    Anchor = "end"
)

// Point is a place in pixels, from the left upper corner.
type Point struct{ X, Y float64 }

// Text is words in a picture.
type Text struct {
	At     Point   // of the baseline
	Size   float64 // in pixels
	Bold   bool
	Anchor Anchor // Start for ""
	Colour Colour
	Words  string
}

// Picture is a diagram. Make it by New.
type Picture struct {
	width, height float64
	title         string
	shapes        []shape
}

// shape is a part of a picture: words, or an area or line of a colour.
type shape struct {
	kind   kind
	colour Colour
	points []Point
	size   float64 // radius, or width of a line
	text   Text
}

type kind int

const (
	rectangle kind = iota // between two points
	dot
	line
	words
)

// New begins a picture of a size in pixels; title is what it shows, for those
// who cannot see it.
func New(width, height float64, title string) *Picture {
	return &Picture{width: width, height: height, title: title}
}

// Rectangle fills an area.
func (p *Picture) Rectangle(at Point, width, height float64, c Colour) {
	p.shapes = append(p.shapes, shape{kind: rectangle, colour: c, points: []Point{at, {at.X + width, at.Y + height}}})
}

// Dot fills a circle.
func (p *Picture) Dot(at Point, radius float64, c Colour) {
	p.shapes = append(p.shapes, shape{kind: dot, colour: c, points: []Point{at}, size: radius})
}

// Line connects points.
func (p *Picture) Line(width float64, c Colour, points ...Point) {
	if len(points) > 1 {
		p.shapes = append(p.shapes, shape{kind: line, colour: c, points: points, size: width})
	}
}

// Write places words.
func (p *Picture) Write(t Text) {
	if t.Words = lettering.Drawable(t.Words); t.Words == "" {
		return
	}
	if t.Anchor == "" {
		t.Anchor = Start
	}
	if t.Colour == "" {
		t.Colour = Ink
	}
	p.shapes = append(p.shapes, shape{kind: words, colour: t.Colour, text: t})
}

// Width is how wide words are, in pixels.
func Width(words string, size float64, bold bool) float64 {
	pen, err := lettering.NewPen(weight(bold), size)
	if err != nil {
		return size * float64(len(words)) * 0.6
	}
	defer func() { _ = pen.Close() }()
	return float64(pen.Width(words))
}

// Shorten cuts words to so many pixels, with a sign that something is missing.
func Shorten(words string, size, room float64) string {
	if Width(words, size, false) <= room {
		return words
	}
	letters := []rune(words)
	for n := len(letters) - 1; n > 0; n-- {
		if short := strings.TrimRight(string(letters[:n]), " ,.:;(") + "…"; Width(short, size, false) <= room {
			return short
		}
	}
	return ""
}

func weight(bold bool) lettering.Weight {
	if bold {
		return lettering.Bold
	}
	return lettering.Regular
}

// ErrForm is for the name of a file that ends neither in .svg nor in .png.
var ErrForm = errors.New("a picture is a .svg or a .png")

// Encode writes the picture in the form that a file of this name has.
func (p *Picture) Encode(name string) ([]byte, error) {
	switch strings.ToLower(filepath.Ext(name)) {
	case ".svg":
		return p.SVG(), nil
	case ".png":
		var out bytes.Buffer
		err := p.PNG(&out)
		return out.Bytes(), err
	}
	return nil, fmt.Errorf("%s: %w", name, ErrForm)
}
