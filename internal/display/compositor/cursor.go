package compositor

import (
	"encoding/binary"

	"github.com/kennel-stream/kennel/internal/display"
	"github.com/kennel-stream/kennel/internal/display/pixel"
	"github.com/kennel-stream/kennel/internal/display/region"
	wlserver "github.com/kennel-stream/kennel/wayland/protocol/server"
)

const cursorName = "cursor"

// cursor is the picture of the pointer.
type cursor struct {
	arrow   pixel.Image
	owner   *client  // who set surface, nil: the arrow is shown
	surface *surface // nil with an owner: hidden by it
	hotX    int32
	hotY    int32
	visible bool // as the host was told
}

func (k *cursor) reset() { k.owner, k.surface = nil, nil }

// arrowShape is our own drawing: X is black, o is white.
var arrowShape = [...]string{
	"X           ",
	"XX          ",
	"XoX         ",
	"XooX        ",
	"XoooX       ",
	"XooooX      ",
	"XoooooX     ",
	"XooooooX    ",
	"XoooooooX   ",
	"XooooooooX  ",
	"XoooooooooX ",
	"XooooooXXXXX",
	"XoooXooX    ",
	"XooXXooX    ",
	"XoX  XooX   ",
	"XX   XooX   ",
	"X     XooX  ",
	"      XooX  ",
	"       XX   ",
}

func arrow() pixel.Image {
	m := pixel.New(len(arrowShape[0]), len(arrowShape))
	for y, row := range arrowShape {
		for x, c := range row {
			argb := uint32(0)
			switch c {
			case 'X':
				argb = 0xff000000
			case 'o':
				argb = 0xffffffff
			}
			binary.LittleEndian.PutUint32(m.Row(int32(y), int32(x), int32(x)+1), argb)
		}
	}
	return m
}

// placePointer appends the icon of a drag and the cursor, above everything.
func (c *compositor) placePointer() {
	s, k := c.seat, &c.seat.cursor
	x, y := int32(s.x), int32(s.y)
	first := len(c.nodes)
	if d := c.data.drag; d != nil && d.icon != nil {
		c.placeTree(d.icon, x+d.iconX, y+d.iconY)
	}
	visible := s.moved && !s.locked() && (k.owner == nil || k.surface != nil && k.surface.hasContent)
	switch {
	case !visible:
	case k.owner == nil:
		c.nodes = append(c.nodes, node{image: &k.arrow, rect: region.XYWH(x, y, int32(k.arrow.Width), int32(k.arrow.Height))})
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
	k.owner, k.surface = h.client, s
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
