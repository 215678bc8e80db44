package diagnosis

import (
	"fmt"
	"time"

	"github.com/kennel-stream/kennel/internal/drawing"
	"github.com/kennel-stream/kennel/internal/evidence"
)

// pairHeight is that of a stage of both sessions.
const pairHeight = 38

// Picture draws both timelines on one scale, each stage of the good session
// above that of the bad one, and where they part.
func (cmp *Comparison) Picture() *drawing.Picture {
	good, bad := &cmp.Good.Session, &cmp.Bad.Session
	type pair struct {
		stage     evidence.Stage
		good, bad *StageRecord
		delta     string
	}
	var pairs []pair
	var marks []time.Duration
	for _, r := range cmp.Timeline {
		if r.Stage == evidence.StageAPI {
			continue // up to a minute before the rest, which would be one dot
		}
		one := pair{r.Stage, good.record(r.Stage), bad.record(r.Stage), r.Delta}
		pairs = append(pairs, one)
		for s, rec := range map[*Session]*StageRecord{good: one.good, bad: one.bad} {
			if rec != nil && !rec.At.IsZero() {
				marks = append(marks, rec.when().Sub(s.Began))
			}
		}
	}
	height := float64(headHeight + len(pairs)*pairHeight + footHeight)
	p := drawing.New(pictureWidth, height, "A good and a bad session")
	cmp.head(p)
	const deltas = 96 // of the column at the right
	a := newAxis(labelsEnd, pictureWidth-margin-deltas, marks)
	bottom := float64(headHeight + len(pairs)*pairHeight)
	for i := range pairs {
		if i%2 == 0 {
			p.Rectangle(drawing.Point{X: margin - 8, Y: float64(headHeight + i*pairHeight)}, pictureWidth-2*margin+16, pairHeight, drawing.Band)
		}
	}
	a.draw(p, headHeight, bottom, fmt.Sprintf("since the launch: good at %s, bad at %s", stamp(good.Began), stamp(bad.Began)))
	cmp.drawParting(p, a, bottom)
	for i, one := range pairs {
		y := float64(headHeight + i*pairHeight)
		p.Write(drawing.Text{At: drawing.Point{X: margin, Y: y + pairHeight/2 + 5}, Size: bodyText, Words: string(one.stage)})
		drawHalf(p, a, "good", good, one.good, y+11)
		drawHalf(p, a, "bad", bad, one.bad, y+27)
		p.Write(drawing.Text{At: drawing.Point{X: pictureWidth - margin, Y: y + pairHeight/2 + 5}, Size: smallText, Anchor: drawing.End, Words: one.delta})
	}
	p.Write(drawing.Text{At: drawing.Point{X: pictureWidth - margin, Y: headHeight - 8}, Size: smallText, Anchor: drawing.End, Colour: drawing.Faint, Words: "bad is later by"})
	legend(p, height-16, drawing.Good, "done", drawing.Unsure, "begun, not done", drawing.Bad, "failed")
	return p
}

func (cmp *Comparison) head(p *drawing.Picture) {
	const room = pictureWidth - 2*margin
	title := "A good and a bad session"
	if cmp.Diagnosis.Root != nil {
		title = cmp.Diagnosis.headline()
	}
	p.Write(drawing.Text{At: drawing.Point{X: margin, Y: 34}, Size: titleText, Bold: true, Words: drawing.Shorten(title, titleText+1, room)})
	text := fmt.Sprintf("Good: %s, session %d. Bad: %s, session %d.", cmp.Good.File, cmp.Good.Session.Number, cmp.Bad.File, cmp.Bad.Session.Number)
	p.Write(drawing.Text{At: drawing.Point{X: margin, Y: 58}, Size: bodyText, Colour: drawing.Faint, Words: drawing.Shorten(text, bodyText, room-100)})
}

// drawParting is a line through the moment of the first sign.
func (cmp *Comparison) drawParting(p *drawing.Picture, a axis, bottom float64) {
	if len(cmp.Diagnosis.Chain) == 0 || cmp.Diagnosis.Chain[0].At.IsZero() {
		return
	}
	x := a.x(cmp.Diagnosis.Chain[0].At.Sub(cmp.Bad.Session.Began))
	p.Line(1.5, drawing.Bad, drawing.Point{X: x, Y: headHeight - 4}, drawing.Point{X: x, Y: bottom})
	note := drawing.Text{At: drawing.Point{X: x + 5, Y: headHeight - 5}, Size: smallText, Colour: drawing.Bad, Words: "they part"}
	if x > (a.left+a.right)/2 {
		note.At.X, note.Anchor = x-5, drawing.End
	}
	p.Write(note)
}

// drawHalf draws a stage of one of the two.
func drawHalf(p *drawing.Picture, a axis, which string, s *Session, rec *StageRecord, y float64) {
	p.Write(drawing.Text{At: drawing.Point{X: labelsEnd - 12, Y: y + 4}, Size: smallText - 1, Anchor: drawing.End, Colour: drawing.Faint, Words: which})
	if rec == nil || rec.At.IsZero() {
		state := unseen
		if rec != nil {
			state = string(rec.State)
		}
		p.Write(drawing.Text{At: drawing.Point{X: a.left + 6, Y: y + 4}, Size: smallText - 1, Colour: drawing.Faint, Words: state})
		return
	}
	at := rec.when().Sub(s.Began)
	x, colour := a.x(at), drawing.Unsure
	switch rec.State {
	case Done:
		colour = drawing.Good
	case Failed:
		colour = drawing.Bad
	}
	p.Dot(drawing.Point{X: x, Y: y}, 5, colour)
	note := drawing.Text{At: drawing.Point{X: x + 10, Y: y + 4}, Size: smallText - 1, Words: fmt.Sprintf("+%.3f s", at.Seconds())}
	if rec.State == Failed && rec.Detail != "" {
		note.Words += "  " + rec.Detail
	}
	if x > a.left+(a.right-a.left)*2/3 {
		note.At.X, note.Anchor = x-10, drawing.End
	}
	p.Write(note)
}
