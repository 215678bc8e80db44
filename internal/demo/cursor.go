package demo

import (
	"encoding/binary"
	"strings"

	wlclient "github.com/kennel-stream/kennel/wayland/protocol/client"
)

// arrow is the cursor: '#' is its edge, '.' its inside. The tip is at the top left.
const arrow = `
##
#.#
#..#
#...#
#....#
#.....#
#......#
#.......#
#........#
#.........#
#......####
#...#..#
#..# #..#
#.#  #..#
##    #..#
      #..#
       ##
`

const (
	arrowWidth  = 12
	arrowHeight = 17
)

// drawArrow returns the cursor as ARGB8888 pixels (wl_shm).
func drawArrow() []byte {
	pix := make([]byte, arrowWidth*arrowHeight*4)
	y := 0
	for line := range strings.Lines(strings.TrimPrefix(arrow, "\n")) {
		for x, c := range line {
			color := uint32(0)
			switch c {
			case '#':
				color = 0xff0b1020
			case '.':
				color = 0xffe8ecf4
			default:
				continue
			}
			binary.LittleEndian.PutUint32(pix[(y*arrowWidth+x)*4:], color)
		}
		y++
	}
	return pix
}

// showCursor gives the pointer our cursor; it must be done at each enter.
func (w *window) showCursor(p *wlclient.WlPointer, serial uint32) {
	if w.cursor == nil {
		if err := w.makeCursor(); err != nil {
			w.options.Log("cursor: " + err.Error())
			return
		}
	}
	p.SetCursor(serial, w.cursor, 0, 0)
}

// makeCursor fills the cursor's surface once; its buffer stays for good.
func (w *window) makeCursor() error {
	pix := drawArrow()
	m, err := newMemory(len(pix))
	if err != nil {
		return err
	}
	defer m.closeFile()
	defer m.unmap()
	copy(m.pix, pix)
	pool := w.globals.shm.CreatePool(m.fd, int32(len(pix)))
	buffer := pool.CreateBuffer(0, arrowWidth, arrowHeight, arrowWidth*4, wlclient.WlShmFormatArgb8888)
	pool.Destroy()
	w.cursor = w.globals.compositor.CreateSurface()
	w.cursor.Attach(buffer, 0, 0)
	w.cursor.DamageBuffer(0, 0, arrowWidth, arrowHeight)
	w.cursor.Commit()
	return nil
}
