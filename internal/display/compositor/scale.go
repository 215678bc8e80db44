package compositor

import (
	wlserver "github.com/kennel-stream/kennel/wayland/protocol/server"
	"github.com/kennel-stream/kennel/wayland/server"
)

// scaleOne is wp_fractional_scale_v1's number for one pixel a point: it counts
// in 120ths.
const scaleOne = 120

func (c *compositor) bindFractional(wl *server.Client, r *wlserver.WpFractionalScaleManagerV1) {
	r.SetHandler(fractionalManager{c.client(wl)})
}

type fractionalManager struct{ client *client }

// Destroy implements wp_fractional_scale_manager_v1.destroy.
func (fractionalManager) Destroy(*wlserver.WpFractionalScaleManagerV1) {}

// GetFractionalScale implements wp_fractional_scale_manager_v1.get_fractional_scale.
func (m fractionalManager) GetFractionalScale(r *wlserver.WpFractionalScaleManagerV1, id *wlserver.WpFractionalScaleV1, surf *wlserver.WlSurface) {
	s := m.client.surfaces[surf]
	if s == nil {
		return
	}
	if s.fractional {
		r.PostError(wlserver.WpFractionalScaleManagerV1ErrorFractionalScaleExists, "the surface has a fractional scale object already")
		return
	}
	s.fractional = true
	id.SetHandler(fractionalScale{})
	id.OnDestroy(func() { s.fractional = false })
	id.SendPreferredScale(scaleOne)
}

type fractionalScale struct{}

// Destroy implements wp_fractional_scale_v1.destroy.
func (fractionalScale) Destroy(*wlserver.WpFractionalScaleV1) {}
