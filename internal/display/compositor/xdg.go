package compositor

import (
	"slices"

	"github.com/kennel-stream/kennel/internal/display/region"
	wlserver "github.com/kennel-stream/kennel/wayland/protocol/server"
	"github.com/kennel-stream/kennel/wayland/server"
)

// maxSerials bounds the configure events of one surface that are not acked.
const maxSerials = 256

func (c *compositor) bindWmBase(wl *server.Client, r *wlserver.XdgWmBase) {
	w := &wmBase{client: c.client(wl), res: r}
	r.SetHandler(w)
	r.OnDestroy(func() { w.client.wmBases = slices.DeleteFunc(w.client.wmBases, func(o *wmBase) bool { return o == w }) })
	w.client.wmBases = append(w.client.wmBases, w)
}

// wmBase is an xdg_wm_base.
type wmBase struct {
	client   *client
	res      *wlserver.XdgWmBase
	surfaces int
	ping     uint32 // serial that was not answered, 0 for none
}

// Destroy implements xdg_wm_base.destroy.
func (w *wmBase) Destroy(r *wlserver.XdgWmBase) {
	if w.surfaces > 0 {
		r.PostError(wlserver.XdgWmBaseErrorDefunctSurfaces, "%d xdg_surfaces are left", w.surfaces)
	}
}

// CreatePositioner implements xdg_wm_base.create_positioner.
func (w *wmBase) CreatePositioner(_ *wlserver.XdgWmBase, id *wlserver.XdgPositioner) {
	id.SetHandler(&positioner{})
}

// GetXdgSurface implements xdg_wm_base.get_xdg_surface.
func (w *wmBase) GetXdgSurface(r *wlserver.XdgWmBase, id *wlserver.XdgSurface, surf *wlserver.WlSurface) {
	s := w.client.surfaces[surf]
	if s == nil {
		return
	}
	switch {
	case s.role != nil && s.role.name() != toplevelName && s.role.name() != popupName, s.roleOf != nil:
		r.PostError(wlserver.XdgWmBaseErrorRole, "the surface has a role already")
		return
	case s.hasContent || s.pending.buffer != nil:
		r.PostError(wlserver.XdgWmBaseErrorInvalidSurfaceState, "the surface has a buffer already")
		return
	}
	x := &xdgSurface{base: w, surface: s, res: id}
	s.roleOf = x
	if s.role == nil {
		s.role = xdgRole{}
	}
	w.surfaces++
	id.SetHandler(x)
	id.OnDestroy(x.destroyed)
}

// Pong implements xdg_wm_base.pong.
func (w *wmBase) Pong(_ *wlserver.XdgWmBase, serial uint32) {
	if serial == w.ping {
		w.ping = 0
		w.client.answered()
	}
}

const (
	toplevelName = "xdg_toplevel"
	popupName    = "xdg_popup"
)

// xdgRole is the role of a surface with an xdg_surface.
type xdgRole struct{ kind string }

func (r xdgRole) name() string {
	if r.kind == "" {
		return "xdg_surface"
	}
	return r.kind
}

func (xdgRole) precommit(s *surface, next *state) bool {
	x, ok := s.roleOf.(*xdgSurface)
	if !ok {
		return true
	}
	switch {
	case x.window == nil:
		x.res.PostError(wlserver.XdgSurfaceErrorNotConstructed, "commit before get_toplevel or get_popup")
		return false
	case next.attached && next.buffer != nil && !x.configured:
		x.res.PostError(wlserver.XdgSurfaceErrorUnconfiguredBuffer, "buffer before the first configure was acked")
		return false
	}
	return true
}

func (xdgRole) commit(s *surface, next *state) {
	if x, ok := s.roleOf.(*xdgSurface); ok && x.window != nil {
		x.commit(next)
	}
}

func (xdgRole) gone(s *surface) {
	if x, ok := s.roleOf.(*xdgSurface); ok {
		x.vanish()
	}
}

// window is what an xdg_surface is: a toplevel or a popup.
type window interface {
	// initial answers the first commit, which has no buffer, by a configure.
	initial()
	// committed runs after each commit, with mapped telling about a buffer.
	committed()
	mapped()
	unmapped()
}

// configure is a configure event that was sent. One of an earlier life of the
// window may still be acked, but does not count.
type configure struct{ serial, life uint32 }

// xdgSurface is an xdg_surface.
type xdgSurface struct {
	base       *wmBase
	surface    *surface
	res        *wlserver.XdgSurface
	window     window
	serials    []configure // not yet acked, oldest first
	life       uint32      // counts how often the window was mapped anew
	started    bool        // the initial commit was answered
	configured bool        // a configure was acked
	isMapped   bool

	geometry    region.Rect // window geometry; empty: the whole surface tree
	pendingGeo  region.Rect
	geometrySet bool
}

func (x *xdgSurface) mustOutlive() bool { return x.res.Alive() }

