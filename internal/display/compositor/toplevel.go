package compositor

import (
	"encoding/binary"
	"slices"

	"github.com/kennel-stream/kennel/internal/display"
	"github.com/kennel-stream/kennel/internal/display/region"
	wlserver "github.com/kennel-stream/kennel/wayland/protocol/server"
)

// maxTitle bounds titles and app ids, in bytes, as the host hears of them.
const maxTitle = 1024

// toplevel is an xdg_toplevel. The display is a kiosk: a window without
// parent fills the output, one with a parent floats at its own size. It is told
// to be maximized, and full screen only when it asks for that: browsers hide
// their address bar then, and toolkits their menus.
type toplevel struct {
	xdg       *xdgSurface
	res       *wlserver.XdgToplevel
	parent    *toplevel
	title     string
	appID     string
	active    bool
	full      bool // wants the full screen
	min, max  [2]int32
	newMin    [2]int32
	newMax    [2]int32
	decorated *wlserver.ZxdgToplevelDecorationV1
}

func newToplevel(x *xdgSurface, id *wlserver.XdgToplevel) {
	t := &toplevel{xdg: x, res: id}
	x.window = t
	id.SetHandler(t)
	id.OnDestroy(t.destroyed)
}

func (t *toplevel) c() *compositor { return t.xdg.surface.c }

func (t *toplevel) destroyed() {
	t.xdg.vanish()
	t.xdg.window = nil
	for s := range t.c().surfaces {
		x, _ := s.roleOf.(*xdgSurface)
		if x == nil {
			continue
		}
		if o, ok := x.window.(*toplevel); ok && o.parent == t {
			o.parent = t.parent
			o.configure()
		}
	}
}

func (t *toplevel) initial() { t.configure() }

func (t *toplevel) committed() {
	if t.newMin != t.min || t.newMax != t.max {
		t.min, t.max = t.newMin, t.newMax
		if over(t.min[0], t.max[0]) || over(t.min[1], t.max[1]) {
			t.res.PostError(wlserver.XdgToplevelErrorInvalidSize, "minimum size %v is above maximum %v", t.min, t.max)
		}
	}
}

func over(low, high int32) bool { return high != 0 && low > high }

func (t *toplevel) mapped() {
	c := t.c()
	c.toplevels = append(c.toplevels, t)
	if !c.mapped {
		c.mapped = true
		c.event(display.Event{Kind: display.EventMapped, AppID: t.appID, Title: t.title})
	}
	t.nudge()
	c.refocus()
}

// nudge repeats the size to a window that did not take it, with another one in
// between: mpv drops a size that it heard of before it had a picture, and
// ignores one that is not new.
func (t *toplevel) nudge() {
	w, h := t.c().size()
	if f := t.xdg.frame(); t.parent != nil || f.Width() == w && f.Height() == h || w < 2 || h < 2 {
		return
	}
	t.configureTo(w-1, h-1)
	t.configure()
}

func (t *toplevel) unmapped() {
	c := t.c()
	c.toplevels = slices.DeleteFunc(c.toplevels, func(o *toplevel) bool { return o == t })
	t.active = false
	t.xdg.surface.dismissPopups()
	c.refocus()
}

// configure tells the client size and states, once it has asked for it.
func (t *toplevel) configure() {
	var w, h int32
	if t.parent == nil {
		w, h = t.c().size()
	}
	t.configureTo(w, h)
}

func (t *toplevel) configureTo(w, h int32) {
	if !t.xdg.started {
		return
	}
	states := make([]wlserver.XdgToplevelState, 0, 4)
	if t.parent == nil {
		states = append(states, wlserver.XdgToplevelStateMaximized)
	}
	if t.parent == nil && t.full {
		states = append(states, wlserver.XdgToplevelStateFullscreen)
	}
	if t.active {
		states = append(states, wlserver.XdgToplevelStateActivated)
	}
	if ow, oh := t.c().size(); t.res.Version() >= 4 {
		t.res.SendConfigureBounds(ow, oh)
	}
	if t.res.Version() >= 5 {
		t.res.SendWmCapabilities(packStates([]uint32{3})) // fullscreen
	}
	if t.decorated != nil {
		t.decorated.SendConfigure(wlserver.ZxdgToplevelDecorationV1ModeServerSide)
	}
	t.res.SendConfigure(w, h, packStates(states))
	t.xdg.send()
}

// packStates makes the array of a configure event.
func packStates[T ~uint32](states []T) []byte {
	out := make([]byte, 0, 4*len(states))
	for _, st := range states {
		out = binary.NativeEndian.AppendUint32(out, uint32(st))
	}
	return out
}

// refocus makes the topmost window the active one.
func (c *compositor) refocus() {
	for i, t := range c.toplevels {
		if top := i == len(c.toplevels)-1; t.active != top {
			t.active = top
			t.configure()
		}
	}
	c.restack()
	c.seat.focusKeyboard()
}

// raise puts a window, with its children, on top.
func (c *compositor) raise(t *toplevel) {
	if len(c.toplevels) == 0 || c.toplevels[len(c.toplevels)-1] == t {
		return
	}
	under := func(o *toplevel) bool {
		for range maxDepth {
			if o == t {
				return true
			}
			if o == nil {
				return false
			}
			o = o.parent
		}
		return false
	}
	var rest, top []*toplevel
	for _, o := range c.toplevels {
		if under(o) {
			top = append(top, o)
		} else {
			rest = append(rest, o)
		}
	}
	c.toplevels = append(rest, top...)
	c.refocus()
}

