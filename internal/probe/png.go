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
	f, err := os.Create(path)
	if err != nil {
		return evidence.Errorf(evidence.Invalid, "write the last picture: %w", err)
	}
	defer f.Close()
	if err := png.Encode(f, r.last.image()); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return f.Close()
}

// image converts from BT.709 in limited range.
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
func (p *picture) at(x, y int) color.RGBA {
	cw, ch := (p.width+1)/2, (p.height+1)/2
	u := p.data[p.width*p.height:]
	v := u[cw*ch:]
	luma := 1.164 * (float64(p.data[y*p.width+x]) - 16)
	i := y/2*cw + x/2
	cb, cr := float64(u[i])-128, float64(v[i])-128
	return color.RGBA{clamp(luma + 1.793*cr), clamp(luma - 0.213*cb - 0.533*cr), clamp(luma + 2.112*cb), 255}
}

func clamp(v float64) uint8 { return uint8(min(max(v+0.5, 0), 255)) }
