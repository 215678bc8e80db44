package compositor

import (
	"github.com/kennel-stream/kennel/internal/display"
	"github.com/kennel-stream/kennel/internal/display/region"
	wlserver "github.com/kennel-stream/kennel/wayland/protocol/server"
)

const cursorName = "cursor"

// cursor is the picture of the pointer.
type cursor struct {
	shapes  *shapes
	owner   *client  // who set the picture, nil: the arrow is shown
	surface *surface // nil with an owner and no shape: hidden by it
	shape   *shape   // shown instead of a surface
	hotX    int32    // of surface
	hotY    int32
	visible bool // as the host was told
}

func (k *cursor) reset() { k.owner, k.surface, k.shape = nil, nil, nil }

// drawn returns which of the display's own pictures is shown, nil for none.
func (k *cursor) drawn() *shape {
	if k.owner == nil {
		return k.shapes.arrow
	}
	return k.shape
}

// placePointer appends the icon of a drag and the cursor, above everything.
func (c *compositor) placePointer() {
	s, k := c.seat, &c.seat.cursor
	x, y := int32(s.x), int32(s.y)
	first := len(c.nodes)
	if d := c.data.drag; d != nil && d.icon != nil {
		c.placeTree(d.icon, x+d.iconX, y+d.iconY)
	}
	own := k.drawn()
	visible := s.moved && !s.locked() && (own != nil || k.surface != nil && k.surface.hasContent)
	switch {
	case !visible:
	case own != nil:
		rect := region.XYWH(x-own.hotX, y-own.hotY, int32(own.image.Width), int32(own.image.Height))
		c.nodes = append(c.nodes, node{image: &own.image, rect: rect})
	default:
		c.placeTree(k.surface, x-k.hotX, y-k.hotY)
	}
	for i := first; i < len(c.nodes); i++ {
		c.nodes[i].cursor = true
	}
	if visible != k.visible {
		k.visible = visible
		c.event(display.Event{Kind: display.EventCursor, Visible: visible})
	}
}

type pointerHandler seatHandler

// Release implements wl_pointer.release.
func (pointerHandler) Release(*wlserver.WlPointer) {}

// SetCursor implements wl_pointer.set_cursor; requests of clients that the
// pointer is not over are ignored.
func (h pointerHandler) SetCursor(r *wlserver.WlPointer, _ uint32, surf *wlserver.WlSurface, hotX, hotY int32) {
	k := &h.seat.cursor
	var s *surface
	if surf != nil {
		if s = h.client.surfaces[surf]; s == nil {
			return
		}
		if s.role != nil && s.role.name() != cursorName || s.roleOf != nil {
			r.PostError(wlserver.WlPointerErrorRole, "the surface is a %s already", s.role.name())
			return
		}
		s.role = cursorRole{}
	}
	if f := h.seat.pointerFocus; f == nil || f.client != h.client {
		return
	}
	const far = 1 << 16
	k.owner, k.surface, k.shape = h.client, s, nil
	k.hotX, k.hotY = min(max(hotX, -far), far), min(max(hotY, -far), far)
	h.seat.c.restack()
}

// cursorRole is the role of a surface that shows the pointer.
type cursorRole struct{}

func (cursorRole) name() string                    { return cursorName }
func (cursorRole) precommit(*surface, *state) bool { return true }
func (cursorRole) gone(*surface)                   {}

// commit moves the hotspot by the offset of the buffer (wl_pointer.set_cursor).
func (cursorRole) commit(s *surface, next *state) {
	if k := &s.c.seat.cursor; k.surface == s {
		k.hotX, k.hotY = k.hotX-next.offsetX, k.hotY-next.offsetY
		s.c.restack()
	}
}
