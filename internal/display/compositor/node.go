package compositor

import (
	"github.com/kennel-stream/kennel/internal/display/pixel"
	"github.com/kennel-stream/kennel/internal/display/region"
)

// node is a surface, or the default cursor, at its place on the output.
type node struct {
	surface *surface // nil for the default cursor
	image   *pixel.Image
	rect    region.Rect
	cursor  bool // no input
}

// hides reports whether the node covers all of r with opaque pixels.
func (n *node) hides(r region.Rect) bool {
	if n.surface == nil || n.surface.refused() || !n.rect.Covers(r) {
		return false
	}
	return n.surface.opaqueAt(r.Shift(-n.rect.X0, -n.rect.Y0))
}

func (n *node) draw(dst *pixel.Image, r region.Rect) {
	r = r.Intersect(n.rect)
	if r.Empty() {
		return
	}
	if n.surface == nil {
		pixel.Blend(dst, n.image, r, n.rect.X0, n.rect.Y0)
		return
	}
	s := n.surface
	if s.refused() {
		return
	}
	opaque := s.opaqueAt(r.Shift(-n.rect.X0, -n.rect.Y0))
	switch {
	case !s.plain:
		place := pixel.Affine{XX: 1, YY: 1, X0: -float64(n.rect.X0), Y0: -float64(n.rect.Y0)}
		pixel.Sample(dst, &s.pixels, r, s.toBuffer.After(place), s.crop, s.noAlpha)
	case opaque:
		pixel.Copy(dst, &s.pixels, r, n.rect.X0, n.rect.Y0)
	default:
		pixel.Blend(dst, &s.pixels, r, n.rect.X0, n.rect.Y0)
	}
}

// layout places every mapped surface anew and damages what that changed.
func (c *compositor) layout() {
	if !c.stale {
		return
	}
	c.stale = false
	c.oldNodes, c.nodes = c.nodes, c.oldNodes[:0]
	for _, n := range c.oldNodes {
		if n.surface != nil {
			n.surface.placed = false
		}
	}
	for _, t := range c.toplevels {
		c.placeToplevel(t)
	}
	c.placeCard()
	c.placeNotice()
	c.placePointer()
	c.enterOutput()
	c.damageMoves()
	c.findVisible()
}

// placeTree appends s at (x, y) with its subsurfaces.
func (c *compositor) placeTree(s *surface, x, y int32) {
	if !s.hasContent {
		return
	}
	for _, child := range s.stack {
		if child == nil {
			c.nodes = append(c.nodes, node{surface: s, rect: region.XYWH(x, y, s.width, s.height)})
			s.placed, s.x, s.y = true, x, y
			continue
		}
		c.placeTree(child.surface, x+child.x, y+child.y)
	}
}

// damageMoves damages where nodes came, went, moved or changed their order.
func (c *compositor) damageMoves() {
	same := 0
	for same < len(c.nodes) && same < len(c.oldNodes) && c.nodes[same] == c.oldNodes[same] {
		same++
	}
	for _, n := range c.oldNodes[same:] {
		c.damage.Add(n.rect.Intersect(c.out.Bounds()))
	}
	for _, n := range c.nodes[same:] {
		c.damage.Add(n.rect.Intersect(c.out.Bounds()))
	}
}

// findVisible finds the lowest node that is not hidden, and whether it is all
// there is to see.
func (c *compositor) findVisible() {
	c.visible = 0
	for i := len(c.nodes) - 1; i > 0; i-- {
		if c.nodes[i].hides(c.out.Bounds()) {
			c.visible = i
			break
		}
	}
	var direct *surface
	if only := c.nodes[c.visible:]; len(only) == 1 && only[0].surface != nil && only[0].rect == c.out.Bounds() &&
		only[0].surface.plain && only[0].surface.gpu == nil && only[0].hides(c.out.Bounds()) {
		direct = only[0].surface
	}
	if direct != c.direct {
		c.keepDirect()
		c.dropBack()
		c.direct = direct
	}
	c.arrange()
}

// collectDamage moves what surfaces drew anew onto the output.
func (c *compositor) collectDamage() {
	for i, n := range c.nodes {
		s := n.surface
		if s == nil || s.damage.Empty() {
			continue
		}
		damage := &c.damage
		if s.gpu != nil {
			damage = &c.flips // there is nothing to draw
			if i < c.visible {
				s.damage.Clear()
			}
		}
		for _, r := range s.damage.Rects() {
			damage.Add(r.Shift(s.x, s.y).Intersect(n.rect).Intersect(c.out.Bounds()))
		}
		s.damage.Clear()
	}
}

// nodeAt finds the topmost surface that takes input at a point of the output.
func (c *compositor) nodeAt(x, y int32) *surface {
	for i := len(c.nodes) - 1; i >= 0; i-- {
		n := &c.nodes[i]
		if !n.cursor && n.rect.Has(x, y) && n.surface.takesInput(x-n.rect.X0, y-n.rect.Y0) {
			return n.surface
		}
	}
	return nil
}
