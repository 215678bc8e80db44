package compositor

import (
	"encoding/binary"
	"testing"

	"github.com/kennel-stream/kennel/internal/display"
	wlserver "github.com/kennel-stream/kennel/wayland/protocol/server"
)

func TestCursorShapesAreShownByName(t *testing.T) {
	s := startSession(t, 100, 100)
	c := s.dial()
	seat, manager := c.bind("wl_seat", 0), c.bind("wp_cursor_shape_manager_v1", 0)
	pointer, device := c.id(), c.id()
	c.send(seat, 0, pointer)
	c.send(manager, 1, device, pointer)
	const ground = 0xff0000ff
	c.openFilled(ground)
	s.sink.until("window", func() bool { return s.sink.at(50, 50) == ground })
	s.input(moveTo(50, 50, 100, 100))
	serial := c.must(pointer, 0).word(0)
	for name := wlserver.WpCursorShapeDeviceV1ShapeDefault; name <= wlserver.WpCursorShapeDeviceV1ShapeZoomOut; name++ {
		want := newShapes().get(name)
		c.send(device, 1, serial, uint32(name))
		if !c.roundtrip() {
			t.Fatalf("shape %d: disconnected: %v", name, c.fault)
		}
		s.sink.until("the shape", func() bool { return s.sink.shows(want, 50, 50, ground) })
	}
	c.send(pointer, 0, serial, 0, 0, 0)
	s.sink.until("hidden by the other request", func() bool { return s.sink.at(50, 50) == ground })
	c.send(device, 1, serial, uint32(wlserver.WpCursorShapeDeviceV1ShapeText))
	s.sink.until("back as a beam", func() bool { return s.sink.at(50, 50) == 0xffffffff && s.sink.at(47, 50) == ground })
	c.send(device, 0)
	if !c.roundtrip() || s.sink.at(50, 50) != 0xffffffff {
		t.Error("the shape goes with the object that set it")
	}
	bad := c.id()
	c.send(manager, 1, bad, pointer)
	c.send(bad, 1, serial, 35)
	if f := c.dies(); f == nil || f.object != bad || f.code != wlserver.WpCursorShapeDeviceV1ErrorInvalidShape {
		t.Errorf("shape 35: %v", f)
	}
	s.sink.until("the arrow, as its setter is gone", func() bool { return s.sink.shows(newShapes().arrow, 50, 50, 0xff000000) })
}

// shows holds the picture around a place against a shape on a ground.
func (v *viewer) shows(want *shape, x, y int, ground uint32) bool {
	for row := range want.image.Height {
		for column := range want.image.Width {
			argb := binary.LittleEndian.Uint32(want.image.Row(int32(row), int32(column), int32(column)+1))
			if argb == 0 {
				argb = ground
			}
			if v.at(x-int(want.hotX)+column, y-int(want.hotY)+row) != argb {
				return false
			}
		}
	}
	return true
}

func TestOnlyTheClientUnderThePointerSetsTheShape(t *testing.T) {
	s := startSession(t, 100, 100)
	c := s.dial()
	seat, manager, pointer, device := c.bind("wl_seat", 0), c.bind("wp_cursor_shape_manager_v1", 0), c.id(), c.id()
	c.send(seat, 0, pointer)
	c.send(manager, 1, device, pointer)
	c.openFilled(0xff0000ff)
	s.sink.until("window", func() bool { return s.sink.at(50, 50) == 0xff0000ff })
	top := s.dial()
	top.openFilled(0xff00ff00)
	s.sink.until("another one above", func() bool { return s.sink.at(50, 50) == 0xff00ff00 })
	s.input(display.Input{Kind: display.InputMotionAbsolute, X: 50, Y: 50, MaxX: 100, MaxY: 100})
	s.sink.until("arrow", func() bool { return s.sink.at(50, 50) == 0xff000000 })
	c.send(device, 1, 1, uint32(wlserver.WpCursorShapeDeviceV1ShapeText))
	if !c.roundtrip() {
		t.Fatal("disconnected")
	}
	s.statistics()
	if s.sink.at(50, 50) != 0xff000000 {
		t.Error("a client in the background changed the cursor")
	}
}

// TestDrawingsAreRectangles, as draw takes them for, and differ.
func TestDrawingsAreRectangles(t *testing.T) {
	drawings := [][]string{
		arrowDrawing, textDrawing, handDrawing, crossDrawing, moveDrawing, resizeDrawing, slantDrawing, waitDrawing, forbiddenDrawing,
	}
	for i, rows := range drawings {
		for y, row := range rows {
			if len(row) != len(rows[0]) {
				t.Errorf("drawing %d: row %d has %d columns, the first has %d", i, y, len(row), len(rows[0]))
			}
		}
	}
	different := map[*shape]bool{}
	all := newShapes()
	for name := wlserver.WpCursorShapeDeviceV1ShapeDefault; name <= wlserver.WpCursorShapeDeviceV1ShapeZoomOut; name++ {
		different[all.get(name)] = true
	}
	if len(different) != 12 {
		t.Errorf("%d different shapes, want 12", len(different))
	}
}
