// Package region is arithmetic on small sets of pixels made of rectangles:
// damage, opaque and input regions.
//
// A Region is bounded. Where an exact answer would take too many rectangles it
// is made larger, which is right for damage and input; opaque regions, which
// must never be too large, are emptied instead by their owner (see Exact).
package region

import "slices"

// MaxRects bounds the rectangles of one Region.
const MaxRects = 128

// Rect is the pixels with X0 <= x < X1 and Y0 <= y < Y1.
type Rect struct{ X0, Y0, X1, Y1 int32 }

// Bounded is where coordinates are cut, so that sums cannot overflow.
const Bounded = 1 << 28

// XYWH makes a rectangle from a corner and a size, cut to ±Bounded. It is
// empty when a size is not positive.
func XYWH(x, y, width, height int32) Rect {
	if width <= 0 || height <= 0 {
		return Rect{}
	}
	cut := func(v int64) int32 { return int32(min(max(v, -Bounded), Bounded)) }
	return Rect{cut(int64(x)), cut(int64(y)), cut(int64(x) + int64(width)), cut(int64(y) + int64(height))}
}

// Empty reports whether r holds no pixel.
func (r Rect) Empty() bool { return r.X0 >= r.X1 || r.Y0 >= r.Y1 }

// Width is 0 for an empty rectangle.
func (r Rect) Width() int32 { return max(r.X1-r.X0, 0) }

// Height is 0 for an empty rectangle.
func (r Rect) Height() int32 { return max(r.Y1-r.Y0, 0) }

// Area is the number of pixels.
func (r Rect) Area() int64 { return int64(r.Width()) * int64(r.Height()) }

// Intersect returns what r and o share, the zero Rect if nothing.
func (r Rect) Intersect(o Rect) Rect {
	out := Rect{max(r.X0, o.X0), max(r.Y0, o.Y0), min(r.X1, o.X1), min(r.Y1, o.Y1)}
	if out.Empty() {
		return Rect{}
	}
	return out
}

// Union returns the smallest rectangle around both.
func (r Rect) Union(o Rect) Rect {
	switch {
	case r.Empty():
		return o
	case o.Empty():
		return r
	}
	return Rect{min(r.X0, o.X0), min(r.Y0, o.Y0), max(r.X1, o.X1), max(r.Y1, o.Y1)}
}

// Covers reports whether r holds every pixel of o.
func (r Rect) Covers(o Rect) bool {
	return o.Empty() || r.X0 <= o.X0 && r.Y0 <= o.Y0 && r.X1 >= o.X1 && r.Y1 >= o.Y1
}

// Has reports whether the pixel lies in r.
func (r Rect) Has(x, y int32) bool { return x >= r.X0 && x < r.X1 && y >= r.Y0 && y < r.Y1 }

// Shift moves r.
func (r Rect) Shift(dx, dy int32) Rect { return Rect{r.X0 + dx, r.Y0 + dy, r.X1 + dx, r.Y1 + dy} }

// Region is a set of pixels as disjoint rectangles. The zero value is empty.
type Region struct {
	rects   []Rect
	inexact bool
	spare   []Rect
}

// Rects are disjoint and valid until g changes.
func (g *Region) Rects() []Rect { return g.rects }

// Empty reports whether g holds no pixel.
func (g *Region) Empty() bool { return len(g.rects) == 0 }

// Exact reports whether g was never made larger to stay within MaxRects.
func (g *Region) Exact() bool { return !g.inexact }

// Clear empties g and keeps its memory.
func (g *Region) Clear() { g.rects, g.inexact = g.rects[:0], false }

// Set makes g equal to o.
func (g *Region) Set(o *Region) {
	g.rects, g.inexact = append(g.rects[:0], o.rects...), o.inexact
}

// SetRect makes g the one rectangle.
func (g *Region) SetRect(r Rect) {
	g.Clear()
	if !r.Empty() {
		g.rects = append(g.rects, r)
	}
}

