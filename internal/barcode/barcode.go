// Package barcode is the machine-readable part of the demo app's picture: a
// frame number, the time at which the frame was drawn, and counters of the
// input that the app has seen, in black and white cells that survive a video
// encoder. The demo app draws it, the probe reads it.
//
// The strip is at the top left. A cell is a square of width/160 pixels, at
// least 8; 64 cells make a row, six rows the strip:
//
//	0  16 magic, 8 version, 8 rows, 32 frame number
//	1  64 CLOCK_MONOTONIC in nanoseconds
//	2  16 keys down, 16 keys up, 16 last key, 8 modifiers, 8 flags (1: flash)
//	3  16 buttons, 16 last button, 16 motions, 16 scrolls
//	4  16 pointer x, 16 pointer y, 32 session tag
//	5  16 width, 16 height, 32 CRC-32 (IEEE) of all bits before
//
// Bits come most significant first; white is 1.
package barcode

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"hash/fnv"
)

const (
	magic   = 0xB5A6
	version = 1
	rows    = 6
	columns = 64
	minCell = 8

	flagFlash = 1

	size      = rows * columns / 8
	checkedAt = size - 4
)

// MinWidth and MinHeight are the smallest picture in pixels that holds the strip.
const (
	MinWidth  = columns * minCell
	MinHeight = rows * minCell
)

// Errors of a reading.
var (
	// ErrNoBarcode means that there is no strip in the picture.
	ErrNoBarcode = errors.New("no barcode in the picture")
	// ErrDamaged means that the strip does not match its checksum.
	ErrDamaged = errors.New("the barcode is damaged")
)

// Reading is what one picture says. Counters wrap at 16 bits.
type Reading struct {
	// Frame counts the app's frames from 1.
	Frame uint32
	// MonotonicNanos is CLOCK_MONOTONIC just before the frame was committed.
	MonotonicNanos uint64
	// KeysDown and KeysUp count key events; LastKey is the evdev code of the last.
	KeysDown, KeysUp, LastKey uint16
	// Modifiers is the low byte of the depressed modifiers (wl_keyboard.modifiers).
	Modifiers uint8
	// Flash is set while the app's picture flashes and its sound beeps.
	Flash bool
	// Buttons counts presses and releases, LastButton is the last one's code.
	Buttons, LastButton uint16
	// Motions and Axes count pointer motion and scroll events.
	Motions, Axes uint16
	// PointerX and PointerY are the pointer's place in pixels.
	PointerX, PointerY uint16
	// SessionTag is SessionTag of the session that the app runs in.
	SessionTag uint32
	// Width and Height are the picture's size in pixels as the app drew it.
	Width, Height uint16
}

// SessionTag is a short form of a session's id (FNV-1a), 0 for an empty id.
func SessionTag(id string) uint32 {
	if id == "" {
		return 0
	}
	sum := fnv.New32a()
	_, _ = sum.Write([]byte(id))
	return sum.Sum32()
}

// Cell is the size of a cell in pixels in a picture of that width.
func Cell(width int) int { return max(minCell, width/160) }

// Size is the size of the strip in pixels in a picture of that width.
func Size(width int) (w, h int) { return columns * Cell(width), rows * Cell(width) }

var be = binary.BigEndian

func (r *Reading) pack() [size]byte {
	var p [size]byte
	be.PutUint16(p[0:], magic)
	p[2], p[3] = version, rows
	be.PutUint32(p[4:], r.Frame)
	be.PutUint64(p[8:], r.MonotonicNanos)
	be.PutUint16(p[16:], r.KeysDown)
	be.PutUint16(p[18:], r.KeysUp)
	be.PutUint16(p[20:], r.LastKey)
	p[22] = r.Modifiers
	if r.Flash {
		p[23] = flagFlash
	}
	be.PutUint16(p[24:], r.Buttons)
	be.PutUint16(p[26:], r.LastButton)
	be.PutUint16(p[28:], r.Motions)
	be.PutUint16(p[30:], r.Axes)
	be.PutUint16(p[32:], r.PointerX)
	be.PutUint16(p[34:], r.PointerY)
	be.PutUint32(p[36:], r.SessionTag)
	be.PutUint16(p[40:], r.Width)
	be.PutUint16(p[42:], r.Height)
	be.PutUint32(p[checkedAt:], crc32.ChecksumIEEE(p[:checkedAt]))
	return p
}

