package compositor

import (
	"github.com/kennel-stream/kennel/internal/display"
	"github.com/kennel-stream/kennel/internal/display/output"
	"github.com/kennel-stream/kennel/internal/display/pixel"
	"github.com/kennel-stream/kennel/internal/display/region"
)

// show composes and publishes a picture when there is damage, a client has
// shown something, somebody looks, and the refresh clock gives a credit.
func (c *compositor) show() {
	if c.damage.Empty() && c.flips.Empty() || !c.painted || c.out.Sinks() == 0 {
		return
	}
	now := c.clock.Now()
	if !c.refresh.credit(now) || !c.fresh && c.yields(now) {
		c.waiting = true
		c.refresh.arm()
		return
	}
	if !c.paint(now) {
		c.waiting = true // a sink's answer brings us back here
	}
}

// yields reports whether a change of our own, as of the cursor, waits for a
// client that keeps the refresh rate: it must not take the credit that the
// client's next commit needs, and is shown together with that.
func (c *compositor) yields(now int64) bool {
	return now-c.freshShown < c.refresh.interval*5/4
}

// paint composes what is damaged and publishes it; false while sinks hold
// every buffer.
func (c *compositor) paint(now int64) bool {
	if len(c.parts) > 0 {
		if !c.paintParts() {
			return false
		}
	} else {
		b := c.back
		if b == nil {
			b = c.draw()
		}
		if b == nil {
			return false
		}
		c.composeInto(b)
		c.out.Publish(b, &c.damage, c.commitAt)
	}
	c.back = nil
	c.backFresh.Clear()
	c.damage.Clear()
	c.flips.Clear()
	c.refresh.spend(now)
	if c.fresh {
		c.freshShown = now
	}
	c.stats.Scenes++
	if c.fresh && !c.waiting {
		c.stats.CommitToSceneNanos = max(c.stats.CommitToSceneNanos, c.clock.Now()-c.commitAt)
	}
	c.waiting, c.fresh = false, false
	return true
}

// draw takes a buffer of the ring; running out of memory is reported, and
// then as good as every buffer being held.
func (c *compositor) draw() *output.Buffer {
	b, err := c.out.Draw()
	if err != nil {
		c.outputFault(err)
	}
	return b
}

func (c *compositor) outputFault(err error) {
	c.event(display.Event{Kind: display.EventFault, Fault: display.FaultOutput, Detail: err.Error()})
}

// composeInto makes b the whole current picture.
func (c *compositor) composeInto(b *output.Buffer) {
	todo := &c.todo
	todo.Set(&c.damage)
	if b == c.back {
		todo.SubtractRegion(&c.backFresh)
	} else {
		c.out.CatchUp(b, &c.damage)
	}
	if todo.Empty() {
		c.stats.Direct++
		return
	}
	c.keepDirect()
	for _, r := range todo.Rects() {
		c.paintRect(&b.Image, r)
	}
}

// paintRect draws all nodes of r, from the topmost one that hides the rest.
func (c *compositor) paintRect(dst *pixel.Image, r region.Rect) {
	first := len(c.nodes) - 1
	for ; first >= c.visible; first-- {
		if c.nodes[first].hides(r) {
			break
		}
	}
	if first < c.visible {
		pixel.Fill(dst, r, background)
		first = c.visible
	}
	for i := first; i < len(c.nodes); i++ {
		c.nodes[i].draw(dst, r)
	}
}

// readDirect reads the damage of a commit straight into the next picture, as
// the surface is all that the output shows. It is false when no buffer is free.
func (c *compositor) readDirect(s *surface, src *buffer, damage *region.Region) (ok bool, err error) {
	if c.back == nil {
		b := c.draw()
		if b == nil {
			return false, nil
		}
		c.back = b
		c.backFresh.Clear()
		if s.inRing {
			c.out.CatchUp(b, damage)
		}
	}
	if !s.inRing {
		if !damage.Covers(c.back.Image.Bounds()) {
			pixel.Copy(&c.back.Image, &s.pixels, c.back.Image.Bounds(), 0, 0)
		}
		c.back.Missing.Clear()
		c.backFresh.SetRect(c.back.Image.Bounds())
		s.inRing, s.pixels = true, pixel.Image{}
	}
	c.backFresh.AddRegion(damage)
	for _, r := range damage.Rects() {
		if err := src.read(&c.back.Image, r); err != nil {
			c.keepDirect()
			c.dropBack()
			return false, err
		}
	}
	return true, nil
}

// keepDirect gives the direct surface memory of its own for its pixels, which
// until now lie only in the ring.
func (c *compositor) keepDirect() {
	s := c.direct
	if s == nil || !s.inRing {
		return
	}
	from, ok := c.out.Newest()
	if c.back != nil {
		from, ok = c.back.Image, true
	}
	s.inRing = false
	s.pixels = pixel.New(s.geometry.Width, s.geometry.Height)
	if ok {
		pixel.Copy(&s.pixels, &from, s.pixels.Bounds(), 0, 0)
	}
}

// dropBack gives up a picture that was begun.
func (c *compositor) dropBack() {
	if c.back == nil {
		return
	}
	c.back.Missing.SetRect(c.back.Image.Bounds())
	c.back = nil
	c.backFresh.Clear()
}
