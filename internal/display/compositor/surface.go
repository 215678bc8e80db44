package compositor

import (
	"github.com/kennel-stream/kennel/internal/display"
	"github.com/kennel-stream/kennel/internal/display/pixel"
	"github.com/kennel-stream/kennel/internal/display/region"
	wlserver "github.com/kennel-stream/kennel/wayland/protocol/server"
)

// role is what a surface is used as; it never changes once given.
type role interface {
	// name is the role for error messages.
	name() string
	// precommit checks a commit against the role; false after a protocol error.
	precommit(s *surface, next *state) bool
	// commit runs after the state was applied.
	commit(s *surface, next *state)
	// gone runs when the wl_surface is destroyed.
	gone(s *surface)
}

// state is the double-buffered state of a wl_surface.
type state struct {
	attached      bool // buffer was set, perhaps to nil
	buffer        *buffer
	surfaceDamage region.Region
	bufferDamage  region.Region
	opaque        *region.Region // nil: not set
	input         *region.Region
	inputInfinite bool
	geometry      viewState
	geometrySet   bool
	frames        []*wlserver.WlCallback
	feedback      []*wlserver.WpPresentationFeedback
	offsetX       int32
	offsetY       int32
}

// viewState is what maps a buffer to a surface.
type viewState struct {
	transform                 uint32
	scale                     int
	cropped                   bool
	srcX, srcY, srcW, srcH    float64
	targetWidth, targetHeight int
}

// surface is a wl_surface with the pixels that it last committed.
type surface struct {
	c      *compositor
	client *client
	res    *wlserver.WlSurface
	role   role
	roleOf any // the role object: *subsurface, *xdgSurface, …; nil while it has none

	pending   state
	next      state // what commit is applying
	cached    state // of a synchronised subsurface, until its parent commits
	hasCached bool
	viewport  *wlserver.WpViewport

	// Applied state.
	hasContent    bool
	pixels        pixel.Image // of the buffer's size; empty while inRing
	inRing        bool        // the newest or begun output picture holds the pixels
	gpu           *buffer     // GPU memory that the surface shows; it has no pixels here then
	noAlpha       bool
	view          viewState
	geometry      pixel.Geometry
	plain         bool
	toBuffer      pixel.Affine
	crop          region.Rect
	width, height int32
	opaque        region.Region
	input         region.Region
	inputInfinite bool
	damage        region.Region // in surface coordinates, not yet on the output
	frames        []*wlserver.WlCallback
	framed        bool  // listed in compositor.framed
	late          bool  // the newest commit came when the refresh interval had its picture
	delayed       int64 // tick at which callbacks were last held back for that

	// stack holds the subsurfaces in order; nil stands for the surface itself.
	stack        []*subsurface
	pendingStack []*subsurface
	popups       []*popup // children, oldest first, for toplevels and popups

	// Place on the output, while placed.
	placed bool
	x, y   int32

	fractional bool // has a wp_fractional_scale_v1
	entered    bool // wl_surface.enter was sent
	constraint *constraint
}

func (c *compositor) newSurface(cl *client, r *wlserver.WlSurface) {
	s := &surface{c: c, client: cl, res: r, inputInfinite: true, delayed: -catchUpEvery}
	s.view.scale, s.pending.geometry.scale = 1, 1
	s.stack = []*subsurface{nil}
	s.pendingStack = []*subsurface{nil}
	c.surfaces[s] = struct{}{}
	cl.surfaces[r] = s
	r.SetHandler(s)
	r.OnDestroy(s.destroyed)
}

func (s *surface) destroyed() {
	c := s.c
	delete(c.surfaces, s)
	delete(s.client.surfaces, s.res)
	if s.role != nil {
		s.role.gone(s)
	}
	for _, child := range s.stack {
		if child != nil {
			child.orphan()
		}
	}
	s.pending.drop()
	s.cached.drop()
	for _, cb := range s.frames {
		cb.Destroy()
	}
	s.frames = nil
	s.unmap()
	c.forgetFeedback(s)
	c.seat.surfaceGone(s)
	c.restack()
}

// drop lets go of what a state holds that was never applied.
func (st *state) drop() {
	if st.buffer != nil {
		st.buffer.release()
		st.buffer = nil
	}
	for _, cb := range st.frames {
		cb.Destroy()
	}
	for _, f := range st.feedback {
		discard(f)
	}
	*st = state{geometry: st.geometry}
}

// unmap takes the content away.
func (s *surface) unmap() {
	if !s.hasContent {
		return
	}
	if s.c.direct == s {
		s.c.dropBack()
		s.c.direct = nil
	}
	if s.gpu == nil {
		s.client.pixels -= int64(s.geometry.Width) * int64(s.geometry.Height) * 4
	}
	s.dropShared()
	s.hasContent, s.inRing, s.pixels = false, false, pixel.Image{}
	s.damage.Clear()
	s.c.restack()
}

