package compositor

import (
	"encoding/binary"

	"github.com/kennel-stream/kennel/internal/display/pixel"
	wlserver "github.com/kennel-stream/kennel/wayland/protocol/server"
)

// shape is a picture of the pointer that the display draws itself.
type shape struct {
	image      pixel.Image
	hotX, hotY int32
}

// shapes are the named pictures; a name that is not among them is the arrow.
type shapes struct {
	arrow *shape
	named map[wlserver.WpCursorShapeDeviceV1Shape]*shape
}

// get returns the picture of a name.
func (s *shapes) get(name wlserver.WpCursorShapeDeviceV1Shape) *shape {
	if p := s.named[name]; p != nil {
		return p
	}
	return s.arrow
}

// newShapes draws them all, which takes well under a millisecond.
func newShapes() *shapes {
	text, ns, nwse := centred(textDrawing), centred(resizeDrawing), centred(slantDrawing)
	ew, nesw := centred(turned(resizeDrawing)), centred(mirrored(slantDrawing))
	move, cross, forbidden := centred(moveDrawing), centred(crossDrawing), centred(forbiddenDrawing)
	return &shapes{arrow: draw(arrowDrawing, -1, -1), named: map[wlserver.WpCursorShapeDeviceV1Shape]*shape{
		wlserver.WpCursorShapeDeviceV1ShapePointer:      draw(handDrawing, 5, 0),
		wlserver.WpCursorShapeDeviceV1ShapeWait:         centred(waitDrawing),
		wlserver.WpCursorShapeDeviceV1ShapeText:         text,
		wlserver.WpCursorShapeDeviceV1ShapeVerticalText: centred(turned(textDrawing)),
		wlserver.WpCursorShapeDeviceV1ShapeCell:         cross,
		wlserver.WpCursorShapeDeviceV1ShapeCrosshair:    cross,
		wlserver.WpCursorShapeDeviceV1ShapeMove:         move,
		wlserver.WpCursorShapeDeviceV1ShapeGrab:         move,
		wlserver.WpCursorShapeDeviceV1ShapeGrabbing:     move,
		wlserver.WpCursorShapeDeviceV1ShapeAllScroll:    move,
		wlserver.WpCursorShapeDeviceV1ShapeNoDrop:       forbidden,
		wlserver.WpCursorShapeDeviceV1ShapeNotAllowed:   forbidden,
		wlserver.WpCursorShapeDeviceV1ShapeNResize:      ns,
		wlserver.WpCursorShapeDeviceV1ShapeSResize:      ns,
		wlserver.WpCursorShapeDeviceV1ShapeNsResize:     ns,
		wlserver.WpCursorShapeDeviceV1ShapeRowResize:    ns,
		wlserver.WpCursorShapeDeviceV1ShapeEResize:      ew,
		wlserver.WpCursorShapeDeviceV1ShapeWResize:      ew,
		wlserver.WpCursorShapeDeviceV1ShapeEwResize:     ew,
		wlserver.WpCursorShapeDeviceV1ShapeColResize:    ew,
		wlserver.WpCursorShapeDeviceV1ShapeNeResize:     nesw,
		wlserver.WpCursorShapeDeviceV1ShapeSwResize:     nesw,
		wlserver.WpCursorShapeDeviceV1ShapeNeswResize:   nesw,
		wlserver.WpCursorShapeDeviceV1ShapeNwResize:     nwse,
		wlserver.WpCursorShapeDeviceV1ShapeSeResize:     nwse,
		wlserver.WpCursorShapeDeviceV1ShapeNwseResize:   nwse,
	}}
}

// centred draws a picture whose hotspot is its centre.
func centred(rows []string) *shape { return draw(rows, len(rows[0])/2, len(rows)/2) }

// draw paints a drawing and a black line of one pixel around it, so that it
// shows on any ground: o is white, X is black. The hotspot is one of the drawing.
func draw(rows []string, hotX, hotY int) *shape {
	const line = 1
	w, h := len(rows[0]), len(rows)
	m := pixel.New(w+2*line, h+2*line)
	put := func(x, y int, argb uint32) {
		binary.LittleEndian.PutUint32(m.Row(int32(y), int32(x), int32(x)+1), argb)
	}
	each := func(f func(x, y int, c byte)) {
		for y, row := range rows {
			for x := range w {
				if row[x] != ' ' {
					f(x+line, y+line, row[x])
				}
			}
		}
	}
	each(func(x, y int, _ byte) {
		for i := range 9 {
			put(x+i%3-line, y+i/3-line, 0xff000000)
		}
	})
	each(func(x, y int, c byte) {
		if c == 'o' {
			put(x, y, 0xffffffff)
		}
	})
	return &shape{m, int32(hotX + line), int32(hotY + line)}
}

// turned exchanges rows and columns of a drawing.
func turned(rows []string) []string {
	columns := make([]string, len(rows[0]))
	for x := range columns {
		column := make([]byte, len(rows))
		for y, row := range rows {
			column[y] = row[x]
		}
		columns[x] = string(column)
	}
	return columns
}

// mirrored exchanges left and right of a drawing.
func mirrored(rows []string) []string {
	m := make([]string, len(rows))
	for y, row := range rows {
		flipped := make([]byte, len(row))
		for x := range len(row) {
			flipped[len(row)-1-x] = row[x]
		}
		m[y] = string(flipped)
	}
	return m
}