// commit moves the window between its states: new, configured, mapped.
func (x *xdgSurface) commit(next *state) {
	if x.geometrySet {
		x.geometrySet = false
		if x.geometry != x.pendingGeo {
			x.geometry = x.pendingGeo
			x.surface.c.restack()
		}
	}
	switch has := x.surface.hasContent; {
	case has && !x.isMapped:
		x.isMapped = true
		x.window.mapped()
		x.surface.c.restack()
	case !has && x.isMapped:
		x.reset()
	case !has && !x.started:
		x.started = true
		x.window.initial()
	}
	x.window.committed()
}

// reset is what attaching no buffer does: the window is as new.
func (x *xdgSurface) reset() {
	if x.isMapped {
		x.isMapped = false
		x.window.unmapped()
		x.surface.c.restack()
	}
	x.started, x.configured = false, false
	x.life++
}

// frame is the window geometry in surface coordinates.
func (x *xdgSurface) frame() region.Rect {
	whole := region.XYWH(0, 0, x.surface.width, x.surface.height)
	if x.geometry.Empty() {
		return whole
	}
	return x.geometry
}

// send finishes a configure sequence.
func (x *xdgSurface) send() {
	serial := x.surface.c.wl.NextSerial()
	if len(x.serials) >= maxSerials {
		x.serials = slices.Delete(x.serials, 0, 1)
	}
	x.serials = append(x.serials, configure{serial, x.life})
	x.res.SendConfigure(serial)
}

// vanish takes the window away: its surface or itself is gone.
func (x *xdgSurface) vanish() {
	if x.window != nil {
		x.reset()
	}
}

func (x *xdgSurface) destroyed() {
	x.base.surfaces--
	x.vanish()
	for _, p := range x.surface.popups {
		p.parent = nil
	}
	x.surface.popups = nil
	x.surface.roleOf = nil
}

// Destroy implements xdg_surface.destroy: the role object goes first.
func (x *xdgSurface) Destroy(r *wlserver.XdgSurface) {
	if x.window != nil {
		r.PostError(wlserver.XdgSurfaceErrorDefunctRoleObject, "its toplevel or popup must be destroyed first")
	}
}

// mayBecome gives the surface its final role; false after a protocol error.
func (x *xdgSurface) mayBecome(kind string) bool {
	s := x.surface
	if x.window != nil {
		x.res.PostError(wlserver.XdgSurfaceErrorAlreadyConstructed, "it has a role object already")
		return false
	}
	if r := s.role.name(); r != kind && r != (xdgRole{}).name() {
		x.base.res.PostError(wlserver.XdgWmBaseErrorRole, "the surface was a %s before", r)
		return false
	}
	s.role = xdgRole{kind}
	return true
}

// GetToplevel implements xdg_surface.get_toplevel.
func (x *xdgSurface) GetToplevel(_ *wlserver.XdgSurface, id *wlserver.XdgToplevel) {
	if x.mayBecome(toplevelName) {
		newToplevel(x, id)
	}
}

// GetPopup implements xdg_surface.get_popup.
func (x *xdgSurface) GetPopup(_ *wlserver.XdgSurface, id *wlserver.XdgPopup, parent *wlserver.XdgSurface, pos *wlserver.XdgPositioner) {
	p, ok := pos.Handler().(*positioner)
	if !ok || !p.complete() {
		x.base.res.PostError(wlserver.XdgWmBaseErrorInvalidPositioner, "the positioner has no size or no anchor rectangle")
		return
	}
	if x.mayBecome(popupName) {
		newPopup(x, id, parent, p.placement)
	}
}

// SetWindowGeometry implements xdg_surface.set_window_geometry.
func (x *xdgSurface) SetWindowGeometry(r *wlserver.XdgSurface, px, py, width, height int32) {
	if x.window == nil {
		r.PostError(wlserver.XdgSurfaceErrorNotConstructed, "window geometry before get_toplevel or get_popup")
		return
	}
	if width <= 0 || height <= 0 {
		r.PostError(wlserver.XdgSurfaceErrorInvalidSize, "window geometry of %dx%d", width, height)
		return
	}
	x.pendingGeo, x.geometrySet = region.XYWH(px, py, width, height), true
}

// AckConfigure implements xdg_surface.ack_configure.
func (x *xdgSurface) AckConfigure(r *wlserver.XdgSurface, serial uint32) {
	if x.window == nil {
		r.PostError(wlserver.XdgSurfaceErrorNotConstructed, "ack before get_toplevel or get_popup")
		return
	}
	at := slices.IndexFunc(x.serials, func(s configure) bool { return s.serial == serial })
	if at < 0 {
		r.PostError(wlserver.XdgSurfaceErrorInvalidSerial, "serial %d was not sent or is acked already", serial)
		return
	}
	x.configured = x.configured || x.serials[at].life == x.life
	x.serials = slices.Delete(x.serials, 0, at+1)
}
