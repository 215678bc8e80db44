package output

import (
	"fmt"
	"slices"

	"github.com/kennel-stream/kennel/internal/display/pixel"
	"github.com/kennel-stream/kennel/internal/display/region"
	"github.com/kennel-stream/kennel/internal/ipc"
	"github.com/kennel-stream/kennel/internal/scene"
)

// Output is the ring of one size at a time and the sinks that read it.
type Output struct {
	ring     ring
	sinks    []*Sink
	sequence uint64
	commit   int64

	post func(func()) bool
	lost func(id uint32, err error)

	message []byte
	scene   scene.Scene
}

// New makes an output. post runs a function on the goroutine that owns the
// Output, and reports false when that has ended; lost hears of links that
// broke (nil error: the reader closed it), after they are gone.
func New(width, height int, post func(func()) bool, lost func(id uint32, err error)) (*Output, error) {
	o := &Output{post: post, lost: lost}
	if err := o.Resize(width, height); err != nil {
		return nil, err
	}
	return o, nil
}

// Resize replaces the ring. Nothing is published until Publish.
func (o *Output) Resize(width, height int) error {
	if width < 1 || height < 1 || width > scene.MaxDimension || height > scene.MaxDimension {
		return fmt.Errorf("output of %dx%d pixels: each side must be 1 to %d", width, height, scene.MaxDimension)
	}
	next := ring{width: width, height: height, nextID: o.ring.nextID + 1}
	for range minBuffers {
		if _, err := next.grow(); err != nil {
			next.close()
			return err
		}
	}
	for _, s := range slices.Clone(o.sinks) {
		// Readers keep their own mappings of the old ring; nothing draws to it any more.
		s.held = nil
		s.restart()
	}
	o.ring.close()
	o.ring = next
	return nil
}

// Size is that of the ring in pixels.
func (o *Output) Size() (width, height int) { return o.ring.width, o.ring.height }

// Bounds is the whole output.
func (o *Output) Bounds() region.Rect {
	return region.Rect{X1: int32(o.ring.width), Y1: int32(o.ring.height)}
}

// Newest is the last published picture; ok is false before the first.
func (o *Output) Newest() (pixel.Image, bool) {
	if o.ring.newest == nil {
		return pixel.Image{}, false
	}
	return o.ring.newest.Image, true
}

// Draw returns a buffer to draw the next picture to, nil while the sinks hold
// all. The same one may be returned until Publish.
func (o *Output) Draw() (*Buffer, error) {
	return o.ring.free(minBuffers + maxHeld*len(o.sinks))
}

// CatchUp brings b to the newest published picture, but for the pixels of
// skip, which the caller draws.
func (o *Output) CatchUp(b *Buffer, skip *region.Region) {
	if newest := o.ring.newest; newest != nil && newest != b {
		b.Missing.SubtractRegion(skip)
		for _, r := range b.Missing.Rects() {
			pixel.Copy(&b.Image, &newest.Image, r, 0, 0)
		}
	}
	b.Missing.Clear()
}

// Publish makes b the newest picture and offers it to every sink. damage is
// how it differs from the one before, commit the CLOCK_MONOTONIC nanoseconds
// of the newest client commit in it.
func (o *Output) Publish(b *Buffer, damage *region.Region, commit int64) {
	o.ring.publish(b, damage)
	o.sequence++
	o.commit = commit
	for _, s := range slices.Clone(o.sinks) {
		s.damage.AddRegion(damage)
		s.offer()
	}
}

// Published counts the pictures so far.
func (o *Output) Published() uint64 { return o.sequence }

// Sinks counts the links.
func (o *Output) Sinks() int { return len(o.sinks) }

// AddSink starts to serve a link, at once with the newest picture. A link of
// the same id is replaced.
func (o *Output) AddSink(id uint32, conn *ipc.Conn) {
	o.RemoveSink(id)
	s := &Sink{ID: id, out: o, conn: conn, generation: 1}
	o.sinks = append(o.sinks, s)
	go s.read()
	s.offer()
}

// RemoveSink closes a link and lets go of what it held.
func (o *Output) RemoveSink(id uint32) {
	for _, s := range o.sinks {
		if s.ID == id {
			s.close()
			return
		}
	}
}

// Close ends every link and unmaps the ring.
func (o *Output) Close() {
	for len(o.sinks) > 0 {
		o.sinks[0].close()
	}
	o.ring.close()
}