// opaqueAt reports whether r, in surface coordinates, shows nothing below.
func (s *surface) opaqueAt(r region.Rect) bool { return s.noAlpha || s.opaque.Covers(r) }

func (s *surface) takesInput(x, y int32) bool { return s.inputInfinite || s.input.Has(x, y) }

// mayTake reports whether the surface can get a role object of this role.
func (s *surface) mayTake(name string) bool {
	return s.role == nil || s.role.name() == name && s.roleOf == nil
}

// Destroy implements wl_surface.destroy. A surface may not go before its role
// object (defunct_role_object).
func (s *surface) Destroy(r *wlserver.WlSurface) {
	if d, ok := s.roleOf.(interface{ mustOutlive() bool }); ok && d.mustOutlive() {
		r.PostError(wlserver.WlSurfaceErrorDefunctRoleObject, "the %s of this surface must be destroyed first", s.role.name())
	}
}

// Attach implements wl_surface.attach.
func (s *surface) Attach(r *wlserver.WlSurface, b *wlserver.WlBuffer, x, y int32) {
	if r.Version() >= 5 && (x != 0 || y != 0) {
		r.PostError(wlserver.WlSurfaceErrorInvalidOffset, "attach with an offset: use wl_surface.offset since version 5")
		return
	}
	if r.Version() < 5 {
		s.pending.offsetX, s.pending.offsetY = x, y
	}
	if s.pending.buffer != nil {
		s.pending.buffer.unref()
		s.pending.buffer = nil
	}
	s.pending.attached = true
	if b != nil {
		if buf, ok := b.Handler().(*buffer); ok {
			s.pending.buffer = buf.ref()
		}
	}
}

// Damage implements wl_surface.damage.
func (s *surface) Damage(_ *wlserver.WlSurface, x, y, width, height int32) {
	s.pending.surfaceDamage.Add(region.XYWH(x, y, width, height))
}

// DamageBuffer implements wl_surface.damage_buffer.
func (s *surface) DamageBuffer(_ *wlserver.WlSurface, x, y, width, height int32) {
	s.pending.bufferDamage.Add(region.XYWH(x, y, width, height))
}

// Frame implements wl_surface.frame.
func (s *surface) Frame(r *wlserver.WlSurface, cb *wlserver.WlCallback) {
	if len(s.pending.frames) >= maxCallbacks {
		r.Client().Disconnect("too many frame callbacks before a commit")
		return
	}
	s.pending.frames = append(s.pending.frames, cb)
}

// SetOpaqueRegion implements wl_surface.set_opaque_region.
func (s *surface) SetOpaqueRegion(_ *wlserver.WlSurface, g *wlserver.WlRegion) {
	s.pending.opaque = new(region.Region)
	if h := regionOf(g); h != nil && h.Exact() {
		s.pending.opaque.Set(h)
	}
}

// SetInputRegion implements wl_surface.set_input_region.
func (s *surface) SetInputRegion(_ *wlserver.WlSurface, g *wlserver.WlRegion) {
	s.pending.input, s.pending.inputInfinite = new(region.Region), g == nil
	if h := regionOf(g); h != nil {
		s.pending.input.Set(h)
	}
}

// SetBufferTransform implements wl_surface.set_buffer_transform.
func (s *surface) SetBufferTransform(r *wlserver.WlSurface, transform wlserver.WlOutputTransform) {
	if transform > 7 {
		r.PostError(wlserver.WlSurfaceErrorInvalidTransform, "buffer transform %d", transform)
		return
	}
	s.pending.geometry.transform, s.pending.geometrySet = uint32(transform), true
}

// SetBufferScale implements wl_surface.set_buffer_scale.
func (s *surface) SetBufferScale(r *wlserver.WlSurface, scale int32) {
	if scale < 1 || scale > 64 {
		r.PostError(wlserver.WlSurfaceErrorInvalidScale, "buffer scale %d", scale)
		return
	}
	s.pending.geometry.scale, s.pending.geometrySet = int(scale), true
}

// Offset implements wl_surface.offset.
func (s *surface) Offset(_ *wlserver.WlSurface, x, y int32) {
	s.pending.offsetX, s.pending.offsetY = x, y
}

// Commit implements wl_surface.commit.
func (s *surface) Commit(*wlserver.WlSurface) { s.commit() }

// firstContent tells the host once that a client has shown something.
func (c *compositor) firstContent() {
	if !c.painted {
		c.painted = true
		c.event(display.Event{Kind: display.EventFirstCommit})
	}
}
