package compositor

import (
	"github.com/kennel-stream/kennel/internal/display/pixel"
	"github.com/kennel-stream/kennel/internal/display/region"
	"github.com/kennel-stream/kennel/internal/scene"
	wlserver "github.com/kennel-stream/kennel/wayland/protocol/server"
)

const (
	// maxCallbacks bounds the frame callbacks and feedback of one surface.
	maxCallbacks = 1024
	// maxClientPixels bounds the memory in bytes that one client's surfaces take.
	maxClientPixels = 1 << 30
)

// commit applies the pending state, or caches it while the surface is a
// synchronised subsurface.
func (s *surface) commit() {
	next := &s.next
	*next = s.pending
	s.pending = state{geometry: next.geometry}
	if s.role != nil && !s.role.precommit(s, next) {
		next.drop()
		return
	}
	if sub, ok := s.roleOf.(*subsurface); ok && sub.synchronised() {
		s.cache(next)
		return
	}
	if s.hasCached {
		s.cache(next)
		*next, s.cached, s.hasCached = s.cached, state{}, false
	}
	s.apply(next)
	s.recycle(next)
}

// recycle keeps the memory of an applied state for the next one.
func (s *surface) recycle(used *state) {
	used.surfaceDamage.Clear()
	used.bufferDamage.Clear()
	s.pending.surfaceDamage, s.pending.bufferDamage = used.surfaceDamage, used.bufferDamage
	clear(used.frames)
	s.pending.frames = used.frames[:0]
}

// cache merges next into the cached state.
func (s *surface) cache(next *state) {
	c := &s.cached
	s.hasCached = true
	if next.attached {
		if c.buffer != nil {
			c.buffer.release()
		}
		c.attached, c.buffer = true, next.buffer
	}
	c.surfaceDamage.AddRegion(&next.surfaceDamage)
	c.bufferDamage.AddRegion(&next.bufferDamage)
	if next.opaque != nil {
		c.opaque = next.opaque
	}
	if next.input != nil {
		c.input, c.inputInfinite = next.input, next.inputInfinite
	}
	c.geometry = next.geometry
	c.geometrySet = c.geometrySet || next.geometrySet
	c.frames = append(c.frames, next.frames...)
	for _, f := range c.feedback {
		discard(f) // superseded before it was shown
	}
	c.feedback = next.feedback
	c.offsetX, c.offsetY = c.offsetX+next.offsetX, c.offsetY+next.offsetY
}

// apply makes next current, then that of the subsurfaces that waited for it.
func (s *surface) apply(next *state) {
	if !s.applyContent(next) {
		next.drop()
		return
	}
	if next.opaque != nil {
		s.opaque.Set(next.opaque)
		s.c.restack() // what it hides may have changed
	}
	if next.input != nil {
		s.input.Set(next.input)
		s.inputInfinite = next.inputInfinite
	}
	s.addFrames(next.frames)
	s.c.addFeedback(s, next.feedback)
	s.applyStack()
	if s.role != nil {
		s.role.commit(s, next)
	}
}

// applyContent takes over buffer, geometry and damage; false after a protocol
// error.
func (s *surface) applyContent(next *state) bool {
	view := s.view
	if next.geometrySet {
		view = next.geometry
	}
	if next.attached && next.buffer == nil {
		s.view = view
		s.unmap()
		return true
	}
	if !next.attached {
		return s.applyView(view, next)
	}
	b := next.buffer
	next.buffer = nil
	defer b.release()
	now := s.c.clock.Now()
	s.c.commitAt, s.c.fresh = now, true
	s.late = !s.c.refresh.credit(now)
	g := view.over(b.layout.width, b.layout.height)
	if !s.validGeometry(&g) {
		return false
	}
	damage := s.bufferDamage(next, &g)
	take := s.take
	if b.shared != nil {
		take = s.takeShared
	}
	if err := take(b, view, g, damage); err != nil {
		s.client.fail(b, err)
		return false
	}
	s.c.firstContent()
	return true
}

// applyView handles a commit without a new buffer.
func (s *surface) applyView(view viewState, next *state) bool {
	if !s.hasContent {
		s.view = view
		return true
	}
	g := view.over(s.geometry.Width, s.geometry.Height)
	if !s.validGeometry(&g) {
		return false
	}
	s.setGeometry(view, g)
	damage := s.bufferDamage(next, &g)
	s.addDamage(&damage)
	return true
}

// over is the geometry of a buffer of the given size.
func (v *viewState) over(width, height int) pixel.Geometry {
	return pixel.Geometry{
		Width: width, Height: height, Transform: v.transform, Scale: max(v.scale, 1),
		Cropped: v.cropped, SourceX: v.srcX, SourceY: v.srcY, SourceWidth: v.srcW, SourceHeight: v.srcH,
		TargetWidth: v.targetWidth, TargetHeight: v.targetHeight,
	}
}

