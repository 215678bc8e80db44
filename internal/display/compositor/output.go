package compositor

import (
	"slices"

	wlserver "github.com/kennel-stream/kennel/wayland/protocol/server"
	"github.com/kennel-stream/kennel/wayland/server"
)

const (
	outputName        = "KENNEL-1"
	outputDescription = "Kennel stream"
)

// outputGlobal is the one wl_output and what clients bound of it.
type outputGlobal struct {
	bound   []*wlserver.WlOutput
	logical []*wlserver.ZxdgOutputV1
}

func (c *compositor) bindOutput(wl *server.Client, r *wlserver.WlOutput) {
	c.client(wl)
	o := &c.outputs
	o.bound = append(o.bound, r)
	r.SetHandler(outputHandler{})
	r.OnDestroy(func() {
		o.bound = slices.DeleteFunc(o.bound, func(b *wlserver.WlOutput) bool { return b == r })
	})
	r.SendGeometry(0, 0, 0, 0, wlserver.WlOutputSubpixelUnknown, "Kennel", "stream", wlserver.WlOutputTransformNormal)
	r.SendScale(1)
	r.SendName(outputName)
	r.SendDescription(outputDescription)
	c.sendMode(r)
	for s := range c.surfaces {
		if s.entered && s.client.wl == wl {
			s.res.SendEnter(r)
		}
	}
}

func (c *compositor) sendMode(r *wlserver.WlOutput) {
	w, h := c.size()
	milliHz := int32(1e12 / c.refresh.interval)
	r.SendMode(wlserver.WlOutputModeCurrent|wlserver.WlOutputModePreferred, w, h, milliHz)
	r.SendDone()
}

// changed tells every client about a new size.
func (o *outputGlobal) changed(c *compositor) {
	w, h := c.size()
	for _, l := range o.logical {
		l.SendLogicalSize(w, h)
		if l.Version() < 3 {
			l.SendDone()
		}
	}
	for _, r := range o.bound {
		c.sendMode(r)
	}
}

// each calls f for what a client bound.
func (o *outputGlobal) each(cl *client, f func(*wlserver.WlOutput)) {
	for _, r := range o.bound {
		if r.Client() == cl.wl {
			f(r)
		}
	}
}

type outputHandler struct{}

// Release implements wl_output.release.
func (outputHandler) Release(*wlserver.WlOutput) {}

func (c *compositor) bindXdgOutput(wl *server.Client, r *wlserver.ZxdgOutputManagerV1) {
	c.client(wl)
	r.SetHandler(xdgOutputManager{c})
}

type xdgOutputManager struct{ c *compositor }

// Destroy implements zxdg_output_manager_v1.destroy.
func (xdgOutputManager) Destroy(*wlserver.ZxdgOutputManagerV1) {}

// GetXdgOutput implements zxdg_output_manager_v1.get_xdg_output.
func (h xdgOutputManager) GetXdgOutput(_ *wlserver.ZxdgOutputManagerV1, id *wlserver.ZxdgOutputV1, out *wlserver.WlOutput) {
	o := &h.c.outputs
	o.logical = append(o.logical, id)
	id.SetHandler(xdgOutput{})
	id.OnDestroy(func() {
		o.logical = slices.DeleteFunc(o.logical, func(l *wlserver.ZxdgOutputV1) bool { return l == id })
	})
	w, hh := h.c.size()
	id.SendLogicalPosition(0, 0)
	id.SendLogicalSize(w, hh)
	id.SendName(outputName)
	id.SendDescription(outputDescription)
	if id.Version() < 3 {
		id.SendDone()
	} else if out != nil {
		out.SendDone()
	}
}

type xdgOutput struct{}

// Destroy implements zxdg_output_v1.destroy.
func (xdgOutput) Destroy(*wlserver.ZxdgOutputV1) {}

// enterOutput keeps wl_surface.enter and leave in step with what is placed.
func (c *compositor) enterOutput() {
	for _, n := range c.oldNodes {
		if s := n.surface; s != nil && !s.placed && s.entered {
			s.entered = false
			c.outputs.each(s.client, s.res.SendLeave)
		}
	}
	for _, n := range c.nodes {
		if s := n.surface; s != nil && !s.entered {
			s.entered = true
			c.outputs.each(s.client, s.res.SendEnter)
		}
	}
}
