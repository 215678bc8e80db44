package terminal

import (
	"cmp"
	"image"
	"slices"
)

const (
	// levelMax is the brightest of the levels of a channel.
	levelMax = 15
	// maxColours is what terminals have registers for.
	maxColours = 256
)

// shade is a colour of four bits a channel: red, green, blue.
type shade uint16

func (s shade) levels() [3]int { return [...]int{int(s >> 8), int(s >> 4 & 15), int(s & 15)} }

// dither is an ordered matrix that hides the steps between few levels.
var dither = [4][4]int{{0, 8, 2, 10}, {12, 4, 14, 6}, {3, 11, 1, 9}, {15, 7, 13, 5}}

// shadeAt is the shade of a pixel, dithered by its place.
func shadeAt(img *image.RGBA, x, y int) shade {
	threshold := dither[y&3][x&3]
	pixel := img.Pix[img.PixOffset(x, y):][:3]
	var s shade
	for _, v := range pixel {
		s = s<<4 | shade(min((int(v)*levelMax*16+threshold*255)/(255*16), levelMax))
	}
	return s
}

// palette is the colours of one picture, and which of them stands for each shade.
type palette struct {
	shades []shade
	index  [1 << 12]uint8
}

// fit takes the shades that a picture has most of; the others become their
// nearest.
func (p *palette) fit(img *image.RGBA) {
	var count [1 << 12]int
	for y := img.Rect.Min.Y; y < img.Rect.Max.Y; y++ {
		for x := img.Rect.Min.X; x < img.Rect.Max.X; x++ {
			count[shadeAt(img, x, y)]++
		}
	}
	var all []shade
	for s, n := range count {
		if n > 0 {
			all = append(all, shade(s))
		}
	}
	if len(all) > maxColours {
		slices.SortFunc(all, func(a, b shade) int { return cmp.Or(count[b]-count[a], int(a)-int(b)) })
	}
	p.shades = all[:min(len(all), maxColours)]
	for i, s := range p.shades {
		p.index[s] = uint8(i)
	}
	for _, s := range all[len(p.shades):] {
		p.index[s] = p.nearest(s)
	}
}

func (p *palette) nearest(s shade) uint8 {
	want := s.levels()
	best, least := 0, 1<<30
	for i, other := range p.shades {
		distance := 0
		for c, level := range other.levels() {
			distance += (level - want[c]) * (level - want[c])
		}
		if distance < least {
			best, least = i, distance
		}
	}
	return uint8(best)
}
