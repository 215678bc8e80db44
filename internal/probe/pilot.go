package probe

import (
	"context"
	"fmt"
	"time"

	"github.com/kennel-stream/kennel/internal/evidence"
	"github.com/kennel-stream/kennel/moonlight/control"
)

// Pilot is the person of a scripted stream: it types, points, and looks at the
// decoded pictures. Its methods are for the one goroutine of the script.
type Pilot struct {
	s    *stream
	news chan struct{} // one entry: a picture came since the last look
}

// fly runs the script of the options, if there is one.
func (s *stream) fly(ctx context.Context) error {
	return s.prober.o.Script(ctx, &Pilot{s, s.news})
}

// Input sends one input packet.
func (p *Pilot) Input(in control.Input) error { return p.s.control.input(in) }

// Keys presses and releases keys by their Windows virtual key codes.
func (p *Pilot) Keys(codes ...uint8) error {
	for _, vk := range codes {
		for _, down := range [...]bool{true, false} {
			if err := p.Input(control.Key{VK: vk, Down: down}); err != nil {
				return err
			}
		}
	}
	return nil
}

// Type types a text by the keys of a US keyboard.
func (p *Pilot) Type(text string) error {
	for _, r := range text {
		vk, shift, ok := control.RuneToVK(r)
		if !ok {
			return evidence.Errorf(evidence.Invalid, "no key of a US keyboard types %q: send it as control.Text", r)
		}
		if err := p.chord(vk, modifiers(shift, false, false)); err != nil {
			return err
		}
	}
	return nil
}

// Move puts the pointer at a pixel of the stream.
func (p *Pilot) Move(x, y int) error {
	o := &p.s.prober.o
	return p.Input(control.MousePosition{X: int16(x), Y: int16(y), Width: uint16(o.Width), Height: uint16(o.Height)})
}

// Click puts the pointer at a pixel of the stream and clicks with the left button.
func (p *Pilot) Click(x, y int) error {
	if err := p.Move(x, y); err != nil {
		return err
	}
	for _, down := range [...]bool{true, false} {
		if err := p.Input(control.MouseButton{Button: control.ButtonLeft, Down: down}); err != nil {
			return err
		}
	}
	return nil
}

// Until looks at the newest decoded picture, and at each one after that, until
// one fits. The picture is valid during the call of fits only.
func (p *Pilot) Until(ctx context.Context, what string, within time.Duration, fits func(*Frame) bool) error {
	deadline := time.NewTimer(within)
	defer deadline.Stop()
	for {
		if p.look(fits) {
			return nil
		}
		select {
		case <-p.news:
		case <-deadline.C:
			return evidence.Errorf(evidence.Deadline, "%s: no such picture came within %s", what, within)
		case <-ctx.Done():
			return fmt.Errorf("%s: %w", what, context.Cause(ctx))
		}
	}
}

func (p *Pilot) look(fits func(*Frame) bool) bool {
	p.s.mu.Lock()
	defer p.s.mu.Unlock()
	return p.s.seen.decoded > 0 && fits(&Frame{&p.s.seen.picture})
}

// WritePNG writes the newest decoded picture to a file.
func (p *Pilot) WritePNG(path string) error {
	var kept picture
	p.copy(&kept)
	return (&Report{last: &kept}).WritePNG(path)
}

// copy copies the newest decoded picture, so that the stream need not wait.
func (p *Pilot) copy(to *picture) {
	p.s.mu.Lock()
	defer p.s.mu.Unlock()
	from := &p.s.seen.picture
	to.width, to.height, to.data = from.width, from.height, append(to.data[:0], from.data...)
}

// Frame is a decoded picture.
type Frame struct{ p *picture }

// Size is in pixels.
func (f *Frame) Size() (width, height int) { return f.p.width, f.p.height }

// Mean is the average colour, red, green, blue of 0 to 255, of a rectangle of
// pixels, which is cut to the picture.
func (f *Frame) Mean(x0, y0, x1, y1 int) (rgb [3]int) {
	x0, y0, x1, y1 = max(x0, 0), max(y0, 0), min(x1, f.p.width), min(y1, f.p.height)
	if x0 >= x1 || y0 >= y1 {
		return rgb
	}
	for y := y0; y < y1; y++ {
		for x := x0; x < x1; x++ {
			c := f.p.at(x, y)
			rgb[0], rgb[1], rgb[2] = rgb[0]+int(c.R), rgb[1]+int(c.G), rgb[2]+int(c.B)
		}
	}
	for i := range rgb {
		rgb[i] /= (x1 - x0) * (y1 - y0)
	}
	return rgb
}

// Luma is the plane of brightness, one byte a pixel, Size's width a row.
func (f *Frame) Luma() []byte { return f.p.data[:f.p.width*f.p.height] }
