package demo

import (
	"fmt"
	"math"
	"time"

	"github.com/kennel-stream/kennel/internal/barcode"
)

// Colours, 0xRRGGBB.
const (
	colorTop    = 0x16203a
	colorBottom = 0x0b1020
	colorText   = 0xe8ecf4
	colorFaint  = 0x7f8db0
	colorLight  = 0xffd27a
	colorDark   = 0xc2562b
	colorTrack  = 0x24304f
	colorBar    = 0x4f8ef7
)

// state is what a picture shows.
type state struct {
	reading barcode.Reading
	// now is the wall clock, elapsed the time since the app began.
	now     time.Time
	elapsed time.Duration
	// heard is the last thing that keyboard or pointer said, in words.
	heard string
}

// painter draws the demo's picture at one size. What never changes is drawn
// once; a frame restores and redraws only what moves.
type painter struct {
	width, height int
	scale         int // of small text
	background    canvas
	busy          bool
	noise         uint32 // state of the generator, 0 before the first
}

func newPainter(width, height int, title string) *painter {
	p := &painter{width: width, height: height, scale: max(1, min(width/640, height/360)), background: newCanvas(width, height)}
	b := &p.background
	for y := range height {
		b.fill(rect{0, y, width, 1}, mix(colorTop, colorBottom, y*256/max(1, height)))
	}
	s := p.scale
	big := 5 * s
	b.text((width-textWidth(title, big))/2, height/4-glyphHeight*big/2, big, colorText, title)
	line := "a desktop in a box, streamed to you"
	b.text((width-textWidth(line, s))/2, height/4+glyphHeight*big/2+8*s, s, colorFaint, line)
	b.fill(p.track(), colorTrack)
	hint := "type, click, scroll: this line hears you"
	b.text((width-textWidth(hint, s))/2, height-14*s, s, colorFaint, hint)
	return p
}

// track is where the bar of the second runs.
func (p *painter) track() rect {
	w := p.width / 2
	return rect{(p.width - w) / 2, p.height - 46*p.scale, w, 3 * p.scale}
}

// draw paints a frame over the one that c last held, whose moving parts are
// old, and returns the moving parts of the new one.
func (p *painter) draw(c *canvas, old []rect, s *state) []rect {
	for _, r := range old {
		c.restore(&p.background, r)
	}
	moving := make([]rect, 0, 8)
	if p.busy {
		moving = append(moving, p.snow(c))
	}
	moving = append(moving, p.ball(c, s.elapsed), p.bar(c, s.elapsed), p.lamp(c, s.reading.Flash))
	scale := p.scale
	clock := s.now.Format("15:04:05.000")
	moving = append(moving, c.text((p.width-textWidth(clock, 3*scale))/2, p.height-80*scale, 3*scale, colorText, clock))
	heard := s.heard
	if heard == "" {
		heard = "no input yet"
	}
	moving = append(moving, c.text((p.width-textWidth(heard, scale))/2, p.height-30*scale, scale, colorLight, heard))
	frame := fmt.Sprintf("frame %d  %dx%d", s.reading.Frame, p.width, p.height)
	moving = append(moving, c.text(p.width-textWidth(frame, scale)-8*scale, 8*scale, scale, colorFaint, frame))
	barcode.Draw(c.pix, c.width*4, c.width, c.height, s.reading)
	w, h := barcode.Size(p.width)
	return append(moving, rect{0, 0, w, h})
}

// ball swings on a path that takes eight seconds and never leaves the middle.
func (p *painter) ball(c *canvas, elapsed time.Duration) rect {
	t := elapsed.Seconds() * 2 * math.Pi / 8
	radius := max(6, p.height/18)
	x := p.width/2 + int(math.Sin(t)*float64(p.width)*0.36)
	y := p.height*27/50 + int(math.Sin(2*t)*float64(p.height)*0.09)
	return c.disc(x, y, radius, colorLight, colorDark)
}

// bar fills its track once a second.
func (p *painter) bar(c *canvas, elapsed time.Duration) rect {
	r := p.track()
	part := r
	part.w = int(elapsed%time.Second) * r.w / int(time.Second)
	c.fill(part, colorBar)
	return r
}

// lamp lights up with every beep.
func (p *painter) lamp(c *canvas, lit bool) rect {
	color := uint32(colorTrack)
	if lit {
		color = colorText
	}
	side := 12 * p.scale
	r := rect{p.width - side - 8*p.scale, 24 * p.scale, side, side}
	c.fill(r, color)
	return r
}

// snow is noise that no encoder can foretell, a sixth of the picture.
func (p *painter) snow(c *canvas) rect {
	r := rect{p.width / 16, p.height / 3, p.width / 2, p.height / 3}
	x := p.noise | 1
	for row := r.y; row < r.y+r.h; row++ {
		line := c.pix[(row*c.width+r.x)*4:][:r.w*4]
		for i := range line {
			// xorshift32 (Marsaglia 2003)
			x ^= x << 13
			x ^= x >> 17
			x ^= x << 5
			line[i] = byte(x)
		}
	}
	p.noise = x
	return r
}
