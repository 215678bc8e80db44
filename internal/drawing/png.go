package drawing

import (
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"io"
	"math"

	"golang.org/x/image/vector"

	"github.com/kennel-stream/kennel/internal/lettering"
)

// Density is how many pixels of a PNG make one of the picture: words stay sharp
// on today's screens, and where the picture is made larger.
const Density = 2

// mostPixels bounds a PNG in each direction.
const mostPixels = 16 << 10

// PNG writes the picture.
func (p *Picture) PNG(w io.Writer) error {
	width, height := int(math.Ceil(p.width*Density)), int(math.Ceil(p.height*Density))
	if width < 1 || height < 1 || width > mostPixels || height > mostPixels {
		return fmt.Errorf("a picture of %d x %d pixels is no PNG: draw it as SVG", width, height)
	}
	c := &canvas{img: image.NewRGBA(image.Rect(0, 0, width, height)), pens: map[penKey]*lettering.Pen{}}
	defer c.close()
	draw.Draw(c.img, c.img.Bounds(), image.NewUniform(rgba(Paper)), image.Point{}, draw.Src)
	for i := range p.shapes {
		if err := c.add(&p.shapes[i]); err != nil {
			return err
		}
	}
	if err := png.Encode(w, c.img); err != nil {
		return fmt.Errorf("write the picture: %w", err)
	}
	return nil
}

func rgba(c Colour) color.RGBA {
	out := color.RGBA{A: 255}
	_, _ = fmt.Sscanf(hex[c], "#%02x%02x%02x", &out.R, &out.G, &out.B)
	return out
}

// canvas is what a PNG is drawn on.
type canvas struct {
	img  *image.RGBA
	fill vector.Rasterizer
	pens map[penKey]*lettering.Pen
}

type penKey struct {
	size float64
	bold bool
}

func (c *canvas) close() {
	for _, pen := range c.pens {
		_ = pen.Close()
	}
}

func (c *canvas) pen(t *Text) (*lettering.Pen, error) {
	key := penKey{t.Size, t.Bold}
	if pen := c.pens[key]; pen != nil {
		return pen, nil
	}
	pen, err := lettering.NewPen(weight(t.Bold), t.Size*Density)
	if err == nil {
		c.pens[key] = pen
	}
	return pen, err
}

func (c *canvas) add(s *shape) error {
	switch s.kind {
	case rectangle:
		a, z := s.points[0], s.points[1]
		c.polygon(s.colour, a, Point{z.X, a.Y}, z, Point{a.X, z.Y})
	case dot:
		c.circle(s.colour, s.points[0], s.size)
	case line:
		for i := range s.points[1:] {
			c.stroke(s, i)
		}
	case words:
		pen, err := c.pen(&s.text)
		if err != nil {
			return err
		}
		x := int(math.Round(s.text.At.X * Density))
		switch s.text.Anchor {
		case Middle:
			x -= pen.Width(s.text.Words) / 2
		case End:
			x -= pen.Width(s.text.Words)
		}
		pen.Write(c.img, s.text.Words, x, int(math.Round(s.text.At.Y*Density)), rgba(s.colour))
	}
	return nil
}

// stroke draws the part of a line behind its point i, and rounds the corner
// before it.
func (c *canvas) stroke(s *shape, i int) {
	a, z := s.points[i], s.points[i+1]
	length := math.Hypot(z.X-a.X, z.Y-a.Y)
	if length == 0 {
		return
	}
	dx, dy := -(z.Y-a.Y)/length*s.size/2, (z.X-a.X)/length*s.size/2
	c.polygon(s.colour, Point{a.X + dx, a.Y + dy}, Point{z.X + dx, z.Y + dy}, Point{z.X - dx, z.Y - dy}, Point{a.X - dx, a.Y - dy})
	if i > 0 {
		c.circle(s.colour, a, s.size/2)
	}
}

// corners is how many a circle is drawn with.
const corners = 48

func (c *canvas) circle(colour Colour, at Point, radius float64) {
	round := make([]Point, corners)
	for i := range round {
		sin, cos := math.Sincos(2 * math.Pi * float64(i) / corners)
		round[i] = Point{at.X + radius*cos, at.Y + radius*sin}
	}
	c.polygon(colour, round...)
}

// polygon fills what lies between points. Only the pixels around are touched.
func (c *canvas) polygon(colour Colour, points ...Point) {
	left, top, right, bottom := math.Inf(1), math.Inf(1), math.Inf(-1), math.Inf(-1)
	for _, at := range points {
		left, right = min(left, at.X*Density), max(right, at.X*Density)
		top, bottom = min(top, at.Y*Density), max(bottom, at.Y*Density)
	}
	box := image.Rect(int(math.Floor(left)), int(math.Floor(top)), int(math.Ceil(right)), int(math.Ceil(bottom)))
	if box.Empty() || !box.Overlaps(c.img.Bounds()) || box.Dx() > mostPixels || box.Dy() > mostPixels {
		return
	}
	c.fill.Reset(box.Dx(), box.Dy())
	for i, at := range points {
		x, y := float32(at.X*Density-float64(box.Min.X)), float32(at.Y*Density-float64(box.Min.Y))
		if i == 0 {
			c.fill.MoveTo(x, y)
			continue
		}
		c.fill.LineTo(x, y)
	}
	c.fill.ClosePath()
	c.fill.Draw(c.img, box, image.NewUniform(rgba(colour)), image.Point{})
}
