package diagnosis

import (
	"fmt"
	"math"
	"time"

	"github.com/kennel-stream/kennel/internal/drawing"
)

// axis is a scale of time in a picture, from 0 to its span.
type axis struct {
	left, right float64 // in pixels
	span        time.Duration
	// logarithmic is for sessions whose stages lie within a blink at the
	// beginning, and whose end is hours later.
	logarithmic bool
}

// logUnit is where a logarithmic scale turns from linear.
const logUnit = 100 * time.Millisecond

// newAxis makes a scale for marks, logarithmic where a linear one would crowd
// most of them at its beginning.
func newAxis(left, right float64, marks []time.Duration) axis {
	a := axis{left: left, right: right, span: time.Second}
	early := 0
	for _, m := range marks {
		a.span = max(a.span, m)
	}
	for _, m := range marks {
		if m < a.span/20 {
			early++
		}
	}
	a.logarithmic = a.span > 10*time.Second && 2*early > len(marks)
	return a
}

// x is the place of a time; what lies outside is put onto the edge.
func (a axis) x(t time.Duration) float64 {
	t = max(0, min(t, a.span))
	part := float64(t) / float64(a.span)
	if a.logarithmic {
		part = math.Log1p(float64(t)/float64(logUnit)) / math.Log1p(float64(a.span)/float64(logUnit))
	}
	return a.left + part*(a.right-a.left)
}

// ticks are round times to read others by.
func (a axis) ticks() (all []time.Duration) {
	if a.logarithmic {
		for _, t := range []time.Duration{
			0, logUnit, time.Second, 10 * time.Second, time.Minute, 10 * time.Minute, time.Hour, 10 * time.Hour, 100 * time.Hour, 1000 * time.Hour,
		} {
			if t <= a.span {
				all = append(all, t)
			}
		}
		return all
	}
	const most = 8
	step := niceStep(a.span, most)
	for t := time.Duration(0); t <= a.span; t += step {
		all = append(all, t)
	}
	return all
}

// niceStep is a round step of which at most so many make the span.
func niceStep(span time.Duration, most int) time.Duration {
	for unit := time.Millisecond; ; unit *= 10 {
		for _, n := range []time.Duration{1, 2, 5} {
			if step := unit * n; span/step < time.Duration(most) {
				return step
			}
		}
	}
}

// short is a time for people: "0.25 s", "3 min", "2 h 5 min".
func short(t time.Duration) string {
	switch {
	case t == 0:
		return "0"
	case t < time.Minute:
		return fmt.Sprintf("%.3g s", t.Seconds())
	case t < time.Hour && t%time.Minute == 0:
		return fmt.Sprintf("%d min", t/time.Minute)
	case t < time.Hour:
		return fmt.Sprintf("%d min %d s", t/time.Minute, t%time.Minute/time.Second)
	case t%time.Hour < time.Minute:
		return fmt.Sprintf("%d h", t/time.Hour)
	}
	return fmt.Sprintf("%d h %d min", t/time.Hour, t%time.Hour/time.Minute)
}

// draw puts the scale below rows that reach from top to bottom.
func (a axis) draw(p *drawing.Picture, top, bottom float64, caption string) {
	last := math.Inf(-1)
	for _, t := range a.ticks() {
		x, label := a.x(t), short(t)
		if width := drawing.Width(label, smallText, false); x-width/2 < last+8 {
			continue
		} else {
			last = x + width/2
		}
		p.Line(1, drawing.Grid, drawing.Point{X: x, Y: top}, drawing.Point{X: x, Y: bottom})
		p.Write(drawing.Text{At: drawing.Point{X: x, Y: bottom + 16}, Size: smallText, Anchor: drawing.Middle, Colour: drawing.Faint, Words: label})
	}
	if a.logarithmic {
		caption += " (logarithmic)"
	}
	p.Write(drawing.Text{At: drawing.Point{X: a.left, Y: bottom + 34}, Size: smallText, Colour: drawing.Faint, Words: caption})
}
