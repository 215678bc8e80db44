package demo

import "encoding/binary"

// rect is a rectangle in pixels.
type rect struct{ x, y, w, h int }

func (r rect) clip(width, height int) rect {
	x0, y0 := min(max(r.x, 0), width), min(max(r.y, 0), height)
	x1, y1 := min(max(r.x+r.w, x0), width), min(max(r.y+r.h, y0), height)
	return rect{x0, y0, x1 - x0, y1 - y0}
}

func (r rect) empty() bool { return r.w <= 0 || r.h <= 0 }

// canvas is XRGB8888 pixels (wl_shm) without padding between rows.
type canvas struct {
	pix           []byte
	width, height int
}

func newCanvas(width, height int) canvas {
	return canvas{make([]byte, width*height*4), width, height}
}

func (c *canvas) row(y int) []byte { return c.pix[y*c.width*4 : (y+1)*c.width*4] }

// fill paints a rectangle in one colour, 0xRRGGBB.
func (c *canvas) fill(r rect, color uint32) {
	r = r.clip(c.width, c.height)
	if r.empty() {
		return
	}
	first := c.row(r.y)[r.x*4 : (r.x+r.w)*4]
	for i := 0; i < len(first); i += 4 {
		binary.LittleEndian.PutUint32(first[i:], color)
	}
	for y := r.y + 1; y < r.y+r.h; y++ {
		copy(c.row(y)[r.x*4:], first)
	}
}

// restore copies a rectangle from another canvas of the same size.
func (c *canvas) restore(from *canvas, r rect) {
	r = r.clip(c.width, c.height)
	for y := r.y; y < r.y+r.h; y++ {
		copy(c.row(y)[r.x*4:(r.x+r.w)*4], from.row(y)[r.x*4:])
	}
}

// disc paints a ball that is lit from the upper left, with a soft edge.
func (c *canvas) disc(cx, cy, radius int, light, dark uint32) rect {
	box := rect{cx - radius - 1, cy - radius - 1, 2*radius + 3, 2*radius + 3}
	r := box.clip(c.width, c.height)
	for y := r.y; y < r.y+r.h; y++ {
		line := c.row(y)
		for x := r.x; x < r.x+r.w; x++ {
			dx, dy := x-cx, y-cy
			d := dx*dx + dy*dy
			// 256 inside, 0 outside, between them over about one pixel.
			cover := min(max((radius*radius-d)*128/max(radius, 1)+128, 0), 256)
			if cover == 0 {
				continue
			}
			lx, ly := dx+radius/3, dy+radius/3
			shade := min((lx*lx+ly*ly)*256/(2*radius*radius+1), 256)
			color := mix(light, dark, shade)
			p := line[x*4:]
			binary.LittleEndian.PutUint32(p, mix(binary.LittleEndian.Uint32(p), color, cover))
		}
	}
	return box
}

// mix goes from a (0) to b (256).
func mix(a, b uint32, t int) uint32 {
	s := 256 - t
	channel := func(shift uint) uint32 {
		return uint32(int(a>>shift&0xff)*s+int(b>>shift&0xff)*t) >> 8 << shift
	}
	return channel(16) | channel(8) | channel(0)
}
