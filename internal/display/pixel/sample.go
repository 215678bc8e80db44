package pixel

import (
	"encoding/binary"
	"math"

	"github.com/kennel-stream/kennel/internal/display/region"
)

// one is 1.0 in the 16.16 fixed point that sampling steps in.
const one = 1 << 16

// Sample fills r of dst with what toSource (dst pixels to src pixels) finds
// within crop of src: the nearest pixel when the map neither grows nor shrinks,
// else four neighbours weighted. Without opaque it blends.
func Sample(dst, src *Image, r region.Rect, toSource Affine, crop region.Rect, opaque bool) {
	r, crop = r.Intersect(dst.Bounds()), crop.Intersect(src.Bounds())
	if r.Empty() || crop.Empty() {
		return
	}
	s := sampler{src: src, crop: crop}
	du, dv := int64(toSource.XX*one), int64(toSource.YX*one)
	linear := !unit(toSource)
	for y := r.Y0; y < r.Y1; y++ {
		fu, fv := toSource.Apply(float64(r.X0)+0.5, float64(y)+0.5)
		u, v := fixed(fu), fixed(fv)
		row := dst.Row(y, r.X0, r.X1)
		for i := 0; i+4 <= len(row); i += 4 {
			var p uint32
			if linear {
				p = s.linear(u-one/2, v-one/2)
			} else {
				p = s.at(u>>16, v>>16)
			}
			if !opaque && p>>24 != 0xff {
				p = over(p, binary.LittleEndian.Uint32(row[i:]))
			}
			binary.LittleEndian.PutUint32(row[i:], p)
			u, v = u+du, v+dv
		}
	}
}

// unit reports whether a only turns and moves whole pixels.
func unit(a Affine) bool {
	whole := func(v float64) bool { return v == math.Trunc(v) }
	return math.Abs(a.XX)+math.Abs(a.XY) == 1 && math.Abs(a.YX)+math.Abs(a.YY) == 1 &&
		whole(a.XX) && whole(a.YY) && whole(a.X0) && whole(a.Y0)
}

func fixed(v float64) int64 {
	return int64(math.Floor(min(max(v, -region.Bounded), region.Bounded) * one))
}

type sampler struct {
	src  *Image
	crop region.Rect
}

// at reads one pixel, the nearest of the crop for a point outside.
func (s *sampler) at(x, y int64) uint32 {
	x = min(max(x, int64(s.crop.X0)), int64(s.crop.X1)-1)
	y = min(max(y, int64(s.crop.Y0)), int64(s.crop.Y1)-1)
	return binary.LittleEndian.Uint32(s.src.Pix[int(y)*s.src.Stride+4*int(x):])
}

func (s *sampler) linear(u, v int64) uint32 {
	x, y := u>>16, v>>16
	fx, fy := uint32(u>>8&0xff), uint32(v>>8&0xff)
	top := mix(s.at(x, y), s.at(x+1, y), fx)
	bottom := mix(s.at(x, y+1), s.at(x+1, y+1), fx)
	return mix(top, bottom, fy)
}

// mix weighs b with f of 256 against a.
func mix(a, b, f uint32) uint32 {
	if a == b || f == 0 {
		return a
	}
	rb := ((a&0x00ff00ff)*(256-f) + (b&0x00ff00ff)*f) >> 8 & 0x00ff00ff
	ag := ((a>>8&0x00ff00ff)*(256-f) + (b>>8&0x00ff00ff)*f) & 0xff00ff00
	return rb | ag
}
