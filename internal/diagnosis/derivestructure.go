package diagnosis

import (
	"fmt"
	"slices"
	"time"

	"github.com/kennel-stream/kennel/internal/evidence"
)

const (
	// pictureWithin is how soon after its control link a session has a video
	// pipeline.
	pictureWithin = 2 * time.Second
	// stayedOn is how long after the end of its stream a client that goes on shows
	// that it did not end it.
	stayedOn = 2 * time.Second
	// startWithin is how long a process may take from its start to its ports.
	startWithin = 10 * time.Second
	// leftOver is how many apps of a process that nobody stopped are a leak.
	leftOver = 3
)

// deriveStructure tells what a session's stages show without a word of what
// failed: a stage that stands still, a client without a picture, a stream that
// ended under its client. These are doubts, since lines may be missing.
func (c *Catalogue) deriveStructure(l *Log, i int) {
	s := &l.Sessions[i]
	if !l.Lives[s.Life].debug || hasGrave(c, s.Findings) {
		return
	}
	until := l.seenUntil(i)
	video, control := s.record(evidence.StageVideoPipeline), s.record(evidence.StageControl)
	is := func(r *StageRecord, state StageState) bool { return r != nil && r.State == state && !r.At.IsZero() }
	if is(control, Done) && (video == nil || video.State == Absent) && !s.done(evidence.StageStreaming) && !s.done(evidence.StageAudioPipeline) && until.Sub(control.At) >= pictureWithin {
		c.derived(&s.Findings, "no-video-pipeline", control.At, control.Place, fmt.Sprintf("the control link was up for %s, and no video pipeline began", until.Sub(control.At).Round(time.Second)))
	}
	if is(control, Done) && is(video, Done) && s.eos && s.lastEnd.Sub(s.Ended) >= stayedOn {
		c.derived(&s.Findings, "stream-ended", s.Ended, control.Place, fmt.Sprintf("the client went on for %s after the pipeline's end", s.lastEnd.Sub(s.Ended).Round(time.Second)))
	}
	c.deriveGap(s, until)
}

// deriveGap tells a stage that began and did not end, or after which a long
// silence came, while a session was started.
func (c *Catalogue) deriveGap(s *Session, until time.Time) {
	if s.Resumed || s.has("image-pull") {
		return
	}
	var started []StageRecord
	for _, r := range s.Stages {
		if r.At.IsZero() || r.Stage == evidence.StageAPI || r.Stage == evidence.StageStreaming || r.Stage == evidence.StageStop {
			continue
		}
		known := func(f Finding) bool { return c.faults[c.byID[f.Fault]].Stage == r.Stage }
		if slices.ContainsFunc(s.Findings, known) {
			continue
		}
		if r.State == Began && until.Sub(r.At) >= startPatience {
			c.derived(&s.Findings, "stage-stalled", r.At, r.Place, fmt.Sprintf("the stage %s began, and %s later it is not done", r.Stage, until.Sub(r.At).Round(time.Second)))
			return
		}
		if r.State == Done {
			started = append(started, r)
		}
	}
	slices.SortStableFunc(started, func(a, b StageRecord) int { return a.At.Compare(b.At) })
	for n := 1; n < len(started); n++ {
		if gap := started[n].At.Sub(started[n-1].At); gap >= startPatience {
			c.derived(&s.Findings, "stage-stalled", started[n].At, started[n].Place, fmt.Sprintf("%s passed between the stages %s and %s", gap.Round(time.Second), started[n-1].Stage, started[n].Stage))
			return
		}
	}
}

// deriveStart tells a start that did not come to all its ports.
func (c *Catalogue) deriveStart(l *Log, i int) {
	life := &l.Lives[i]
	if !life.Whole || life.own || life.Ready || life.listens == allListeners || life.served() || life.Started.IsZero() || hasGrave(c, life.Findings) {
		return
	}
	until, how := l.To, "the log goes on"
	if i+1 < len(l.Lives) {
		until, how = l.Lives[i+1].Started, "then it started again"
	}
	if i+1 < len(l.Lives) || until.Sub(life.Started) >= startWithin {
		c.derived(&life.Findings, "start-incomplete", life.Started, Place{}, fmt.Sprintf("%s after its start not all ports were open, and %s", until.Sub(life.Started).Round(time.Second), how))
	}
}

// deriveLeft counts containers that were started and never stopped.
func (c *Catalogue) deriveLeft(l *Log, i int) {
	left, all := map[string]Place{}, 0
	var last StageRecord
	for _, n := range l.Lives[i].Sessions {
		s := &l.Sessions[n]
		app := s.record(evidence.StageApp)
		if app == nil || app.State != Done || len(app.Detail) == 0 || app.Detail[0] != '/' || s.own {
			continue
		}
		all++
		if s.appStopped || s.End == EndQuit || s.End == EndApp {
			delete(left, app.Detail)
			continue
		}
		left[app.Detail], last = app.Place, *app
	}
	if len(left) >= leftOver && 2*len(left) > all {
		c.derived(&l.Lives[i].Findings, "containers-left", last.At, last.Place, fmt.Sprintf("of %d containers that were started %d were never stopped", all, len(left)))
	}
}
