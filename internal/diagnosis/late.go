package diagnosis

import (
	"slices"
	"time"

	"github.com/kennel-stream/kennel/internal/evidence"
	"github.com/kennel-stream/kennel/internal/wolflog"
)

// lateOutput is what an app has printed while it ran, which Wolf puts into its
// own log when the app's container has ended: from a line of its own to the next
// line of Wolf.
type lateOutput struct {
	on   bool
	at   time.Time
	file string
}

// closes ends it at a line that an app does not print.
func (o *lateOutput) closes(rec *record) {
	switch rec.line.Shape {
	case wolflog.Wolf, wolflog.Tracing, wolflog.GStreamer, wolflog.Supervisor, wolflog.Kennel:
		o.on = false
	default:
		o.on = o.on && rec.place.File == o.file
	}
}

// date is when an app printed a line: by the line's own clock, else at some time
// of its run, of which only the start is sure.
func (o *lateOutput) date(s *Session, l *wolflog.Line, at time.Time) time.Time {
	if s == nil || l.Clock == wolflog.SinceApp && at.Before(o.at) {
		return at
	}
	if app := s.records.of(evidence.StageApp); app != nil && !app.At.IsZero() {
		return app.At
	}
	return at
}

// lateMatters tells whether something that a session's app has printed bears on
// it: the app ended at once, or what broke before explains it.
func (c *Catalogue) lateMatters(f *Finding, s *Session) bool {
	app := s.records.of(evidence.StageApp)
	if s.End == EndApp && app != nil && s.Ended.Sub(app.At) < fastExit {
		return true
	}
	return slices.ContainsFunc(s.Findings, func(cause Finding) bool {
		return !cause.late && c.grave(cause.Fault) && c.explains(cause.Fault, f.Fault)
	})
}

// broke tells whether a session shows a grave fault that is no noise of an end.
func (c *Catalogue) broke(s *Session) bool {
	for _, f := range s.Findings {
		if c.grave(f.Fault) && !f.late && (s.Ended.IsZero() || f.At.Before(s.Ended) || !endNoise[f.Fault]) {
			return true
		}
	}
	return false
}
