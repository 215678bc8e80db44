package compositor

import (
	"slices"

	"github.com/kennel-stream/kennel/internal/display/output"
	"github.com/kennel-stream/kennel/internal/display/pixel"
	"github.com/kennel-stream/kennel/internal/display/region"
	"github.com/kennel-stream/kennel/internal/scene"
)

// part is a layer of a picture with GPU buffers: one of those, or the nodes
// between two of them, which are drawn here.
type part struct {
	client   bool // the node from is a GPU buffer
	from, to int  // nodes; those with GPU buffers are not drawn
	overlay  int  // number of what is drawn, -1 for the opaque base
	bounds   region.Rect
	buffer   *output.Buffer // being drawn
}

// placed is what decides which part a node belongs to.
type placed struct {
	surface *surface
	image   *pixel.Image
	client  bool
}

func (n *node) client() bool {
	return n.surface != nil && n.surface.gpu != nil && !n.surface.refused()
}

// arrange sorts the visible nodes into parts; there are none while no GPU
// buffer is visible. When nodes changed their part, everything is drawn anew.
func (c *compositor) arrange() {
	visible := c.nodes[c.visible:]
	c.parts = c.parts[:0]
	before, now := c.places, c.oldPlaces[:0]
	if slices.ContainsFunc(visible, func(n node) bool { return n.client() }) {
		c.sortParts()
		for i := range visible {
			n := &visible[i]
			now = append(now, placed{n.surface, n.image, n.client()})
		}
	}
	c.places, c.oldPlaces = now, before
	if !slices.Equal(before, now) {
		c.keepDirect()
		c.dropBack()
		c.damageAll()
	}
}

// sortParts makes the parts of the visible nodes. Above the last overlay that
// may be had, nodes are drawn into it, above GPU buffers that should hide them.
func (c *compositor) sortParts() {
	overlays, last := 0, 0
	first := c.visible
	for !c.nodes[first].client() {
		first++
	}
	if first > c.visible || !c.nodes[first].hides(c.out.Bounds()) {
		c.parts = append(c.parts, part{from: c.visible, to: first, overlay: -1, bounds: c.out.Bounds()})
	}
	for i := first; i < len(c.nodes); {
		if c.nodes[i].client() {
			if len(c.parts) < scene.MaxLayers-output.MaxOverlays {
				c.parts = append(c.parts, part{client: true, from: i, to: i + 1})
			}
			i++
			continue
		}
		run := part{from: i, overlay: overlays}
		for ; i < len(c.nodes) && !c.nodes[i].client(); i++ {
			run.bounds = run.bounds.Union(c.nodes[i].rect.Intersect(c.out.Bounds()))
		}
		run.to = i
		if overlays == output.MaxOverlays {
			top := c.parts[last]
			c.parts = slices.Delete(c.parts, last, last+1)
			run.from, run.overlay, run.bounds = top.from, top.overlay, run.bounds.Union(top.bounds)
		} else {
			overlays++
		}
		last = len(c.parts)
		c.parts = append(c.parts, run)
	}
}

// paintParts draws what is damaged and publishes a picture of layers; false
// while sinks hold every buffer of a part.
func (c *compositor) paintParts() bool {
	for i := range c.parts {
		p := &c.parts[i]
		if p.client || p.bounds.Empty() {
			continue
		}
		if p.buffer = c.newest(p); p.buffer != nil && c.damage.Empty() {
			continue
		}
		if p.buffer = c.drawPart(p); p.buffer == nil {
			return false
		}
	}
	c.layers = c.layers[:0]
	for i := range c.parts {
		p := &c.parts[i]
		switch {
		case p.client:
			c.layers = append(c.layers, c.nodes[p.from].layer())
		case p.bounds.Empty():
		default:
			if !c.damage.Empty() {
				c.composePart(p)
			}
			c.layers = append(c.layers, p.layer())
		}
		p.buffer = nil
	}
	c.flips.AddRegion(&c.damage)
	c.out.PublishLayers(c.layers, &c.flips, c.commitAt)
	c.stats.Layered++
	return true
}

func (c *compositor) newest(p *part) *output.Buffer {
	if p.overlay < 0 {
		return c.out.NewestBase()
	}
	return c.out.NewestOverlay(p.overlay)
}

// drawPart takes a buffer to draw a part to.
func (c *compositor) drawPart(p *part) *output.Buffer {
	if p.overlay < 0 {
		return c.draw()
	}
	b, err := c.out.DrawOverlay(p.overlay)
	if err != nil {
		c.outputFault(err)
	}
	return b
}

// composePart draws the damage of a part.
func (c *compositor) composePart(p *part) {
	ground, dst := uint32(0), &p.buffer.Image
	if p.overlay < 0 {
		ground = background
		c.out.CatchUp(p.buffer, &c.damage)
	} else {
		c.out.CatchUpOverlay(p.overlay, p.buffer, &c.damage)
	}
	for _, r := range c.damage.Rects() {
		pixel.Fill(dst, r, ground)
		for i := p.from; i < p.to; i++ {
			n := &c.nodes[i]
			if n.client() {
				continue
			}
			n.draw(dst, r)
			if shown := r.Intersect(n.rect); n.hides(shown) {
				pixel.FillAlpha(dst, shown)
			}
		}
	}
	c.out.Drawn(p.overlay, p.buffer, &c.damage)
}

// layer shows a part that was drawn at its place.
func (p *part) layer() output.Layer {
	r := p.bounds
	return output.Layer{
		Own:         p.buffer,
		Source:      scene.Rect{X: r.X0 << 8, Y: r.Y0 << 8, Width: r.Width() << 8, Height: r.Height() << 8},
		Destination: scene.Rect{X: r.X0, Y: r.Y0, Width: r.Width(), Height: r.Height()},
	}
}
