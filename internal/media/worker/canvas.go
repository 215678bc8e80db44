package worker

import (
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/kennel-stream/kennel/internal/display/pixel"
	"github.com/kennel-stream/kennel/internal/display/region"
	"github.com/kennel-stream/kennel/internal/media"
	"github.com/kennel-stream/kennel/internal/scene"
)

// shown is a layer of a picture.
type shown struct {
	surface *surface
	scene.Layer
}

// direct is the surface that is all of a picture, as it is; nil when the
// picture must be composed. What lies under it is black, so that its alpha
// says nothing.
func (p *picture) direct() *surface {
	if len(p.layers) != 1 {
		return nil
	}
	l := &p.layers[0]
	w, h := int32(p.width), int32(p.height)
	if l.surface.refused != nil || l.surface.pixels == nil || l.Transform != 0 || int32(l.surface.Width) != w || int32(l.surface.Height) != h ||
		l.Source != (scene.Rect{Width: w << 8, Height: h << 8}) || l.Destination != (scene.Rect{Width: w, Height: h}) {
		return nil
	}
	return l.surface
}

// drop gives back the surfaces of a picture.
func (p *picture) drop() {
	for i := range p.layers {
		p.layers[i].surface.drop()
	}
}

// hold is another hold on the surfaces of a picture.
func (p *picture) hold() {
	for i := range p.layers {
		p.layers[i].surface.holds++
	}
}

// canvas composes pictures of several layers. Its memory is not Go's, since
// it is handed to C.
type canvas struct {
	image   pixel.Image
	swapped pixel.Image // scratch for layers with red before blue
	imports importers
	// refuse says that a surface cannot be read after all; may be nil.
	refuse func(id uint32, reason string)
	trail  *trail // nil for none
}

// compose draws a picture.
func (c *canvas) compose(p *picture) error {
	if c.image.Width != p.width || c.image.Height != p.height {
		c.close()
		memory, err := unix.Mmap(-1, 0, 4*p.width*p.height, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
		if err != nil {
			return fmt.Errorf("make room for a picture of %dx%d: %w", p.width, p.height, err)
		}
		c.image = pixel.Image{Pix: memory, Stride: 4 * p.width, Width: p.width, Height: p.height}
	}
	first := p.lowest(c.image.Bounds())
	hidden := first >= 0
	if !hidden {
		pixel.Fill(&c.image, c.image.Bounds(), 0)
		first = 0
	}
	for i := first; i < len(p.layers); i++ {
		l := &p.layers[i]
		if l.surface.refused != nil {
			continue
		}
		c.read(l, i == first && hidden || !scene.HasAlpha(l.surface.Format))
	}
	return nil
}

// read draws a layer, as soon as it can be read. One that cannot is left out;
// another picture may have it.
func (c *canvas) read(l *shown, opaque bool) {
	if l.surface.Kind == scene.DMABuf {
		c.trail.buffer(media.TrailReads, l.surface.ID)
		defer c.trail.done(media.TrailReads)
	}
	if l.surface.begin() != nil {
		return
	}
	c.draw(l, opaque)
	l.surface.end()
}

// lowest is the topmost layer that hides all below it, -1 for none. Below the
// first one is black, which adds nothing to it.
func (p *picture) lowest(all region.Rect) int {
	for i := len(p.layers) - 1; i >= 0; i-- {
		l := &p.layers[i]
		if l.surface.refused == nil && (i == 0 || !scene.HasAlpha(l.surface.Format)) && place(l.Destination).Covers(all) {
			return i
		}
	}
	return -1
}

func place(r scene.Rect) region.Rect { return region.XYWH(r.X, r.Y, r.Width, r.Height) }

// draw lays a layer over what is drawn, or puts it in its place.
func (c *canvas) draw(l *shown, opaque bool) {
	at := place(l.Destination)
	src, err := c.source(l.surface)
	if err != nil {
		l.surface.refused = err
		if c.refuse != nil {
			c.refuse(l.surface.ID, err.Error())
		}
		return
	}
	sx, sy := l.Source.X>>8, l.Source.Y>>8
	upright := l.Transform == 0 && l.Source == scene.Rect{X: sx << 8, Y: sy << 8, Width: at.Width() << 8, Height: at.Height() << 8}
	switch {
	case !upright:
		x, y, w, h := float64(l.Source.X)/256, float64(l.Source.Y)/256, float64(l.Source.Width)/256, float64(l.Source.Height)/256
		crop := region.XYWH(sx, sy, (l.Source.X+l.Source.Width+255)>>8-sx, (l.Source.Y+l.Source.Height+255)>>8-sy)
		pixel.Sample(&c.image, &src, at, pixel.Placement(x, y, w, h, uint32(l.Transform), at), crop, opaque)
	case opaque:
		pixel.Copy(&c.image, &src, at, at.X0-sx, at.Y0-sy)
	default:
		pixel.Blend(&c.image, &src, at, at.X0-sx, at.Y0-sy)
	}
}

// source is the pixels of a surface with blue first.
func (c *canvas) source(s *surface) (pixel.Image, error) {
	if s.path != "" {
		img, err := c.imports.read(s)
		if err == nil || s.mapGPU(s.files) != nil {
			return img, err
		}
		s.path = "" // slower, but it works
	}
	plane := s.Planes[0]
	src := pixel.Image{Pix: s.pixels[plane.Offset:], Stride: int(plane.Stride), Width: int(s.Width), Height: int(s.Height)}
	if !scene.RedFirst(s.Format) {
		return src, nil
	}
	if size := 4 * src.Width * src.Height; cap(c.swapped.Pix) < size {
		c.swapped.Pix = make([]byte, size)
	}
	c.swapped.Stride, c.swapped.Width, c.swapped.Height = 4*src.Width, src.Width, src.Height
	c.swapped.Pix = c.swapped.Pix[:4*src.Width*src.Height]
	pixel.Copy(&c.swapped, &src, src.Bounds(), 0, 0)
	pixel.SwapRedBlue(c.swapped.Pix)
	return c.swapped, nil
}

func (c *canvas) close() {
	if c.image.Pix != nil {
		_ = unix.Munmap(c.image.Pix)
		c.image = pixel.Image{}
	}
}
