package diagnosis

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/kennel-stream/kennel/internal/drawing"
)

// panelHeight is that of a counter, with what is above and below.
const (
	panelHeight = 130
	panelGap    = 26
	mostPanels  = 6
)

// curve is how a counter stood after each session; 0 where a session does not
// show it.
type curve struct {
	name   string
	values []int
}

// TrendPicture draws the counters over all sessions, with restarts and the
// sessions that went wrong.
func (d *Diagnosis) TrendPicture() *drawing.Picture {
	curves := d.curves()
	height := float64(headHeight + rowHeight + 40 + len(curves)*(panelHeight+panelGap) + footHeight)
	t := d.Trend()
	p := drawing.New(pictureWidth, height, "Counters over sessions")
	p.Write(drawing.Text{
		At: drawing.Point{X: margin, Y: 34}, Size: titleText, Bold: true,
		Words: t.headline(),
	})
	text := "too few faults after good sessions for a forecast"
	if t.Expected > 0 {
		text = fmt.Sprintf("the next fault is to be expected at about session %d of a life", t.Expected)
	}
	p.Write(drawing.Text{At: drawing.Point{X: margin, Y: 58}, Size: bodyText, Colour: drawing.Faint, Words: text})
	g := sessionGrid{n: len(d.Sessions), left: 110, right: pictureWidth - margin - 10}
	top := float64(headHeight)
	bottom := height - footHeight
	d.drawRestarts(p, g, top, bottom)
	d.drawVerdicts(p, g, top+rowHeight/2)
	for i, c := range curves {
		c.draw(p, g, d, top+rowHeight+40+float64(i*(panelHeight+panelGap)))
	}
	if len(curves) == 0 {
		p.Write(drawing.Text{At: drawing.Point{X: g.left, Y: top + rowHeight + 24}, Size: bodyText, Colour: drawing.Faint, Words: "no counter shows in three sessions or more"})
	}
	for _, n := range g.ticks() {
		p.Write(drawing.Text{At: drawing.Point{X: g.x(n), Y: bottom + 16}, Size: smallText, Anchor: drawing.Middle, Colour: drawing.Faint, Words: fmt.Sprint(d.Sessions[n].Number)})
	}
	p.Write(drawing.Text{At: drawing.Point{X: g.left, Y: bottom + 34}, Size: smallText, Colour: drawing.Faint, Words: "session; a line through all panels is a restart of the process"})
	if n := d.Folded.Sessions; n > 0 {
		p.Write(drawing.Text{At: drawing.Point{X: g.right, Y: bottom + 34}, Size: smallText, Anchor: drawing.End, Colour: drawing.Faint, Words: fmt.Sprintf("%d sessions in between are not drawn", n)})
	}
	legend(p, height-16, drawing.Good, "went well", drawing.Unsure, "inconclusive", drawing.Bad, "went wrong")
	return p
}

// sessionGrid places sessions side by side.
type sessionGrid struct {
	n           int
	left, right float64
}

func (g sessionGrid) x(i int) float64 {
	return g.left + (float64(i)+0.5)*(g.right-g.left)/float64(max(1, g.n))
}

// ticks are the sessions that are numbered.
func (g sessionGrid) ticks() (all []int) {
	step := max(1, int(niceStep(time.Duration(g.n)*time.Millisecond, 16)/time.Millisecond))
	for i := 0; i < g.n; i++ {
		if (i+1)%step == 0 || i == 0 {
			all = append(all, i)
		}
	}
	return all
}

// curves are the counters that say most: those that grew most.
func (d *Diagnosis) curves() (all []curve) {
	values := map[string][]int{}
	set := func(name string, i, v int) {
		if values[name] == nil {
			values[name] = make([]int, len(d.Sessions))
		}
		values[name][i] = v
	}
	for i := range d.Sessions {
		for element, v := range d.Sessions[i].Elements {
			set(element, i, v)
		}
		if v := d.Sessions[i].Sink; v > 0 {
			set("audio sink", i, v)
		}
	}
	for name, list := range values {
		if shown := len(list) - len(slices.DeleteFunc(slices.Clone(list), func(v int) bool { return v > 0 })); shown >= 3 {
			all = append(all, curve{name, list})
		}
	}
	slices.SortFunc(all, func(a, b curve) int {
		return cmp.Or(cmp.Compare(slices.Max(b.values), slices.Max(a.values)), cmp.Compare(a.name, b.name))
	})
	return all[:min(len(all), mostPanels)]
}

// drawRestarts draws a line where a life of the process ends.
func (d *Diagnosis) drawRestarts(p *drawing.Picture, g sessionGrid, top, bottom float64) {
	for i := 1; i < len(d.Sessions); i++ {
		if d.Sessions[i].Life != d.Sessions[i-1].Life {
			x := (g.x(i-1) + g.x(i)) / 2
			p.Line(1.5, drawing.Faint, drawing.Point{X: x, Y: top}, drawing.Point{X: x, Y: bottom})
		}
	}
}

func (d *Diagnosis) drawVerdicts(p *drawing.Picture, g sessionGrid, y float64) {
	p.Write(drawing.Text{At: drawing.Point{X: margin, Y: y + 5}, Size: bodyText, Words: "sessions"})
	radius := max(1.5, min(6, (g.right-g.left)/float64(max(1, g.n))/2.5))
	for i := range d.Sessions {
		p.Dot(drawing.Point{X: g.x(i), Y: y}, radius, colourOf(d.Sessions[i].Verdict))
	}
}

// draw draws a counter; its scale begins at 0, so that noise looks as small as
// it is.
func (c *curve) draw(p *drawing.Picture, g sessionGrid, d *Diagnosis, top float64) {
	most := max(1, slices.Max(c.values))
	bottom := top + panelHeight
	y := func(v int) float64 { return bottom - float64(v)/float64(most)*(panelHeight-8) }
	p.Write(drawing.Text{At: drawing.Point{X: margin, Y: top - 6}, Size: bodyText, Words: c.name})
	for _, v := range slices.Compact([]int{0, most / 2, most}) {
		p.Line(1, drawing.Grid, drawing.Point{X: g.left, Y: y(v)}, drawing.Point{X: g.right, Y: y(v)})
		p.Write(drawing.Text{At: drawing.Point{X: g.left - 8, Y: y(v) + 4}, Size: smallText, Anchor: drawing.End, Colour: drawing.Faint, Words: fmt.Sprint(v)})
	}
	var part []drawing.Point
	for i, v := range c.values {
		if i > 0 && d.Sessions[i].Life != d.Sessions[i-1].Life {
			p.Line(2, drawing.Plain, part...)
			part = nil
		}
		if v > 0 {
			part = append(part, drawing.Point{X: g.x(i), Y: y(v)})
		}
	}
	p.Line(2, drawing.Plain, part...)
	for i, v := range c.values {
		if v > 0 && d.Sessions[i].Verdict != OK {
			p.Dot(drawing.Point{X: g.x(i), Y: y(v)}, 4, colourOf(d.Sessions[i].Verdict))
		} else if v > 0 && g.n <= 60 {
			p.Dot(drawing.Point{X: g.x(i), Y: y(v)}, 2.5, drawing.Plain)
		}
	}
}
