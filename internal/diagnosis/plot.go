package diagnosis

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/kennel-stream/kennel/internal/drawing"
	"github.com/kennel-stream/kennel/internal/evidence"
)

// Measures of pictures, in pixels.
const (
	pictureWidth = 960
	margin       = 20
	labelsEnd    = 200 // of the column with the rows' names
	rowHeight    = 26
	titleText    = 20
	bodyText     = 14
	smallText    = 12
	headHeight   = 78
	footHeight   = 76
)

// row is one line of a timeline.
type row struct {
	name, note string
	at         time.Duration
	placed     bool // at is known
	colour     drawing.Colour
}

// colourOf is that of a verdict.
func colourOf(verdict string) drawing.Colour {
	switch verdict {
	case OK:
		return drawing.Good
	case Faulty:
		return drawing.Bad
	}
	return drawing.Unsure
}

// Picture draws the stages of the session that matters, and below them the
// chain of faults, over the time since its launch.
func (d *Diagnosis) Picture() *drawing.Picture {
	p, _ := d.draw(headHeight)
	d.head(p)
	return p
}

// timeline is the picture without its headline, for a page that has one; drawn
// is false where there is nothing to draw.
func (d *Diagnosis) timeline() (p *drawing.Picture, drawn bool) { return d.draw(margin / 2) }

// draw draws all from top on.
func (d *Diagnosis) draw(top float64) (p *drawing.Picture, drawn bool) {
	stages, chain, zero := d.rows()
	strip := 0.0
	if len(d.Sessions) > 1 {
		strip = stripHeight
	}
	rows := len(stages) + len(chain)
	if rows == 0 {
		return drawing.New(pictureWidth, top+margin, d.headline()), false
	}
	if len(chain) > 0 && len(stages) > 0 {
		rows++ // between them
	}
	height := top + strip + float64(rows*rowHeight) + footHeight
	p = drawing.New(pictureWidth, height, d.headline())
	if strip > 0 {
		d.drawStrip(p, top+6)
	}
	top += strip
	bottom := top + float64(rows*rowHeight)
	a := newAxis(labelsEnd, pictureWidth-margin-10, marksOf(slices.Concat(stages, chain)))
	caption := "since the first sign, " + moment(zero, d.Dated)
	if s := d.session(d.last()); s != nil {
		caption = fmt.Sprintf("since session %s began, %s", d.SessionName(d.last()), moment(zero, d.Dated))
	}
	bands(p, top, rows)
	a.draw(p, top, bottom, caption)
	drawRows(p, a, stages, top)
	if len(chain) > 0 {
		below := bottom - float64(len(chain)*rowHeight)
		if len(stages) > 0 {
			p.Write(drawing.Text{At: drawing.Point{X: margin, Y: below - 8}, Size: bodyText, Bold: true, Words: "From the first sign to the end"})
		}
		drawRows(p, a, chain, below)
	}
	legend(p, height-16, drawing.Good, "done", drawing.Unsure, "begun, not done", drawing.Bad, "failed, or a fault")
	return p, true
}

// headline is the verdict in one line.
func (d *Diagnosis) headline() string {
	switch {
	case d.Verdict == OK:
		return "Nothing wrong is to be seen"
	case d.Root != nil:
		return fmt.Sprintf("What broke: %s (%s)", d.Root.Name, d.Root.ID)
	}
	return d.unsure()
}

func (d *Diagnosis) head(p *drawing.Picture) {
	const room = pictureWidth - 2*margin
	p.Write(drawing.Text{
		At: drawing.Point{X: margin, Y: 34}, Size: titleText, Bold: true, Colour: colourOf(d.Verdict),
		Words: drawing.Shorten(d.headline(), titleText+1, room),
	})
	text := fmt.Sprintf("%d lines of %s", d.Lines, strings.Join(d.Files, ", "))
	switch {
	case d.Root != nil:
		text = "Since when: " + d.Root.Since() + place(d.Root.Place)
	case len(d.Candidates) > 0:
		var ids []string
		for _, r := range d.Candidates {
			ids = append(ids, r.ID)
		}
		text = "Fits: " + strings.Join(ids, ", ")
	}
	p.Write(drawing.Text{At: drawing.Point{X: margin, Y: 58}, Size: bodyText, Colour: drawing.Faint, Words: drawing.Shorten(text, bodyText, room)})
}

// moment is a time for people, with its date where that is known.
func moment(at time.Time, dated bool) string {
	switch {
	case at.IsZero():
		return "at a time that the log does not tell"
	case !dated || at.Year() <= 1:
		return "at " + stamp(at)
	}
	return at.Format(time.DateOnly) + " " + stamp(at) + " UTC"
}

// rows are the stages of the session that matters, the chain, and the time from
// which both count.
func (d *Diagnosis) rows() (stages, chain []row, zero time.Time) {
	if s := d.session(d.last()); s != nil {
		zero = s.Began
		stages = s.rows()
	} else if len(d.Chain) > 0 {
		zero = d.Chain[0].At
	}
	for _, link := range d.Chain {
		r := row{name: link.Fault, note: link.Name, colour: drawing.Bad, at: link.At.Sub(zero), placed: !link.At.IsZero() && !zero.IsZero()}
		if r.at < 0 {
			r.note += ", " + short((-r.at).Round(time.Millisecond)) + " before"
		}
		if link.Count > 1 {
			r.note += fmt.Sprintf(", %d lines", link.Count)
		}
		chain = append(chain, r)
	}
	return stages, chain, zero
}

