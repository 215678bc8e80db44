package compositor

import (
	wlserver "github.com/kennel-stream/kennel/wayland/protocol/server"
	"github.com/kennel-stream/kennel/wayland/server"
)

// A kiosk draws no decorations, and tells clients that it does so that they
// draw none either.

func (c *compositor) bindDecoration(wl *server.Client, r *wlserver.ZxdgDecorationManagerV1) {
	c.client(wl)
	r.SetHandler(decorationManager{})
}

type decorationManager struct{}

// Destroy implements zxdg_decoration_manager_v1.destroy.
func (decorationManager) Destroy(*wlserver.ZxdgDecorationManagerV1) {}

// GetToplevelDecoration implements zxdg_decoration_manager_v1.get_toplevel_decoration.
func (decorationManager) GetToplevelDecoration(_ *wlserver.ZxdgDecorationManagerV1, id *wlserver.ZxdgToplevelDecorationV1, top *wlserver.XdgToplevel) {
	t, ok := top.Handler().(*toplevel)
	if !ok {
		return
	}
	if t.decorated != nil {
		id.PostError(wlserver.ZxdgToplevelDecorationV1ErrorAlreadyConstructed, "the window has a decoration object already")
		return
	}
	t.decorated = id
	id.SetHandler(decoration{t})
	id.OnDestroy(func() { t.decorated = nil })
	t.configure()
}

type decoration struct{ toplevel *toplevel }

// Destroy implements zxdg_toplevel_decoration_v1.destroy.
func (decoration) Destroy(*wlserver.ZxdgToplevelDecorationV1) {}

// SetMode implements zxdg_toplevel_decoration_v1.set_mode.
func (d decoration) SetMode(*wlserver.ZxdgToplevelDecorationV1, wlserver.ZxdgToplevelDecorationV1Mode) {
	d.toplevel.configure()
}

// UnsetMode implements zxdg_toplevel_decoration_v1.unset_mode.
func (d decoration) UnsetMode(*wlserver.ZxdgToplevelDecorationV1) { d.toplevel.configure() }
