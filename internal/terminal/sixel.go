package terminal

import (
	"image"
	"strconv"
)

// band is how many rows one line of sixels has.
const band = 6

// appendSixel writes a picture in the colours that it has most of.
func appendSixel(to []byte, img *image.RGBA) []byte {
	b := img.Bounds()
	var p palette
	p.fit(img)
	to = append(to, "\x1bP0;1q\"1;1;"...)
	to = strconv.AppendInt(to, int64(b.Dx()), 10)
	to = strconv.AppendInt(append(to, ';'), int64(b.Dy()), 10)
	for i, s := range p.shades {
		to = strconv.AppendInt(append(to, '#'), int64(i), 10)
		to = append(to, ";2"...)
		for _, level := range s.levels() {
			to = strconv.AppendInt(append(to, ';'), int64(level*100+levelMax/2)/levelMax, 10)
		}
	}
	columns := make([]uint8, len(p.shades)*b.Dx()) // the sixels of each colour in this band
	used := make([]bool, len(p.shades))
	for top := b.Min.Y; top < b.Max.Y; top += band {
		clear(columns)
		clear(used)
		for y := top; y < min(top+band, b.Max.Y); y++ {
			for x := range b.Dx() {
				i := int(p.index[shadeAt(img, b.Min.X+x, y)])
				columns[i*b.Dx()+x] |= 1 << (y - top)
				used[i] = true
			}
		}
		for i, is := range used {
			if is {
				to = strconv.AppendInt(append(to, '#'), int64(i), 10)
				to = append(appendRuns(to, columns[i*b.Dx():(i+1)*b.Dx()]), '$')
			}
		}
		to = append(to, '-')
	}
	return append(to, "\x1b\\"...)
}

// appendRuns writes sixels, repeated ones by their number.
func appendRuns(to []byte, sixels []uint8) []byte {
	for end := len(sixels); end > 0 && sixels[end-1] == 0; end = len(sixels) {
		sixels = sixels[:end-1]
	}
	for len(sixels) > 0 {
		n := 1
		for n < len(sixels) && sixels[n] == sixels[0] {
			n++
		}
		c := sixels[0] + '?'
		if n > 3 {
			to = append(strconv.AppendInt(append(to, '!'), int64(n), 10), c)
		} else {
			for range n {
				to = append(to, c)
			}
		}
		sixels = sixels[n:]
	}
	return to
}
