package compositor

import (
	wlserver "github.com/kennel-stream/kennel/wayland/protocol/server"
	"github.com/kennel-stream/kennel/wayland/server"
	"github.com/kennel-stream/kennel/wayland/wire"
)

func (c *compositor) bindViewporter(wl *server.Client, r *wlserver.WpViewporter) {
	r.SetHandler(viewporter{c.client(wl)})
}

type viewporter struct{ client *client }

// Destroy implements wp_viewporter.destroy.
func (viewporter) Destroy(*wlserver.WpViewporter) {}

// GetViewport implements wp_viewporter.get_viewport.
func (h viewporter) GetViewport(r *wlserver.WpViewporter, id *wlserver.WpViewport, surf *wlserver.WlSurface) {
	s := h.client.surfaces[surf]
	if s == nil {
		return
	}
	if s.viewport != nil {
		r.PostError(wlserver.WpViewporterErrorViewportExists, "the surface has a viewport already")
		return
	}
	s.viewport = id
	id.SetHandler(viewport{s})
	id.OnDestroy(func() {
		s.viewport = nil
		g := &s.pending.geometry
		g.cropped, g.targetWidth, g.targetHeight = false, 0, 0
		s.pending.geometrySet = true
	})
}

type viewport struct{ surface *surface }

// alive is false, with an error, once the surface is gone.
func (v viewport) alive(r *wlserver.WpViewport) bool {
	if v.surface.res.Alive() {
		return true
	}
	r.PostError(wlserver.WpViewportErrorNoSurface, "the surface is gone")
	return false
}

// Destroy implements wp_viewport.destroy.
func (viewport) Destroy(*wlserver.WpViewport) {}

// SetSource implements wp_viewport.set_source.
func (v viewport) SetSource(r *wlserver.WpViewport, fx, fy, fw, fh wire.Fixed) {
	if !v.alive(r) {
		return
	}
	x, y, w, h := fx.Float64(), fy.Float64(), fw.Float64(), fh.Float64()
	g := &v.surface.pending.geometry
	switch {
	case x == -1 && y == -1 && w == -1 && h == -1:
		g.cropped = false
	case x < 0 || y < 0 || w <= 0 || h <= 0:
		r.PostError(wlserver.WpViewportErrorBadValue, "source %v,%v %vx%v", x, y, w, h)
		return
	default:
		g.cropped, g.srcX, g.srcY, g.srcW, g.srcH = true, x, y, w, h
	}
	v.surface.pending.geometrySet = true
}

// SetDestination implements wp_viewport.set_destination.
func (v viewport) SetDestination(r *wlserver.WpViewport, w, h int32) {
	if !v.alive(r) {
		return
	}
	g := &v.surface.pending.geometry
	switch {
	case w == -1 && h == -1:
		g.targetWidth, g.targetHeight = 0, 0
	case w <= 0 || h <= 0:
		r.PostError(wlserver.WpViewportErrorBadValue, "destination %dx%d", w, h)
		return
	default:
		const far = 1 << 16
		g.targetWidth, g.targetHeight = int(min(w, far)), int(min(h, far))
	}
	v.surface.pending.geometrySet = true
}
