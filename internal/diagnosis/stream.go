package diagnosis

import (
	"bytes"
	"cmp"
	"errors"
	"io"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/kennel-stream/kennel/internal/evidence"
	"github.com/kennel-stream/kennel/internal/wolflog"
)

// stream is logs that are read one after the other, on one clock.
type stream struct {
	sources []Source
	dater   wolflog.Dater
	head    head
	end     tail
	to      time.Time // of the last line
	polls   []poll    // at the ends of its sources
	bytes   int64
	lines   int64
	ended   stamps
	debug   bool // it ends with lines of level DEBUG that hold nothing else
}

// head is what the beginning of a source tells of the whole.
type head struct {
	first time.Time // the first time, on day 0 where no date is known; zero for none
	dated bool      // a date is known
	owns  bool      // it tells of a process and its sessions, as Wolf's own log does
	// When the process and the first app started; zero where it does not show.
	process, app time.Time
	// It has times since the start of the process or of an app.
	sinceStart, sinceApp bool
}

const (
	// headMost and headLeast bound how much of a source is looked at first, in
	// bytes; headAll all of them together.
	headMost, headLeast = 1 << 20, 64 << 10
	headAll             = 32 << 20
	// headLines bounds how many of its lines.
	headLines = 5000
)

// streams makes of sources what can be put together in the order of time. One
// source is read as it is. Logs of a process that tell no date, such as the
// pieces of a rotated one, are read one after the other, as they are named.
func (r *reader) streams(sources []Source) ([]*stream, error) {
	if len(sources) == 1 {
		return []*stream{{sources: sources}}, nil
	}
	var all []*stream
	for _, s := range sources {
		one, err := peek(s, max(headLeast, min(headMost, headAll/len(sources))))
		if err != nil {
			return nil, evidence.Errorf(evidence.Invalid, "%s: %w", s.Name, err)
		}
		all = append(all, one)
	}
	all = chain(all)
	if len(all) > 1 {
		place := reference(all)
		for _, st := range all {
			st.settle(place)
		}
	}
	return all, nil
}

// peek looks at the beginning of a source.
func peek(s Source, most int) (*stream, error) {
	text := make([]byte, most)
	n := 0
	var err error
	for n < most && err == nil {
		var more int
		more, err = s.Reader.Read(text[n:])
		n += more
		if more == 0 && err == nil {
			break // a log that is followed has no more for now
		}
	}
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	text = bytes.Clone(text[:n])
	whole := s.Reader
	if err != nil {
		whole = bytes.NewReader(nil)
	}
	st := &stream{sources: []Source{{s.Name, &resumed{head: text, rest: whole}}}}
	st.head.look(text)
	return st, nil
}

// resumed reads what was looked at, then the rest; unlike io.MultiReader it
// hands on a Read of nothing.
type resumed struct {
	head []byte
	rest io.Reader
}

func (r *resumed) Read(p []byte) (int, error) {
	if len(r.head) > 0 {
		n := copy(p, r.head)
		if r.head = r.head[n:]; len(r.head) == 0 {
			r.head = nil
		}
		return n, nil
	}
	return r.rest.Read(p)
}

// look reads lines.
func (h *head) look(text []byte) {
	var dater wolflog.Dater
	for range headLines {
		line, rest, more := bytes.Cut(text, []byte("\n"))
		if !more {
			break // perhaps not whole
		}
		text = rest
		l := wolflog.Parse(string(line[:min(len(line), 4096)]))
		at, ok := dater.Date(&l)
		switch l.Clock {
		case wolflog.SinceStart:
			h.sinceStart = true
		case wolflog.SinceApp:
			h.sinceApp = true
		}
		if ok && h.first.IsZero() {
			h.first = at
		}
		h.mark(l.Message, at, &dater)
	}
	if base, ok := dater.Base(); ok {
		h.dated = true
		for _, at := range []*time.Time{&h.first, &h.process, &h.app} {
			if !at.IsZero() && at.Year() <= 1 {
				*at = base.Add(at.Sub(time.Time{}))
			}
		}
	}
}

// mark looks for the marks of a process's own log.
func (h *head) mark(message string, at time.Time, dater *wolflog.Dater) {
	for i := range marks {
		m := &marks[i]
		if !strings.Contains(message, m.literal) {
			continue
		}
		if s := (signOf{rule: pattern{any: m.re}}); !s.fits(message) {
			continue
		}
		h.owns = true
		switch {
		case m.kind == processStart:
			dater.Restarted()
			if h.process.IsZero() {
				h.process = at
			}
		case m.kind == stageDone && m.stage == evidence.StageApp && h.app.IsZero():
			h.app = at
		}
	}
}

// chain joins the logs of processes where one of them tells no date.
func chain(all []*stream) []*stream {
	own, undated := 0, false
	for _, st := range all {
		if st.head.owns {
			own++
			undated = undated || !st.head.dated
		}
	}
	if own < 2 || !undated {
		return all
	}
	var out []*stream
	var first *stream
	for _, st := range all {
		switch {
		case !st.head.owns:
			out = append(out, st)
		case first == nil:
			first = st
			out = append(out, st)
		default:
			first.sources = append(first.sources, st.sources...)
		}
	}
	return out
}

// reference is the head that others are placed by: that of a process's own log,
// best one with a date, else the first with a date, else with any time.
func reference(all []*stream) head {
	rank := func(h head) int {
		switch {
		case h.dated && h.owns:
			return 0
		case h.dated:
			return 1
		case h.owns:
			return 2
		case !h.first.IsZero():
			return 3
		}
		return 4
	}
	best := slices.MinFunc(all, func(a, b *stream) int {
		return cmp.Or(cmp.Compare(rank(a.head), rank(b.head)), a.head.first.Compare(b.head.first))
	}).head
	// When process and app started may stand in another log than the date.
	for _, st := range all {
		if h := st.head; h.owns && best.process.IsZero() && best.app.IsZero() {
			days := 0
			if !h.dated {
				days = daysTo(h.first, best.first)
			}
			if !h.process.IsZero() {
				best.process = h.process.AddDate(0, 0, days)
			}
			if !h.app.IsZero() {
				best.app = h.app.AddDate(0, 0, days)
			}
		}
	}
	return best
}

// daysTo is on how many days later a time of day is nearest to another time; a
// difference in years fits no time.Duration.
func daysTo(at, other time.Time) int {
	if at.IsZero() || other.IsZero() {
		return 0
	}
	const day = 24 * 60 * 60
	return int(math.Round(float64(other.Unix()-at.Unix()) / day))
}

// settle puts a stream onto the clock of another.
func (st *stream) settle(by head) {
	h := &st.head
	switch {
	case h.dated:
		st.dater.On(h.first)
	case !h.first.IsZero():
		h.first = h.first.AddDate(0, 0, daysTo(h.first, by.first))
		st.dater.On(h.first)
	default:
		// Only times since a start, which another log may tell.
		st.dater.Started(by.process, by.app)
		if h.sinceStart && !by.process.IsZero() {
			h.first = by.process
		} else if h.sinceApp && !by.app.IsZero() {
			h.first = by.app
		}
	}
}
