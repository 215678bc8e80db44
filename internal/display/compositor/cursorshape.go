package compositor

import (
	wlserver "github.com/kennel-stream/kennel/wayland/protocol/server"
	"github.com/kennel-stream/kennel/wayland/server"
)

func (c *compositor) bindCursorShape(wl *server.Client, r *wlserver.WpCursorShapeManagerV1) {
	r.SetHandler(cursorShapeManager{c.client(wl)})
}

type cursorShapeManager struct{ client *client }

// GetPointer implements wp_cursor_shape_manager_v1.get_pointer. There is one
// seat, so that which of the client's pointers it is makes no difference.
func (m cursorShapeManager) GetPointer(_ *wlserver.WpCursorShapeManagerV1, id *wlserver.WpCursorShapeDeviceV1, _ *wlserver.WlPointer) {
	id.SetHandler(cursorShapeDevice(m))
}

// GetTabletToolV2 implements wp_cursor_shape_manager_v1.get_tablet_tool_v2; no
// client has a tablet tool to name.
func (cursorShapeManager) GetTabletToolV2(*wlserver.WpCursorShapeManagerV1, *wlserver.WpCursorShapeDeviceV1, *wlserver.ZwpTabletToolV2) {
}

// Destroy implements wp_cursor_shape_manager_v1.destroy.
func (cursorShapeManager) Destroy(*wlserver.WpCursorShapeManagerV1) {}

type cursorShapeDevice struct{ client *client }

// SetShape implements wp_cursor_shape_device_v1.set_shape; requests of clients
// that the pointer is not over are ignored.
func (d cursorShapeDevice) SetShape(r *wlserver.WpCursorShapeDeviceV1, _ uint32, name wlserver.WpCursorShapeDeviceV1Shape) {
	if name < wlserver.WpCursorShapeDeviceV1ShapeDefault || name > wlserver.WpCursorShapeDeviceV1ShapeZoomOut {
		r.PostError(wlserver.WpCursorShapeDeviceV1ErrorInvalidShape, "there is no cursor shape %d", name)
		return
	}
	s := d.client.c.seat
	if f := s.pointerFocus; f == nil || f.client != d.client {
		return
	}
	s.cursor.owner, s.cursor.surface, s.cursor.shape = d.client, nil, s.cursor.shapes.get(name)
	s.c.restack()
}

// Destroy implements wp_cursor_shape_device_v1.destroy; the shape stays.
func (cursorShapeDevice) Destroy(*wlserver.WpCursorShapeDeviceV1) {}
