package compositor

import "github.com/kennel-stream/kennel/internal/display/region"

// Bits of xdg_positioner.constraint_adjustment (xdg-shell.xml).
const (
	slideX  = 1
	slideY  = 2
	flipX   = 4
	flipY   = 8
	resizeX = 16
	resizeY = 32
)

// placement is the double of an xdg_positioner: where a popup goes, relative
// to its parent's window geometry.
type placement struct {
	width, height    int32
	anchorRect       region.Rect
	hasAnchor        bool
	anchor, gravity  uint32
	adjust           uint32
	offsetX, offsetY int32
	reactive         bool
}

// complete reports whether a popup can be made from p.
func (p *placement) complete() bool { return p.width > 0 && p.height > 0 && p.hasAnchor }

// direction splits an xdg_positioner anchor or gravity into -1, 0 or 1 for
// both axes.
func direction(v uint32) (x, y int32) {
	switch v {
	case 1, 5, 7:
		y = -1
	case 2, 6, 8:
		y = 1
	}
	switch v {
	case 3, 5, 6:
		x = -1
	case 4, 7, 8:
		x = 1
	}
	return x, y
}

// axis is one dimension of a placement.
type axis struct {
	from, to        int32 // anchor rectangle
	anchor, gravity int32
	offset, size    int32
}

func (a axis) start() int32 {
	pos := a.offset
	switch a.anchor {
	case -1:
		pos += a.from
	case 1:
		pos += a.to
	default:
		pos += a.from + (a.to-a.from)/2
	}
	switch a.gravity {
	case -1:
		pos -= a.size
	case 0:
		pos -= a.size / 2
	}
	return pos
}

// place returns start and size of the axis within lo..hi, adjusted in the
// order of the specification: flip, slide, resize.
func (a axis) place(lo, hi int32, flip, slide, resize bool) (start, size int32) {
	fits := func(s int32) bool { return s >= lo && s+a.size <= hi }
	pos := a.start()
	if fits(pos) {
		return pos, a.size
	}
	if flip {
		f := a
		f.anchor, f.gravity = -a.anchor, -a.gravity
		if s := f.start(); fits(s) {
			return s, a.size
		}
	}
	if slide {
		pos = slid(pos, a.size, lo, hi, a.gravity)
		if fits(pos) {
			return pos, a.size
		}
	}
	if resize {
		end := min(pos+a.size, hi)
		if s := max(pos, lo); end > s {
			return s, end - s
		}
	}
	return pos, a.size
}

// slid moves the popup into lo..hi; one that is too large keeps the edge that
// its gravity points away from.
func slid(pos, size, lo, hi, gravity int32) int32 {
	if gravity < 0 {
		return min(max(pos, lo), hi-size)
	}
	return max(min(pos, hi-size), lo)
}

// place puts the popup within bounds; both are relative to the parent's
// window geometry.
func (p *placement) place(bounds region.Rect) region.Rect {
	ax, ay := direction(p.anchor)
	gx, gy := direction(p.gravity)
	h := axis{p.anchorRect.X0, p.anchorRect.X1, ax, gx, p.offsetX, p.width}
	v := axis{p.anchorRect.Y0, p.anchorRect.Y1, ay, gy, p.offsetY, p.height}
	x, w := h.place(bounds.X0, bounds.X1, p.adjust&flipX != 0, p.adjust&slideX != 0, p.adjust&resizeX != 0)
	y, hh := v.place(bounds.Y0, bounds.Y1, p.adjust&flipY != 0, p.adjust&slideY != 0, p.adjust&resizeY != 0)
	return region.XYWH(x, y, w, hh)
}
