package compositor

import (
	"slices"

	"github.com/kennel-stream/kennel/internal/display/region"
	wlserver "github.com/kennel-stream/kennel/wayland/protocol/server"
)

// popup is an xdg_popup.
type popup struct {
	xdg        *xdgSurface
	res        *wlserver.XdgPopup
	parent     *xdgSurface // nil once it is gone
	place      placement
	at         region.Rect // relative to the parent's window geometry
	reposition bool
	token      uint32
	grabbing   bool
	finished   bool // popup_done was sent
}

func newPopup(x *xdgSurface, id *wlserver.XdgPopup, parent *wlserver.XdgSurface, place placement) {
	var p *xdgSurface
	if parent != nil {
		p, _ = parent.Handler().(*xdgSurface)
	}
	if p == nil || p.window == nil || p == x || p.popupDepth() >= maxDepth {
		x.base.res.PostError(wlserver.XdgWmBaseErrorInvalidPopupParent, "a popup needs a parent with a role, nested no deeper than %d", maxDepth)
		return
	}
	pop := &popup{xdg: x, res: id, parent: p, place: place}
	x.window = pop
	p.surface.popups = append(p.surface.popups, pop)
	id.SetHandler(pop)
	id.OnDestroy(pop.destroyed)
}

func (x *xdgSurface) popupDepth() int {
	for n := range maxDepth {
		p, ok := x.window.(*popup)
		if !ok || p.parent == nil {
			return n
		}
		x = p.parent
	}
	return maxDepth
}

func (p *popup) destroyed() {
	p.xdg.vanish()
	p.xdg.window = nil
	p.leaveParent()
	p.xdg.surface.c.seat.endGrab(p)
}

func (p *popup) leaveParent() {
	if p.parent != nil {
		p.parent.surface.popups = slices.DeleteFunc(p.parent.surface.popups, func(o *popup) bool { return o == p })
		p.parent = nil
	}
}

func (p *popup) initial() { p.configure() }

// configure places the popup by its positioner and tells the client.
func (p *popup) configure() {
	if p.parent == nil {
		return
	}
	p.at = p.place.place(p.parent.outputBounds())
	if p.reposition {
		p.reposition = false
		p.res.SendRepositioned(p.token)
	}
	p.res.SendConfigure(p.at.X0, p.at.Y0, p.at.Width(), p.at.Height())
	p.xdg.send()
}

func (p *popup) committed() {}
func (p *popup) mapped() {
	if p.parent == nil || !p.parent.isMapped {
		p.dismiss()
	}
	p.xdg.surface.c.seat.focusKeyboard()
}

func (p *popup) unmapped() {
	p.xdg.surface.dismissPopups()
	p.xdg.surface.c.seat.endGrab(p)
	p.xdg.surface.c.seat.focusKeyboard()
}

// dismiss tells the client that the popup is gone, children first.
func (p *popup) dismiss() {
	p.xdg.surface.dismissPopups()
	if !p.finished {
		p.finished = true
		p.res.SendPopupDone()
	}
	p.xdg.surface.c.seat.endGrab(p)
	p.xdg.surface.c.restack()
}

func (s *surface) dismissPopups() {
	for _, p := range slices.Backward(slices.Clone(s.popups)) {
		p.dismiss()
	}
}

// placePopups lays out the popups of a placed window or popup, above it.
func (c *compositor) placePopups(s *surface) {
	x, ok := s.roleOf.(*xdgSurface)
	if !ok {
		return
	}
	f := x.frame()
	for _, p := range s.popups {
		if !p.xdg.isMapped || p.finished {
			continue
		}
		own := p.xdg.frame()
		c.placeTree(p.xdg.surface, s.x+f.X0+p.at.X0-own.X0, s.y+f.Y0+p.at.Y0-own.Y0)
		c.placePopups(p.xdg.surface)
	}
}

// Destroy implements xdg_popup.destroy: only the topmost popup may go.
func (p *popup) Destroy(*wlserver.XdgPopup) {
	if len(p.xdg.surface.popups) > 0 {
		p.xdg.base.res.PostError(wlserver.XdgWmBaseErrorNotTheTopmostPopup, "a popup on top of it is left")
	}
}

