package probe

import (
	"fmt"
	"image"
	"image/color"
	"image/png"
	"os"

	"github.com/kennel-stream/kennel/internal/evidence"
)

// picture is the last decoded one, in I420.
type picture struct {
	width, height int
	data          []byte
}

// WritePNG writes the last decoded picture to a file.
func (r *Report) WritePNG(path string) error {
	if r.last == nil {
		return evidence.Errorf(evidence.NotFound, "write %s: no picture was decoded", path)
	}
	return writePNG(path, r.last.image())
}

func writePNG(path string, img image.Image) error {
	f, err := os.Create(path)
	if err != nil {
		return evidence.Errorf(evidence.Invalid, "write a picture: %w", err)
	}
	defer f.Close()
	if err := png.Encode(f, img); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return f.Close()
}

// image is the picture in the form of Go.
func (p *picture) image() image.Image {
	img := image.NewRGBA(image.Rect(0, 0, p.width, p.height))
	for y := range p.height {
		for x := range p.width {
			img.SetRGBA(x, y, p.at(x, y))
		}
	}
	return img
}

// at is the colour of a pixel.
func (p *picture) at(x, y int) color.RGBA { return p.mean(image.Rect(x, y, x+1, y+1)) }

// mean is the average colour of pixels within the picture.
func (p *picture) mean(r image.Rectangle) color.RGBA {
	cw, ch := (p.width+1)/2, (p.height+1)/2
	luma := p.data[:p.width*p.height]
	cb := p.data[len(luma):]
	cr := cb[cw*ch:]
	half := image.Rect(r.Min.X/2, r.Min.Y/2, (r.Max.X+1)/2, (r.Max.Y+1)/2)
	return colour(average(luma, p.width, r), average(cb, cw, half), average(cr, cw, half))
}

func average(plane []byte, stride int, r image.Rectangle) float64 {
	sum := 0
	for y := r.Min.Y; y < r.Max.Y; y++ {
		for _, v := range plane[y*stride+r.Min.X : y*stride+r.Max.X] {
			sum += int(v)
		}
	}
	return float64(sum) / float64(r.Dx()*r.Dy())
}

// colour converts from BT.709 in limited range.
func colour(luma, cb, cr float64) color.RGBA {
	luma, cb, cr = 1.164*(luma-16), cb-128, cr-128
	return color.RGBA{clamp(luma + 1.793*cr), clamp(luma - 0.213*cb - 0.533*cr), clamp(luma + 2.112*cb), 255}
}

func clamp(v float64) uint8 { return uint8(min(max(v+0.5, 0), 255)) }

// scale draws the picture into img: each pixel is the average of what it covers.
func (p *picture) scale(img *image.RGBA) {
	size := img.Rect.Size()
	for y := range size.Y {
		y0 := y * p.height / size.Y
		y1 := max((y+1)*p.height/size.Y, y0+1)
		for x := range size.X {
			x0 := x * p.width / size.X
			x1 := max((x+1)*p.width/size.X, x0+1)
			img.SetRGBA(x, y, p.mean(image.Rect(x0, y0, x1, y1)))
		}
	}
}
