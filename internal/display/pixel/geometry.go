package pixel

import (
	"math"

	"github.com/kennel-stream/kennel/internal/display/region"
)

// Affine maps a point: u = XX*x + XY*y + X0, v = YX*x + YY*y + Y0.
type Affine struct{ XX, XY, X0, YX, YY, Y0 float64 }

// Apply maps one point.
func (a Affine) Apply(x, y float64) (u, v float64) {
	return a.XX*x + a.XY*y + a.X0, a.YX*x + a.YY*y + a.Y0
}

// After returns the map that applies b first, then a.
func (a Affine) After(b Affine) Affine {
	return Affine{
		a.XX*b.XX + a.XY*b.YX, a.XX*b.XY + a.XY*b.YY, a.XX*b.X0 + a.XY*b.Y0 + a.X0,
		a.YX*b.XX + a.YY*b.YX, a.YX*b.XY + a.YY*b.YY, a.YX*b.X0 + a.YY*b.Y0 + a.Y0,
	}
}

// Inverse undoes a, which must not be degenerate.
func (a Affine) Inverse() Affine {
	det := a.XX*a.YY - a.XY*a.YX
	inv := Affine{XX: a.YY / det, XY: -a.XY / det, YX: -a.YX / det, YY: a.XX / det}
	inv.X0, inv.Y0 = -(inv.XX*a.X0 + inv.XY*a.Y0), -(inv.YX*a.X0 + inv.YY*a.Y0)
	return inv
}

// Rect maps r and rounds outwards.
func (a Affine) Rect(r region.Rect) region.Rect {
	if r.Empty() {
		return region.Rect{}
	}
	u0, v0 := a.Apply(float64(r.X0), float64(r.Y0))
	u1, v1 := a.Apply(float64(r.X1), float64(r.Y1))
	const slack = 1e-6 // an exact edge must not round into the next pixel
	return region.Rect{
		X0: cut(math.Floor(min(u0, u1) + slack)), Y0: cut(math.Floor(min(v0, v1) + slack)),
		X1: cut(math.Ceil(max(u0, u1) - slack)), Y1: cut(math.Ceil(max(v0, v1) - slack)),
	}
}

func cut(v float64) int32 { return int32(min(max(v, -region.Bounded), region.Bounded)) }

// Geometry says how a buffer fills a surface (wl_surface.set_buffer_transform,
// set_buffer_scale and wp_viewport).
type Geometry struct {
	// Width and Height are the buffer's size in pixels.
	Width, Height int
	// Transform is a wl_output.transform, Scale at least 1.
	Transform uint32
	Scale     int
	// Source is the crop in surface coordinates, used when Cropped is set.
	Cropped                   bool
	SourceX, SourceY          float64
	SourceWidth, SourceHeight float64
	TargetWidth, TargetHeight int // of wp_viewport.set_destination, 0 for none
}

// content is the buffer's size after transform and scale.
func (g *Geometry) content() (w, h float64) {
	w, h = float64(g.Width)/float64(g.Scale), float64(g.Height)/float64(g.Scale)
	if g.Transform&1 != 0 {
		w, h = h, w
	}
	return w, h
}

// source is the crop in surface coordinates.
func (g *Geometry) source() (x, y, w, h float64) {
	if g.Cropped {
		return g.SourceX, g.SourceY, g.SourceWidth, g.SourceHeight
	}
	w, h = g.content()
	return 0, 0, w, h
}

// SourceInside reports whether the crop lies in the buffer's content.
func (g *Geometry) SourceInside() bool {
	x, y, w, h := g.source()
	cw, ch := g.content()
	return x >= 0 && y >= 0 && x+w <= cw && y+h <= ch
}

// Size is that of the surface.
func (g *Geometry) Size() (width, height int) {
	if g.TargetWidth > 0 {
		return g.TargetWidth, g.TargetHeight
	}
	_, _, w, h := g.source()
	return int(w), int(h)
}

// Plain reports whether surface and buffer pixels are the same.
func (g *Geometry) Plain() bool {
	w, h := g.Size()
	return g.Transform == 0 && g.Scale == 1 && w == g.Width && h == g.Height &&
		(!g.Cropped || g.SourceX == 0 && g.SourceY == 0)
}

// ToBuffer maps surface coordinates to buffer pixels.
func (g *Geometry) ToBuffer() Affine {
	sx, sy, sw, sh := g.source()
	w, h := g.Size()
	view := Affine{XX: 1, YY: 1, X0: sx, Y0: sy}
	if w > 0 && h > 0 {
		view.XX, view.YY = sw/float64(w), sh/float64(h)
	}
	cw, ch := g.content()
	return turn(g.Transform, cw, ch, float64(g.Scale)).After(view)
}

// turn maps content of size w x h to the buffer that a client drew it into
// with a wl_output.transform (turned counter-clockwise) and a scale.
func turn(transform uint32, w, h, scale float64) Affine {
	var a Affine
	switch transform {
	case 0:
		a = Affine{XX: 1, YY: 1}
	case 1:
		a = Affine{XY: 1, YX: -1, Y0: w}
	case 2:
		a = Affine{XX: -1, X0: w, YY: -1, Y0: h}
	case 3:
		a = Affine{XY: -1, X0: h, YX: 1}
	case 4:
		a = Affine{XX: -1, X0: w, YY: 1}
	case 5:
		a = Affine{XY: 1, YX: 1}
	case 6:
		a = Affine{XX: 1, YY: -1, Y0: h}
	default:
		a = Affine{XY: -1, X0: h, YX: -1, Y0: w}
	}
	return Affine{XX: scale, YY: scale}.After(a)
}

// Placement maps pixels of a picture to those of a source of which the part
// (x, y, w, h) is shown at a place of the picture, turned by a
// wl_output.transform.
func Placement(x, y, w, h float64, transform uint32, at region.Rect) Affine {
	cw, ch := w, h
	if transform&1 != 0 {
		cw, ch = h, w
	}
	view := Affine{XX: cw / float64(at.Width()), YY: ch / float64(at.Height())}
	view.X0, view.Y0 = -float64(at.X0)*view.XX, -float64(at.Y0)*view.YY
	a := turn(transform, cw, ch, 1).After(view)
	a.X0, a.Y0 = a.X0+x, a.Y0+y
	return a
}

// SourceBounds is the part of the buffer that the surface shows.
func (g *Geometry) SourceBounds() region.Rect {
	w, h := g.Size()
	all := region.Rect{X1: int32(g.Width), Y1: int32(g.Height)}
	return g.ToBuffer().Rect(region.Rect{X1: int32(w), Y1: int32(h)}).Intersect(all)
}