// placeToplevel lays a window out: centred on its parent or the output, a
// window that is larger than that at the top left.
func (c *compositor) placeToplevel(t *toplevel) {
	frame, within := t.xdg.frame(), c.out.Bounds()
	if p := t.parent; p != nil && p.xdg.isMapped && p.xdg.surface.placed {
		within = p.xdg.frame().Shift(p.xdg.surface.x, p.xdg.surface.y)
	}
	x := within.X0 + (within.Width()-frame.Width())/2
	y := within.Y0 + (within.Height()-frame.Height())/2
	bounds := c.out.Bounds()
	x = max(min(x, bounds.X1-frame.Width()), 0)
	y = max(min(y, bounds.Y1-frame.Height()), 0)
	s := t.xdg.surface
	c.placeTree(s, x-frame.X0, y-frame.Y0)
	c.placePopups(s)
}

// toplevelOf finds the window that a surface belongs to, through subsurfaces
// and popups.
func toplevelOf(s *surface) *toplevel {
	for range 4 * maxDepth {
		switch r := s.roleOf.(type) {
		case *subsurface:
			if r.parent == nil {
				return nil
			}
			s = r.parent
		case *xdgSurface:
			switch w := r.window.(type) {
			case *toplevel:
				return w
			case *popup:
				if w.parent == nil {
					return nil
				}
				s = w.parent.surface
			default:
				return nil
			}
		default:
			return nil
		}
	}
	return nil
}

// Destroy implements xdg_toplevel.destroy.
func (t *toplevel) Destroy(*wlserver.XdgToplevel) {}

// SetParent implements xdg_toplevel.set_parent.
func (t *toplevel) SetParent(r *wlserver.XdgToplevel, parent *wlserver.XdgToplevel) {
	var p *toplevel
	if parent != nil {
		p, _ = parent.Handler().(*toplevel)
	}
	for up, n := p, 0; up != nil; up, n = up.parent, n+1 {
		if up == t || n >= maxDepth {
			r.PostError(wlserver.XdgToplevelErrorInvalidParent, "a window cannot descend from itself, or nest deeper than %d", maxDepth)
			return
		}
	}
	if p != t.parent {
		t.parent = p
		t.configure()
		t.c().restack()
	}
}

// SetTitle implements xdg_toplevel.set_title.
func (t *toplevel) SetTitle(_ *wlserver.XdgToplevel, title string) {
	t.title = title[:min(len(title), maxTitle)]
	t.announce()
}

// SetAppId implements xdg_toplevel.set_app_id.
func (t *toplevel) SetAppId(_ *wlserver.XdgToplevel, id string) { //nolint:revive // the protocol's name
	t.appID = id[:min(len(id), maxTitle)]
	t.announce()
}

func (t *toplevel) announce() {
	if t.xdg.isMapped {
		t.c().event(display.Event{Kind: display.EventTitle, AppID: t.appID, Title: t.title})
	}
}

// ShowWindowMenu implements xdg_toplevel.show_window_menu: there is none.
func (t *toplevel) ShowWindowMenu(*wlserver.XdgToplevel, *wlserver.WlSeat, uint32, int32, int32) {}

// Move implements xdg_toplevel.move: a kiosk does not move windows.
func (t *toplevel) Move(*wlserver.XdgToplevel, *wlserver.WlSeat, uint32) {}

// Resize implements xdg_toplevel.resize.
func (t *toplevel) Resize(*wlserver.XdgToplevel, *wlserver.WlSeat, uint32, wlserver.XdgToplevelResizeEdge) {
}

// SetMaxSize implements xdg_toplevel.set_max_size.
func (t *toplevel) SetMaxSize(r *wlserver.XdgToplevel, w, h int32) {
	if w < 0 || h < 0 {
		r.PostError(wlserver.XdgToplevelErrorInvalidSize, "maximum size of %dx%d", w, h)
		return
	}
	t.newMax = [2]int32{w, h}
}

// SetMinSize implements xdg_toplevel.set_min_size.
func (t *toplevel) SetMinSize(r *wlserver.XdgToplevel, w, h int32) {
	if w < 0 || h < 0 {
		r.PostError(wlserver.XdgToplevelErrorInvalidSize, "minimum size of %dx%d", w, h)
		return
	}
	t.newMin = [2]int32{w, h}
}

// SetMaximized implements xdg_toplevel.set_maximized; a kiosk answers with the
// state that is.
func (t *toplevel) SetMaximized(*wlserver.XdgToplevel) { t.configure() }

// UnsetMaximized implements xdg_toplevel.unset_maximized.
func (t *toplevel) UnsetMaximized(*wlserver.XdgToplevel) { t.configure() }

// SetFullscreen implements xdg_toplevel.set_fullscreen: the size is the same,
// what the window shows of itself is not.
func (t *toplevel) SetFullscreen(*wlserver.XdgToplevel, *wlserver.WlOutput) {
	t.full = true
	t.configure()
}

// UnsetFullscreen implements xdg_toplevel.unset_fullscreen.
func (t *toplevel) UnsetFullscreen(*wlserver.XdgToplevel) {
	t.full = false
	t.configure()
}

// SetMinimized implements xdg_toplevel.set_minimized.
func (t *toplevel) SetMinimized(*wlserver.XdgToplevel) {}

// bounds of the output relative to the window geometry of a placed surface.
func (x *xdgSurface) outputBounds() region.Rect {
	f := x.frame()
	return x.surface.c.out.Bounds().Shift(-x.surface.x-f.X0, -x.surface.y-f.Y0)
}
