package compositor

import (
	"math"

	"github.com/kennel-stream/kennel/internal/display"
	"github.com/kennel-stream/kennel/internal/display/output"
	"github.com/kennel-stream/kennel/internal/display/pixel"
	"github.com/kennel-stream/kennel/internal/display/region"
	"github.com/kennel-stream/kennel/internal/scene"
	wlserver "github.com/kennel-stream/kennel/wayland/protocol/server"
)

// newSharedBuffer makes id a buffer of GPU memory. Its pixels are never read
// here. It is released when no surface shows it and no sink reads it any more.
func newSharedBuffer(cl *client, id *wlserver.WlBuffer, desc *scene.Buffer, files []int) {
	b := &buffer{res: id, client: cl, noAlpha: !scene.HasAlpha(desc.Format), refs: 1}
	b.layout.width, b.layout.height = int(desc.Width), int(desc.Height)
	b.shared = cl.c.out.Share(*desc, files, b.idle)
	b.refused = cl.c.refuseAll
	cl.c.shared[b.shared.ID()] = b
	cl.dmabufs++
	id.SetHandler(b)
	id.OnDestroy(func() {
		b.gone = true
		b.unref()
	})
}

// idle runs when the last reader is done with the buffer.
func (b *buffer) idle() {
	switch {
	case b.refs == 0:
		b.closeShared()
	case !b.gone:
		b.res.SendRelease()
	}
}

func (b *buffer) closeShared() {
	b.client.dmabufs--
	delete(b.client.c.shared, b.shared.ID())
	b.shared.Close()
}

// refuse leaves a GPU buffer out of the picture, or all: what is shown in its
// place is what lies below, or the card. Its client goes on.
func (c *compositor) refuse(r display.Refusal) {
	c.refuseAll = c.refuseAll || r.All
	for id, b := range c.shared {
		b.refused = b.refused || r.All || id == r.Buffer
	}
	c.restack()
}

// refused tells whether the surface shows a GPU buffer that is left out.
func (s *surface) refused() bool { return s != nil && s.gpu != nil && s.gpu.refused }

// takeShared makes b what the surface shows.
func (s *surface) takeShared(b *buffer, view viewState, g pixel.Geometry, damage region.Region) error {
	if g.Width > scene.MaxDimension || g.Height > scene.MaxDimension {
		return errTooLarge
	}
	b.ref().shared.Hold()
	fresh := !s.hasContent || s.gpu == nil || g.Width != s.geometry.Width || g.Height != s.geometry.Height || b.noAlpha != s.noAlpha
	if fresh {
		s.unmap()
		s.geometry = pixel.Geometry{}
		damage.SetRect(region.Rect{X1: int32(g.Width), Y1: int32(g.Height)})
		s.c.restack()
	}
	if s.refused() != b.refused {
		s.c.restack()
	}
	s.dropShared()
	s.gpu = b
	s.noAlpha = b.noAlpha
	s.setGeometry(view, g)
	s.hasContent = true
	s.addDamage(&damage)
	return nil
}

// dropShared lets go of the GPU buffer that the surface showed.
func (s *surface) dropShared() {
	if b := s.gpu; b != nil {
		s.gpu = nil
		b.shared.Unhold()
		b.unref()
	}
}

// layer is the surface's GPU buffer at its place on the output.
func (n *node) layer() output.Layer {
	s := n.surface
	x0, y0 := s.toBuffer.Apply(0, 0)
	x1, y1 := s.toBuffer.Apply(float64(s.width), float64(s.height))
	left, top := fixed(min(x0, x1)), fixed(min(y0, y1))
	return output.Layer{
		Client:      s.gpu.shared,
		Source:      scene.Rect{X: left, Y: top, Width: fixed(max(x0, x1)) - left, Height: fixed(max(y0, y1)) - top},
		Destination: scene.Rect{X: n.rect.X0, Y: n.rect.Y0, Width: n.rect.Width(), Height: n.rect.Height()},
		Transform:   uint8(s.geometry.Transform),
	}
}

// fixed is v in 24.8 fixed point.
func fixed(v float64) int32 { return int32(math.Round(v * 256)) }