func (s *surface) validGeometry(g *pixel.Geometry) bool {
	w, h := g.Width, g.Height
	if g.Cropped && !g.SourceInside() {
		s.viewport.PostError(wlserver.WpViewportErrorOutOfBuffer, "source rectangle extends outside of the %dx%d buffer", w, h)
		return false
	}
	if g.Cropped && g.TargetWidth == 0 && (g.SourceWidth != float64(int(g.SourceWidth)) || g.SourceHeight != float64(int(g.SourceHeight))) {
		s.viewport.PostError(wlserver.WpViewportErrorBadSize, "source size %vx%v is no whole number and there is no destination", g.SourceWidth, g.SourceHeight)
		return false
	}
	if s.res.Version() >= 6 && (w%g.Scale != 0 || h%g.Scale != 0) {
		s.res.PostError(wlserver.WlSurfaceErrorInvalidSize, "buffer of %dx%d is no multiple of scale %d", w, h, g.Scale)
		return false
	}
	return true
}

// setGeometry takes over how the buffer maps to the surface.
func (s *surface) setGeometry(view viewState, g pixel.Geometry) {
	if s.hasContent && g == s.geometry {
		s.view = view
		return
	}
	if s.c.direct == s {
		s.c.keepDirect()
		s.c.dropBack()
		s.c.direct = nil
	}
	s.view, s.geometry = view, g
	w, h := g.Size()
	s.width, s.height = int32(w), int32(h)
	s.plain, s.toBuffer, s.crop = g.Plain(), g.ToBuffer(), g.SourceBounds()
	s.damage.SetRect(region.XYWH(0, 0, s.width, s.height))
	s.c.restack()
}

// bufferDamage is the damage of a commit in buffer pixels.
func (s *surface) bufferDamage(next *state, g *pixel.Geometry) region.Region {
	all := region.Rect{X1: int32(g.Width), Y1: int32(g.Height)}
	damage := next.bufferDamage
	if !next.surfaceDamage.Empty() {
		w, h := g.Size()
		toBuffer, whole := g.ToBuffer(), region.XYWH(0, 0, int32(w), int32(h))
		for _, r := range next.surfaceDamage.Rects() {
			damage.Add(toBuffer.Rect(r.Intersect(whole)))
		}
	}
	damage.Intersect(all)
	return damage
}

// addDamage marks buffer pixels as changed on the surface.
func (s *surface) addDamage(damage *region.Region) {
	if damage.Empty() {
		return
	}
	if s.plain {
		s.damage.AddRegion(damage)
		return
	}
	toSurface := s.toBuffer.Inverse()
	for _, r := range damage.Rects() {
		// A scaled pixel also colours its neighbours.
		grown := region.Rect{X0: r.X0 - 1, Y0: r.Y0 - 1, X1: r.X1 + 1, Y1: r.Y1 + 1}.Intersect(s.crop)
		s.damage.Add(toSurface.Rect(grown))
	}
	s.damage.Intersect(region.XYWH(0, 0, s.width, s.height))
}

// take reads the damaged pixels of b. A buffer of another size or format than
// the one before is read whole: what was kept of that one does not fit it.
func (s *surface) take(b *buffer, view viewState, g pixel.Geometry, damage region.Region) error {
	if g.Width > scene.MaxDimension || g.Height > scene.MaxDimension {
		return errTooLarge
	}
	fresh := !s.hasContent || s.gpu != nil || g.Width != s.geometry.Width || g.Height != s.geometry.Height || b.noAlpha != s.noAlpha
	if fresh {
		damage.SetRect(region.Rect{X1: int32(g.Width), Y1: int32(g.Height)})
		if err := s.remember(g); err != nil {
			return err
		}
	}
	s.noAlpha = b.noAlpha
	s.setGeometry(view, g)
	s.hasContent = true
	if damage.Empty() {
		return nil
	}
	s.addDamage(&damage)
	if !fresh && s.c.direct == s && !b.swap {
		ok, err := s.c.readDirect(s, b, &damage)
		if ok || err != nil {
			return err
		}
	}
	if s.inRing {
		s.c.keepDirect()
		s.c.dropBack()
	}
	for _, r := range damage.Rects() {
		if err := b.read(&s.pixels, r); err != nil {
			return err
		}
	}
	return nil
}

// remember makes room for the pixels of a buffer of another size.
func (s *surface) remember(g pixel.Geometry) error {
	size := int64(g.Width) * int64(g.Height) * 4
	if s.hasContent {
		s.unmap()
	}
	if s.client.pixels+size > maxClientPixels {
		return errTooLarge
	}
	s.client.pixels += size
	s.pixels = pixel.New(g.Width, g.Height)
	s.geometry = pixel.Geometry{}
	s.c.restack()
	return nil
}