// Grab implements xdg_popup.grab.
func (p *popup) Grab(r *wlserver.XdgPopup, _ *wlserver.WlSeat, _ uint32) {
	if p.xdg.isMapped {
		r.PostError(wlserver.XdgPopupErrorInvalidGrab, "grab after the popup was mapped")
		return
	}
	p.grabbing = true
	p.xdg.surface.c.seat.beginGrab(p)
}

// Reposition implements xdg_popup.reposition.
func (p *popup) Reposition(_ *wlserver.XdgPopup, pos *wlserver.XdgPositioner, token uint32) {
	at, ok := pos.Handler().(*positioner)
	if !ok || !at.complete() {
		p.xdg.base.res.PostError(wlserver.XdgWmBaseErrorInvalidPositioner, "the positioner has no size or no anchor rectangle")
		return
	}
	p.place, p.reposition, p.token = at.placement, true, token
	if p.xdg.started {
		p.configure()
		p.xdg.surface.c.restack()
	}
}

// positioner is an xdg_positioner.
type positioner struct{ placement }

// Destroy implements xdg_positioner.destroy.
func (p *positioner) Destroy(*wlserver.XdgPositioner) {}

// SetSize implements xdg_positioner.set_size.
func (p *positioner) SetSize(r *wlserver.XdgPositioner, w, h int32) {
	if w < 1 || h < 1 {
		r.PostError(wlserver.XdgPositionerErrorInvalidInput, "size %dx%d", w, h)
		return
	}
	p.width, p.height = min(w, region.Bounded), min(h, region.Bounded)
}

// SetAnchorRect implements xdg_positioner.set_anchor_rect.
func (p *positioner) SetAnchorRect(r *wlserver.XdgPositioner, x, y, w, h int32) {
	if w < 0 || h < 0 {
		r.PostError(wlserver.XdgPositionerErrorInvalidInput, "anchor rectangle of %dx%d", w, h)
		return
	}
	cut := func(v int32) int32 { return min(max(v, -region.Bounded/4), region.Bounded/4) }
	p.anchorRect = region.Rect{X0: cut(x), Y0: cut(y), X1: cut(x) + cut(w), Y1: cut(y) + cut(h)}
	p.hasAnchor = true
}

// SetAnchor implements xdg_positioner.set_anchor.
func (p *positioner) SetAnchor(r *wlserver.XdgPositioner, a wlserver.XdgPositionerAnchor) {
	if a > 8 {
		r.PostError(wlserver.XdgPositionerErrorInvalidInput, "anchor %d", a)
		return
	}
	p.anchor = uint32(a)
}

// SetGravity implements xdg_positioner.set_gravity.
func (p *positioner) SetGravity(r *wlserver.XdgPositioner, g wlserver.XdgPositionerGravity) {
	if g > 8 {
		r.PostError(wlserver.XdgPositionerErrorInvalidInput, "gravity %d", g)
		return
	}
	p.gravity = uint32(g)
}

// SetConstraintAdjustment implements xdg_positioner.set_constraint_adjustment.
func (p *positioner) SetConstraintAdjustment(_ *wlserver.XdgPositioner, a wlserver.XdgPositionerConstraintAdjustment) {
	p.adjust = uint32(a)
}

// SetOffset implements xdg_positioner.set_offset.
func (p *positioner) SetOffset(_ *wlserver.XdgPositioner, x, y int32) {
	cut := func(v int32) int32 { return min(max(v, -region.Bounded/4), region.Bounded/4) }
	p.offsetX, p.offsetY = cut(x), cut(y)
}

// SetReactive implements xdg_positioner.set_reactive.
func (p *positioner) SetReactive(*wlserver.XdgPositioner) { p.reactive = true }

// SetParentSize implements xdg_positioner.set_parent_size.
func (p *positioner) SetParentSize(*wlserver.XdgPositioner, int32, int32) {}

// SetParentConfigure implements xdg_positioner.set_parent_configure.
func (p *positioner) SetParentConfigure(*wlserver.XdgPositioner, uint32) {}
