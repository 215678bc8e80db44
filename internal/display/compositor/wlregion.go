package compositor

import (
	"github.com/kennel-stream/kennel/internal/display/region"
	wlserver "github.com/kennel-stream/kennel/wayland/protocol/server"
	"github.com/kennel-stream/kennel/wayland/server"
)

// maxSurfaces bounds the surfaces of one client.
const maxSurfaces = 4096

func (c *compositor) bindCompositor(wl *server.Client, r *wlserver.WlCompositor) {
	r.SetHandler(surfaceFactory{c.client(wl)})
}

type surfaceFactory struct{ client *client }

// CreateSurface implements wl_compositor.create_surface.
func (f surfaceFactory) CreateSurface(_ *wlserver.WlCompositor, id *wlserver.WlSurface) {
	if len(f.client.surfaces) >= maxSurfaces {
		f.client.wl.PostNoMemory("too many surfaces")
		return
	}
	f.client.c.newSurface(f.client, id)
}

// CreateRegion implements wl_compositor.create_region.
func (f surfaceFactory) CreateRegion(_ *wlserver.WlCompositor, id *wlserver.WlRegion) {
	id.SetHandler(new(clientRegion))
}

// clientRegion is a wl_region.
type clientRegion struct{ region.Region }

// Destroy implements wl_region.destroy.
func (*clientRegion) Destroy(*wlserver.WlRegion) {}

// Add implements wl_region.add.
func (g *clientRegion) Add(_ *wlserver.WlRegion, x, y, width, height int32) {
	g.Region.Add(region.XYWH(x, y, width, height))
}

// Subtract implements wl_region.subtract.
func (g *clientRegion) Subtract(_ *wlserver.WlRegion, x, y, width, height int32) {
	g.Region.Subtract(region.XYWH(x, y, width, height))
}

// regionOf is the pixels of a wl_region, nil for none.
func regionOf(r *wlserver.WlRegion) *region.Region {
	if r == nil {
		return nil
	}
	if g, ok := r.Handler().(*clientRegion); ok {
		return &g.Region
	}
	return nil
}
