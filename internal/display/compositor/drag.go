package compositor

import (
	wlserver "github.com/kennel-stream/kennel/wayland/protocol/server"
)

const iconName = "drag icon"

// errorUsedSource is wl_data_device.error used_source of newer protocol files.
const errorUsedSource = 1

// drag is a drag and drop that goes on.
type drag struct {
	client       *client
	source       *dataSource // nil: within the client only
	icon         *surface
	iconX, iconY int32
	focus        *surface
	offer        *dataOffer
}

// StartDrag implements wl_data_device.start_drag. It needs a held button on a
// surface of the client.
func (d *dataDevice) StartDrag(r *wlserver.WlDataDevice, source *wlserver.WlDataSource, origin, icon *wlserver.WlSurface, _ uint32) {
	c := d.client.c
	var src *dataSource
	if source != nil {
		src, _ = source.Handler().(*dataSource)
		if src == nil || src.dragged || src.selected {
			r.PostError(errorUsedSource, "the source was used before")
			return
		}
	}
	pic, ok := d.dragIcon(r, icon)
	if !ok {
		return
	}
	f := c.seat.pointerFocus
	if c.data.drag != nil || len(c.seat.buttons) == 0 || f == nil || f.client != d.client || d.client.surfaces[origin] == nil {
		if src != nil {
			src.res.SendCancelled()
		}
		return
	}
	if src != nil {
		src.dragged = true
	}
	c.seat.focusPointer(nil)
	c.data.drag = &drag{client: d.client, source: src, icon: pic}
	c.restack()
	c.data.dragMove(c)
}

func (d *dataDevice) dragIcon(r *wlserver.WlDataDevice, icon *wlserver.WlSurface) (*surface, bool) {
	if icon == nil {
		return nil, true
	}
	s := d.client.surfaces[icon]
	if s == nil {
		return nil, false
	}
	if s.role != nil && s.role.name() != iconName || s.roleOf != nil {
		r.PostError(wlserver.WlDataDeviceErrorRole, "the icon is a %s already", s.role.name())
		return nil, false
	}
	s.role = iconRole{}
	return s, true
}

// dragMotion moves the drag with the pointer; false when there is none.
func (d *dataState) dragMotion() bool {
	if d.drag == nil {
		return false
	}
	d.dragMove(d.drag.client.c)
	return true
}

func (d *dataState) dragMove(c *compositor) {
	g := d.drag
	c.layout()
	want := c.nodeAt(int32(c.seat.x), int32(c.seat.y))
	if want != nil && g.source == nil && want.client != g.client {
		want = nil
	}
	if want != g.focus {
		d.dragLeave()
		d.dragEnter(c, want)
		return
	}
	if want == nil {
		return
	}
	now := c.seat.millis()
	x, y := c.seat.local(want)
	d.each(want.client, func(dev *dataDevice) { dev.res.SendMotion(now, x, y) })
}

// each calls f for every data device of a client.
func (d *dataState) each(cl *client, f func(*dataDevice)) {
	for _, dev := range d.devices {
		if dev.client == cl {
			f(dev)
		}
	}
}

func (d *dataState) dragLeave() {
	g := d.drag
	if g.focus != nil {
		d.each(g.focus.client, func(dev *dataDevice) { dev.res.SendLeave() })
	}
	if g.offer != nil && !g.offer.dropped && g.offer.source != nil {
		g.source.res.SendTarget(nil)
	}
	g.focus, g.offer = nil, nil
}

func (d *dataState) dragEnter(c *compositor, want *surface) {
	g := d.drag
	g.focus = want
	if want == nil {
		return
	}
	x, y := c.seat.local(want)
	serial := c.wl.NextSerial()
	d.each(want.client, func(dev *dataDevice) {
		var res *wlserver.WlDataOffer
		if g.source != nil {
			g.offer = dev.offer(g.source)
			g.offer.drag = true
			res = g.offer.res
			if res.Version() < 3 || g.source.res.Version() < 3 {
				g.offer.action = uint32(wlserver.WlDataDeviceManagerDndActionCopy)
			}
			res.SendSourceActions(wlserver.WlDataDeviceManagerDndAction(g.source.actions))
		}
		dev.res.SendEnter(serial, want.res, x, y, res)
	})
}

// drop ends the drag where the last button was let go.
func (d *dataState) drop() {
	g := d.drag
	switch o := g.offer; {
	case g.focus != nil && g.source == nil:
		d.each(g.focus.client, func(dev *dataDevice) { dev.res.SendDrop() })
	case g.focus != nil && o != nil && o.source != nil && o.accepted && o.action != 0:
		o.dropped = true
		d.each(g.focus.client, func(dev *dataDevice) { dev.res.SendDrop() })
		g.source.res.SendDndDropPerformed()
	case g.source != nil:
		g.source.res.SendCancelled()
	}
	d.endDrag()
}

// endDrag gives the pointer back.
func (d *dataState) endDrag() {
	c := d.drag.client.c
	if d.drag.offer == nil || !d.drag.offer.dropped {
		d.dragLeave()
	}
	d.drag = nil
	c.restack()
	c.layout()
	c.seat.refocus()
}

func (d *dataState) surfaceGone(s *surface) {
	if g := d.drag; g != nil {
		if g.focus == s {
			g.focus, g.offer = nil, nil
		}
		if g.icon == s {
			g.icon = nil
		}
	}
}

// iconRole is the role of a surface that follows a drag.
type iconRole struct{}

func (iconRole) name() string                    { return iconName }
func (iconRole) precommit(*surface, *state) bool { return true }
func (iconRole) gone(*surface)                   {}
func (iconRole) commit(s *surface, next *state) {
	if g := s.c.data.drag; g != nil && g.icon == s {
		g.iconX, g.iconY = g.iconX+next.offsetX, g.iconY+next.offsetY
		s.c.restack()
	}
}
