// Package pixel composes 32-bit pictures on the CPU: premultiplied ARGB8888
// over XRGB8888 (B, G, R, A in memory, as wl_shm has them), cropped, scaled
// and turned.
package pixel

import (
	"encoding/binary"

	"github.com/kennel-stream/kennel/internal/display/region"
)

// Image is a picture of four bytes per pixel. Pix holds at least
// Stride*(Height-1) + 4*Width bytes.
type Image struct {
	Pix           []byte
	Stride        int
	Width, Height int
}

// New makes a black, transparent picture.
func New(width, height int) Image {
	return Image{Pix: make([]byte, 4*width*height), Stride: 4 * width, Width: width, Height: height}
}

// Bounds is the whole picture.
func (m *Image) Bounds() region.Rect {
	return region.Rect{X1: int32(m.Width), Y1: int32(m.Height)}
}

// Row is the bytes of row y from x0 to x1.
func (m *Image) Row(y, x0, x1 int32) []byte {
	at := int(y) * m.Stride
	return m.Pix[at+4*int(x0) : at+4*int(x1)]
}

// clip cuts r to dst, and to src whose origin lies at (dx, dy) of dst.
func clip(dst, src *Image, r region.Rect, dx, dy int32) region.Rect {
	return r.Intersect(dst.Bounds()).Intersect(src.Bounds().Shift(dx, dy))
}

// Copy copies the part of src that lies in r of dst, src's origin being at
// (dx, dy) of dst.
func Copy(dst, src *Image, r region.Rect, dx, dy int32) {
	r = clip(dst, src, r, dx, dy)
	if r.Empty() {
		return
	}
	if whole := int(r.Width()) * 4; whole == dst.Stride && whole == src.Stride {
		copy(dst.Pix[int(r.Y0)*dst.Stride:int(r.Y1)*dst.Stride], src.Pix[int(r.Y0-dy)*src.Stride:])
		return
	}
	for y := r.Y0; y < r.Y1; y++ {
		copy(dst.Row(y, r.X0, r.X1), src.Row(y-dy, r.X0-dx, r.X1-dx))
	}
}

// Blend lays the part of src over r of dst, as Copy places it.
func Blend(dst, src *Image, r region.Rect, dx, dy int32) {
	r = clip(dst, src, r, dx, dy)
	for y := r.Y0; y < r.Y1; y++ {
		blendRow(dst.Row(y, r.X0, r.X1), src.Row(y-dy, r.X0-dx, r.X1-dx))
	}
}

func blendRow(dst, src []byte) {
	for len(dst) >= 4 && len(src) >= 4 {
		s := binary.LittleEndian.Uint32(src)
		switch {
		case s>>24 == 0xff:
			binary.LittleEndian.PutUint32(dst, s)
		case s != 0:
			binary.LittleEndian.PutUint32(dst, over(s, binary.LittleEndian.Uint32(dst)))
		}
		dst, src = dst[4:], src[4:]
	}
}

// over computes s + d*(1-alpha(s)) for all four channels, saturating where a
// client's pixels are not premultiplied as they should be.
func over(s, d uint32) uint32 {
	inverse := 255 - s>>24
	rb := (d & 0x00ff00ff) * inverse
	ag := (d >> 8 & 0x00ff00ff) * inverse
	// x/255 rounded: (x + 128 + (x+128)>>8) >> 8, in both halves at once.
	rb += 0x00800080
	rb = (rb + rb>>8&0x00ff00ff) >> 8 & 0x00ff00ff
	ag += 0x00800080
	ag = (ag + ag>>8&0x00ff00ff) >> 8 & 0x00ff00ff
	return saturate(s&0x00ff00ff+rb) | saturate(s>>8&0x00ff00ff+ag)<<8
}

// saturate cuts two 9-bit sums in the halves of v to 8 bits.
func saturate(v uint32) uint32 {
	carry := v >> 8 & 0x00010001
	return (v | carry*0xff) & 0x00ff00ff
}

// Fill sets every pixel of r.
func Fill(dst *Image, r region.Rect, argb uint32) {
	r = r.Intersect(dst.Bounds())
	for y := r.Y0; y < r.Y1; y++ {
		row := dst.Row(y, r.X0, r.X1)
		for i := 0; i+4 <= len(row); i += 4 {
			binary.LittleEndian.PutUint32(row[i:], argb)
		}
	}
}

// FillAlpha makes every pixel of r opaque.
func FillAlpha(dst *Image, r region.Rect) {
	r = r.Intersect(dst.Bounds())
	for y := r.Y0; y < r.Y1; y++ {
		row := dst.Row(y, r.X0, r.X1)
		for i := 3; i < len(row); i += 4 {
			row[i] = 0xff
		}
	}
}

// SwapRedBlue turns ABGR pixels into ARGB ones in place.
func SwapRedBlue(row []byte) {
	for i := 0; i+4 <= len(row); i += 4 {
		row[i], row[i+2] = row[i+2], row[i]
	}
}
