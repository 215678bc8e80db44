// Package boxart draws the pictures by which clients show apps: portraits of
// 600x800 pixels with a colour of the app's own, its icon or its initials, and
// its title.
package boxart

import (
	"bytes"
	"fmt"
	"hash/fnv"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"math"

	xdraw "golang.org/x/image/draw"
)

// Width and Height are what clients expect of box art.
const (
	Width  = 600
	Height = 800

	tile       = 280 // edge of the square that holds the icon
	tileTop    = 150
	tileRadius = 56
	iconSize   = 192
	titleTop   = 500
	titleRoom  = 230
	margin     = 48
)

// Draw makes the box art of an app as PNG. The colour comes from the slug, so
// that it stays when the title changes. icon may be nil.
func Draw(title, slug string, icon image.Image) ([]byte, error) {
	img := image.NewRGBA(image.Rect(0, 0, Width, Height))
	l := lookOf(slug)
	paintGround(img, l)
	centre := image.Pt(Width/2, tileTop+tile/2)
	paintTile(img, centre, l.hue)
	var err error
	if icon != nil {
		paintIcon(img, centre, icon)
	} else {
		err = paintInitials(img, centre, title)
	}
	if err == nil {
		err = paintTitle(img, title)
	}
	if err != nil {
		return nil, fmt.Errorf("draw box art of %q: %w", title, err)
	}
	var out bytes.Buffer
	if err := png.Encode(&out, img); err != nil {
		return nil, fmt.Errorf("draw box art of %q: %w", title, err)
	}
	return out.Bytes(), nil
}

// look is the colour of an app: a hue at the top, 0 to 1, and how far it has
// gone round the colour circle at the bottom.
type look struct{ hue, turn float64 }

// lookOf is made from the slug. FNV mixes its last byte badly, so the sum is
// mixed once more.
func lookOf(slug string) look {
	hash := fnv.New64a()
	_, _ = hash.Write([]byte(slug))
	sum := hash.Sum64()
	sum = (sum ^ sum>>32) * 0x9e3779b97f4a7c15
	sum ^= sum >> 32
	return look{float64(sum&0xffff) / 0x10000, float64(sum>>16&0xffff)/0x10000*0.6 - 0.3}
}

func paintGround(img *image.RGBA, l look) {
	for y := range Height {
		for x := range Width {
			img.SetRGBA(x, y, l.ground(x, y))
		}
	}
}

// ground is a slope between two hues, with two faint rings.
func (l look) ground(x, y int) color.RGBA {
	way := (float64(y)*0.8 + float64(x)*0.3) / (Height*0.8 + Width*0.3)
	lightness := 0.52 - 0.30*way
	for _, ring := range [...][3]float64{{520, 90, 210}, {60, 720, 260}} {
		lightness += 0.05 * cover(ring[2]-math.Hypot(float64(x)-ring[0], float64(y)-ring[1]))
	}
	return shade(l.hue+l.turn*way+1, 0.62, lightness)
}

// paintTile is a light square with round corners.
func paintTile(img *image.RGBA, centre image.Point, hue float64) {
	light := shade(hue, 0.45, 0.94)
	const half = tile / 2
	for y := -half; y < half; y++ {
		for x := -half; x < half; x++ {
			// The distance to the inner square whose corners the radius rounds.
			dx := max(math.Abs(float64(x)+0.5)-(half-tileRadius), 0)
			dy := max(math.Abs(float64(y)+0.5)-(half-tileRadius), 0)
			a := cover(tileRadius - math.Hypot(dx, dy))
			at := image.Pt(centre.X+x, centre.Y+y)
			img.SetRGBA(at.X, at.Y, mix(img.RGBAAt(at.X, at.Y), light, a))
		}
	}
}

// paintIcon fits the icon into the tile; its shape stays.
func paintIcon(img *image.RGBA, centre image.Point, icon image.Image) {
	b := icon.Bounds()
	scale := float64(iconSize) / float64(max(b.Dx(), b.Dy(), 1))
	w, h := max(1, int(float64(b.Dx())*scale)), max(1, int(float64(b.Dy())*scale))
	to := image.Rect(0, 0, w, h).Add(centre.Sub(image.Pt(w/2, h/2)))
	xdraw.CatmullRom.Scale(img, to, icon, b, draw.Over, nil)
}

// cover turns a distance inside of an edge into how much of a pixel is covered.
func cover(inside float64) float64 { return min(max(inside+0.5, 0), 1) }

func mix(a, b color.RGBA, share float64) color.RGBA {
	part := func(a, b uint8) uint8 { return uint8(float64(a)*(1-share) + float64(b)*share + 0.5) }
	return color.RGBA{part(a.R, b.R), part(a.G, b.G), part(a.B, b.B), 255}
}

// shade is a colour by hue, saturation and lightness, each 0 to 1; the hue wraps.
func shade(hue, saturation, lightness float64) color.RGBA {
	lightness = min(max(lightness, 0), 1)
	chroma := saturation * min(lightness, 1-lightness)
	channel := func(n float64) uint8 {
		k := math.Mod(n+12*hue, 12)
		return uint8(255*(lightness-chroma*max(-1, min(k-3, 9-k, 1))) + 0.5)
	}
	return color.RGBA{channel(0), channel(8), channel(4), 255}
}