func unpack(p *[size]byte) (Reading, error) {
	if be.Uint16(p[0:]) != magic || p[2] != version || p[3] != rows {
		return Reading{}, ErrNoBarcode
	}
	if be.Uint32(p[checkedAt:]) != crc32.ChecksumIEEE(p[:checkedAt]) {
		return Reading{}, ErrDamaged
	}
	return Reading{
		Frame: be.Uint32(p[4:]), MonotonicNanos: be.Uint64(p[8:]),
		KeysDown: be.Uint16(p[16:]), KeysUp: be.Uint16(p[18:]), LastKey: be.Uint16(p[20:]), Modifiers: p[22], Flash: p[23]&flagFlash != 0,
		Buttons: be.Uint16(p[24:]), LastButton: be.Uint16(p[26:]), Motions: be.Uint16(p[28:]), Axes: be.Uint16(p[30:]),
		PointerX: be.Uint16(p[32:]), PointerY: be.Uint16(p[34:]), SessionTag: be.Uint32(p[36:]),
		Width: be.Uint16(p[40:]), Height: be.Uint16(p[42:]),
	}, nil
}

// Draw draws the strip into a picture of XRGB8888 pixels (wl_shm), whose rows
// are stride bytes apart. A picture that is too small is left alone.
func Draw(pix []byte, stride, width, height int, r Reading) {
	cell := Cell(width)
	if w, h := Size(width); w > width || h > height || stride < 4*width || len(pix) < stride*(h-1)+4*w {
		return
	}
	bits := r.pack()
	for row := range rows {
		top := pix[row*cell*stride:]
		for column := range columns {
			value := byte(0)
			if bits[row*8+column/8]>>(7-column%8)&1 == 1 {
				value = 0xff
			}
			line := top[column*cell*4 : (column+1)*cell*4]
			for i := range line {
				line[i] = value
			}
		}
		for y := 1; y < cell; y++ {
			copy(top[y*stride:y*stride+columns*cell*4], top[:columns*cell*4])
		}
	}
}

// Read reads the strip from 8-bit luma, whose rows are stride bytes apart.
func Read(luma []byte, stride, width, height int) (Reading, error) {
	if !fits(len(luma), stride, width, height, 1) {
		return Reading{}, ErrNoBarcode
	}
	return read(width, func(x, y int) int { return int(luma[y*stride+x]) })
}

// ReadBGRx reads the strip from XRGB8888 pixels, by their green.
func ReadBGRx(pix []byte, stride, width, height int) (Reading, error) {
	if !fits(len(pix), stride, width, height, 4) {
		return Reading{}, ErrNoBarcode
	}
	return read(width, func(x, y int) int { return int(pix[y*stride+4*x+1]) })
}

func fits(length, stride, width, height, bytes int) bool {
	if width < MinWidth || height < MinHeight || width > 1<<15 || height > 1<<15 {
		return false
	}
	w, h := Size(width)
	return w <= width && h <= height && stride >= width*bytes && stride <= 1<<20 && length >= stride*(h-1)+w*bytes
}

// read averages the middle of each cell: its edges are blurred by the encoder.
func read(width int, at func(x, y int) int) (Reading, error) {
	cell := Cell(width)
	from, to := cell/4, cell-cell/4
	var p [size]byte
	for row := range rows {
		for column := range columns {
			sum := 0
			for y := from; y < to; y++ {
				for x := from; x < to; x++ {
					sum += at(column*cell+x, row*cell+y)
				}
			}
			if sum >= 128*(to-from)*(to-from) {
				p[row*8+column/8] |= 1 << (7 - column%8)
			}
		}
	}
	return unpack(&p)
}
