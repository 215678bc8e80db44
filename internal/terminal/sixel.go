package terminal

import (
	"image"
	"strconv"
)

// band is how many rows one line of sixels has.
const band = 6

// dither is an ordered matrix that hides the steps between few colours.
var dither = [4][4]int{{0, 8, 2, 10}, {12, 4, 14, 6}, {3, 11, 1, 9}, {15, 7, 13, 5}}

// appendSixel writes a picture in the 216 colours of a 6x6x6 cube.
func appendSixel(to []byte, img *image.RGBA) []byte {
	b := img.Bounds()
	to = append(to, "\x1bP0;1q\"1;1;"...)
	to = strconv.AppendInt(to, int64(b.Dx()), 10)
	to = strconv.AppendInt(append(to, ';'), int64(b.Dy()), 10)
	for i := range 216 {
		to = strconv.AppendInt(append(to, '#'), int64(i), 10)
		to = append(to, ";2"...)
		for _, part := range [...]int{i / 36, i / 6 % 6, i % 6} {
			to = strconv.AppendInt(append(to, ';'), int64(part*20), 10)
		}
	}
	columns := make([]uint8, 216*b.Dx()) // the sixels of each colour in this band
	var used [216]bool
	for top := b.Min.Y; top < b.Max.Y; top += band {
		clear(columns)
		clear(used[:])
		for y := top; y < min(top+band, b.Max.Y); y++ {
			for x := range b.Dx() {
				c := img.RGBAAt(b.Min.X+x, y)
				threshold := dither[y&3][x&3]
				i := 36*cube(c.R, threshold) + 6*cube(c.G, threshold) + cube(c.B, threshold)
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

// cube brings a channel to 0 to 5; threshold is 0 to 15.
func cube(v uint8, threshold int) int {
	return min((int(v)*5*16+threshold*255)/(255*16), 5)
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