// Bounds is the smallest rectangle around g.
func (g *Region) Bounds() Rect {
	var b Rect
	for _, r := range g.rects {
		b = b.Union(r)
	}
	return b
}

// Area is the number of pixels.
func (g *Region) Area() int64 {
	var n int64
	for _, r := range g.rects {
		n += r.Area()
	}
	return n
}

// Has reports whether the pixel lies in g.
func (g *Region) Has(x, y int32) bool {
	return slices.ContainsFunc(g.rects, func(r Rect) bool { return r.Has(x, y) })
}

// Covers reports whether g holds every pixel of r.
func (g *Region) Covers(r Rect) bool {
	if r.Empty() {
		return true
	}
	var covered int64
	for _, have := range g.rects {
		covered += have.Intersect(r).Area()
	}
	return covered == r.Area()
}

// Add adds the pixels of r.
func (g *Region) Add(r Rect) {
	if r.Empty() {
		return
	}
	for _, have := range g.rects {
		if have.Covers(r) {
			return
		}
	}
	g.Subtract(r)
	g.rects = append(g.rects, r)
	g.bound()
}

// AddRegion adds the pixels of o.
func (g *Region) AddRegion(o *Region) {
	for _, r := range o.rects {
		g.Add(r)
	}
	g.inexact = g.inexact || o.inexact
}

// Subtract takes the pixels of r away.
func (g *Region) Subtract(r Rect) {
	if r.Empty() {
		return
	}
	out := g.spare[:0]
	for _, have := range g.rects {
		out = appendMinus(out, have, r)
	}
	g.rects, g.spare = out, g.rects
	g.bound()
}

// SubtractRegion takes the pixels of o away.
func (g *Region) SubtractRegion(o *Region) {
	for _, r := range o.rects {
		g.Subtract(r)
	}
}

// appendMinus appends the up to four parts of a that lie outside of b.
func appendMinus(out []Rect, a, b Rect) []Rect {
	in := a.Intersect(b)
	if in.Empty() {
		return append(out, a)
	}
	for _, part := range [...]Rect{
		{a.X0, a.Y0, a.X1, in.Y0},
		{a.X0, in.Y1, a.X1, a.Y1},
		{a.X0, in.Y0, in.X0, in.Y1},
		{in.X1, in.Y0, a.X1, in.Y1},
	} {
		if !part.Empty() {
			out = append(out, part)
		}
	}
	return out
}

// Intersect keeps only what lies in r.
func (g *Region) Intersect(r Rect) {
	out := g.rects[:0]
	for _, have := range g.rects {
		if in := have.Intersect(r); !in.Empty() {
			out = append(out, in)
		}
	}
	g.rects = out
}

// Shift moves g.
func (g *Region) Shift(dx, dy int32) {
	for i := range g.rects {
		g.rects[i] = g.rects[i].Shift(dx, dy)
	}
}

func (g *Region) bound() {
	if len(g.rects) > MaxRects {
		g.Simplify(MaxRects / 4)
	}
}

// Simplify makes g of at most n rectangles (n >= 1), larger where it must be.
func (g *Region) Simplify(n int) {
	for len(g.rects) > n {
		g.inexact = true
		g.mergeCheapest()
	}
}

// mergeCheapest joins the first rectangle with the one that wastes the fewest
// pixels, and swallows all that the result touches, so that the set stays
// disjoint.
func (g *Region) mergeCheapest() {
	last := len(g.rects) - 1
	joined, best, waste := g.rects[last], 0, int64(-1)
	for i, r := range g.rects[:last] {
		u := joined.Union(r)
		if w := u.Area() - r.Area() - joined.Area(); waste < 0 || w < waste {
			best, waste = i, w
		}
	}
	joined = joined.Union(g.rects[best])
	for grown := true; grown; {
		grown = false
		for _, r := range g.rects {
			if !joined.Covers(r) && !joined.Intersect(r).Empty() {
				joined, grown = joined.Union(r), true
			}
		}
	}
	g.rects = slices.DeleteFunc(g.rects, joined.Covers)
	g.rects = slices.Insert(g.rects, 0, joined)
}
