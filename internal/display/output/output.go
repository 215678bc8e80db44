package output

import (
	"fmt"
	"slices"

	"github.com/kennel-stream/kennel/internal/display/pixel"
	"github.com/kennel-stream/kennel/internal/display/region"
	"github.com/kennel-stream/kennel/internal/ipc"
	"github.com/kennel-stream/kennel/internal/scene"
)

// MaxOverlays bounds the pictures that lie above clients' GPU buffers.
const MaxOverlays = 4

// Output is the rings of one size at a time and the sinks that read them.
type Output struct {
	ring     ring
	overlays []ring  // of ARGB8888, made when they are first needed
	picture  []Layer // the newest published one, its sources held
	before   []Layer // memory of the one before
	lastID   uint32
	sinks    []*Sink
	sequence uint64
	commit   int64

	post func(func()) bool
	lost func(id uint32, err error)
	// Refused hears of a client's buffer that a sink cannot read; may be nil.
	Refused func(id uint32, reason string)

	message []byte
	scene   scene.Scene
	scratch []Layer
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
	next := ring{width: width, height: height, format: scene.FormatXRGB8888}
	for range minBuffers {
		if _, err := next.grow(o.id()); err != nil {
			next.close()
			return err
		}
	}
	o.setPicture(nil)
	for _, s := range slices.Clone(o.sinks) {
		// Readers keep their own mappings of the old rings; nothing draws to them any more.
		s.letGo()
		s.restart()
	}
	o.closeRings()
	o.ring = next
	return nil
}

func (o *Output) closeRings() {
	o.ring.close()
	for i := range o.overlays {
		o.overlays[i].close()
	}
	o.overlays = nil
}

// id names the next buffer.
func (o *Output) id() uint32 {
	o.lastID++
	return o.lastID
}

// setPicture makes layers the newest picture.
func (o *Output) setPicture(layers []Layer) {
	for i := range layers {
		layers[i].source().hold()
	}
	old := o.picture
	o.picture = append(o.before[:0], layers...)
	o.before = old
	for i := range old {
		old[i].source().unhold()
	}
}

// HasPicture reports whether there is a newest picture. One with a client's
// buffer is kept only while there are sinks.
func (o *Output) HasPicture() bool { return len(o.picture) > 0 }

// dropClients lets go of clients' buffers when the last sink has gone.
func (o *Output) dropClients() {
	client := func(l Layer) bool { return l.Client != nil }
	if len(o.sinks) == 0 && slices.ContainsFunc(o.picture, client) {
		o.setPicture(nil)
	}
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
	return o.ring.free(minBuffers+maxHeld*len(o.sinks), o.id)
}

// DrawOverlay is Draw for the overlay of a number below MaxOverlays.
func (o *Output) DrawOverlay(n int) (*Buffer, error) {
	for len(o.overlays) <= n {
		o.overlays = append(o.overlays, ring{width: o.ring.width, height: o.ring.height, format: scene.FormatARGB8888})
	}
	return o.overlays[n].free(minBuffers+maxHeld*len(o.sinks), o.id)
}

// Newest is the last published picture of an overlay.
func (o *Output) NewestOverlay(n int) *Buffer {
	if n >= len(o.overlays) {
		return nil
	}
	return o.overlays[n].newest
}

// NewestBase is the last published picture of the output's own ring.
func (o *Output) NewestBase() *Buffer { return o.ring.newest }

// CatchUp brings b to the newest published picture, but for the pixels of
// skip, which the caller draws.
func (o *Output) CatchUp(b *Buffer, skip *region.Region) {
	catchUp(o.ring.newest, b, skip)
}

// CatchUpOverlay is CatchUp for the overlay of a number.
func (o *Output) CatchUpOverlay(n int, b *Buffer, skip *region.Region) {
	catchUp(o.overlays[n].newest, b, skip)
}

func catchUp(newest, b *Buffer, skip *region.Region) {
	if newest != nil && newest != b {
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
	o.scratch = append(o.scratch[:0], Whole(b))
	o.PublishLayers(o.scratch, damage, commit)
}

// Drawn says that b, of the output's ring or of the overlay of a number (-1 for
// the ring), is drawn and will be part of the next picture.
func (o *Output) Drawn(n int, b *Buffer, damage *region.Region) {
	if n < 0 {
		o.ring.publish(b, damage)
		return
	}
	o.overlays[n].publish(b, damage)
}

// PublishLayers is Publish for a picture of layers, from the bottom up; all of
// the output's own are Drawn. layers is the caller's.
func (o *Output) PublishLayers(layers []Layer, damage *region.Region, commit int64) {
	o.setPicture(layers)
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
	o.setPicture(nil)
	o.closeRings()
}