// rows are the stages of a session.
func (s *Session) rows() (all []row) {
	for _, rec := range s.Stages {
		if rec.Stage == evidence.StageAPI {
			continue // up to a minute before the rest, which would be one dot
		}
		r := row{name: string(rec.Stage), at: rec.when().Sub(s.Began), placed: !rec.At.IsZero()}
		switch rec.State {
		case Done:
			r.colour = drawing.Good
		case Failed:
			r.colour = drawing.Bad
		default:
			r.colour = drawing.Unsure
		}
		if !r.placed {
			r.note = string(rec.State)
		} else {
			r.note = strings.TrimSpace(fmt.Sprintf("+%.3f s  %s", r.at.Seconds(), rec.Detail))
		}
		all = append(all, r)
	}
	return all
}

func marksOf(rows []row) (marks []time.Duration) {
	for _, r := range rows {
		if r.placed {
			marks = append(marks, r.at)
		}
	}
	return marks
}

// bands colours every other row.
func bands(p *drawing.Picture, top float64, rows int) {
	for i := 0; i < rows; i += 2 {
		p.Rectangle(drawing.Point{X: margin - 8, Y: top + float64(i*rowHeight)}, pictureWidth-2*margin+16, rowHeight, drawing.Band)
	}
}

// drawRows draws dots with what is said of them on the side that has room.
func drawRows(p *drawing.Picture, a axis, rows []row, top float64) {
	for i, r := range rows {
		y := top + float64(i*rowHeight) + rowHeight/2
		p.Write(drawing.Text{At: drawing.Point{X: margin, Y: y + 5}, Size: bodyText, Words: drawing.Shorten(r.name, bodyText, labelsEnd-margin-14)})
		if !r.placed {
			p.Write(drawing.Text{At: drawing.Point{X: a.left + 6, Y: y + 4}, Size: smallText, Colour: drawing.Faint, Words: r.note})
			continue
		}
		x := a.x(r.at)
		p.Dot(drawing.Point{X: x, Y: y}, 6, r.colour)
		note := drawing.Text{At: drawing.Point{X: x + 12, Y: y + 4}, Size: smallText, Words: r.note}
		room := pictureWidth - margin - note.At.X
		if x > (a.left+a.right)/2 {
			note.At.X, note.Anchor, room = x-12, drawing.End, x-12-a.left
		}
		note.Words = drawing.Shorten(note.Words, smallText, room)
		p.Write(note)
	}
}

// legend explains colours: pairs of a colour and words.
func legend(p *drawing.Picture, y float64, pairs ...any) {
	x := float64(labelsEnd)
	for i := 0; i+1 < len(pairs); i += 2 {
		colour, words := pairs[i].(drawing.Colour), pairs[i+1].(string)
		p.Dot(drawing.Point{X: x + 6, Y: y - 4}, 5, colour)
		p.Write(drawing.Text{At: drawing.Point{X: x + 18, Y: y}, Size: smallText, Colour: drawing.Faint, Words: words})
		x += 18 + drawing.Width(words, smallText, false) + 24
	}
}

// stripHeight is that of the row with all sessions.
const stripHeight = 62

// drawStrip shows all sessions as they lie in time, and which of them the
// timeline below is of.
func (d *Diagnosis) drawStrip(p *drawing.Picture, top float64) {
	y := top + 14
	p.Write(drawing.Text{At: drawing.Point{X: margin, Y: y + 5}, Size: bodyText, Words: fmt.Sprintf("%d sessions", d.total())})
	from, to := d.Sessions[0].Began, d.Sessions[0].Began
	for i := range d.Sessions {
		if at := d.Sessions[i].Began; at.Before(from) {
			from = at
		} else if at.After(to) {
			to = at
		}
	}
	a := axis{left: labelsEnd, right: pictureWidth - margin - 10, span: max(to.Sub(from), time.Millisecond)}
	p.Line(1, drawing.Grid, drawing.Point{X: a.left, Y: y}, drawing.Point{X: a.right, Y: y})
	for n := range d.Lives {
		if at := d.Lives[n].Started; at.After(from) && at.Before(to) {
			x := a.x(at.Sub(from))
			p.Line(1.5, drawing.Faint, drawing.Point{X: x, Y: y - 11}, drawing.Point{X: x, Y: y + 11})
		}
	}
	for i := range d.Sessions {
		s := &d.Sessions[i]
		x := a.x(s.Began.Sub(from))
		if i == d.last() {
			p.Dot(drawing.Point{X: x, Y: y}, 8, drawing.Ink)
			p.Dot(drawing.Point{X: x, Y: y}, 6.5, drawing.Paper)
		}
		p.Dot(drawing.Point{X: x, Y: y}, 4.5, colourOf(s.Verdict))
	}
	p.Write(drawing.Text{At: drawing.Point{X: a.left, Y: y + 26}, Size: smallText, Colour: drawing.Faint, Words: moment(from, d.Dated)})
	p.Write(drawing.Text{At: drawing.Point{X: a.right, Y: y + 26}, Size: smallText, Anchor: drawing.End, Colour: drawing.Faint, Words: moment(to, d.Dated)})
	p.Write(drawing.Text{At: drawing.Point{X: (a.left + a.right) / 2, Y: y + 26}, Size: smallText, Anchor: drawing.Middle, Colour: drawing.Faint, Words: "ringed: shown below; bars: restarts"})
}
