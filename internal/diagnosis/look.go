package diagnosis

import (
	"slices"
	"strings"
	"time"

	"github.com/kennel-stream/kennel/internal/evidence"
	"github.com/kennel-stream/kennel/internal/logscan"
	"github.com/kennel-stream/kennel/internal/wolflog"
)

// record is a line that holds a sign or a mark, with its time.
type record struct {
	// What the line says by itself.
	line wolflog.Line
	fits []fit // valid until the next record is made
	// Where a pipeline is described: the line with what follows it, the client's
	// number in that, and the encoder of a picture; "" where there is none.
	text, number, encoder string
	past                  *wolflog.Line  // where a process starts: the last line before it with a time
	about                 []*surrounding // of the machine; valid until the next record is made
	unknown               bool           // it calls itself an error, and no fault knows it
	// What those before it say.
	at    time.Time
	dated bool      // by itself, not by the line before
	ended time.Time // of the line of past
	debug bool      // one of level DEBUG is between the record before and this one
	place Place
}

// fit is a sign or a mark that a line is.
type fit struct {
	sign   int    // the reader's index
	detail string // of a mark
}

// look reads a line by itself. It is called for several lines at the same time.
func (r *reader) look(found *logscan.Line, rec *record) {
	whole := found.String()
	rec.line.Parse(whole)
	rec.fits, rec.text, rec.number, rec.encoder = rec.fits[:0], "", "", "" // the rest is set by date
	rec.past, rec.unknown, rec.about = nil, false, rec.about[:0]
	after, bad, known := "", false, false
	for _, i := range found.Signs {
		s := &r.signs[i]
		switch {
		case s.bad:
			bad = true
			continue
		case s.about != nil:
			rec.about = append(rec.about, s.about)
			continue
		}
		if s.mark != nil {
			if detail, ok := s.marks(rec.line.Message); ok {
				rec.fits = append(rec.fits, fit{i, detail})
				rec.pipeline(s.mark.stage, whole, found)
				if s.mark.kind == processStart {
					rec.past = lastStamped(found.Before())
				}
			}
			continue
		}
		known = true // also one that its expression does not let through
		// Of a fault with several signs in a line one counts.
		if slices.ContainsFunc(rec.fits, func(f fit) bool { return r.signs[f.sign].mark == nil && r.signs[f.sign].fault == s.fault }) {
			continue
		}
		if !s.fits(rec.line.Message) {
			if rec.line.Shape == wolflog.Kennel {
				continue
			}
			if after == "" {
				after = whole + " " + string(found.After())
			}
			if !s.fits(after) {
				continue
			}
		}
		rec.fits = append(rec.fits, fit{sign: i})
	}
	rec.unknown = bad && !known && isError(&rec.line)
}

// pipeline reads what stands in and behind a line that describes one.
func (rec *record) pipeline(stage evidence.Stage, whole string, found *logscan.Line) {
	if stage != evidence.StageVideoPipeline && stage != evidence.StageAudioPipeline {
		return
	}
	rec.text = whole + " " + string(found.After())
	rec.number = numberIn(rec.text)
	if stage == evidence.StageVideoPipeline {
		rec.encoder = encoderIn(rec.text)
	}
}

// date gives a line its time.
func (r *reader) date(st *stream, rec *record) {
	rec.ended = time.Time{}
	starts := slices.ContainsFunc(rec.fits, func(f fit) bool {
		m := r.signs[f.sign].mark
		return m != nil && m.kind == processStart
	})
	if starts {
		if rec.past != nil {
			rec.ended, _ = st.dater.Date(rec.past)
		}
		st.dater.Begins(&rec.line)
	}
	rec.at, rec.dated = st.dater.Date(&rec.line)
	if starts {
		st.dater.Restarted()
	}
}

// fits tells whether a line that holds the literal is the sign.
func (s *signOf) fits(text string) bool { return s.rule.any == nil || s.rule.in(text) }

// marks tells whether one is the mark, and its detail.
func (s *signOf) marks(message string) (detail string, ok bool) {
	if s.rule.any == nil {
		return "", true
	}
	if s.rule.any.NumSubexp() == 0 {
		return "", s.rule.in(message)
	}
	detail, ok = s.rule.group(message)
	return strings.Clone(detail), ok // or it would keep all of its line
}

// redacted is a mark's detail without secrets; the same ones come again and again.
func (r *reader) redacted(detail string) string {
	if detail == "" {
		return ""
	}
	if len(detail) <= mostDigits && strings.Trim(detail, "0123456789") == "" {
		return strings.Clone(detail)
	}
	clean, known := r.details[detail]
	if !known {
		clean = strings.Clone(cutText(wolflog.Redact(detail))) // or it would keep all of its line
		if len(r.details) >= maxDetails {
			clear(r.details)
		}
		if len(detail) < maxKey {
			r.details[strings.Clone(detail)] = clean
		}
	}
	return clean
}

// mostDigits is how long a number may be that is no secret without its name: those
// of clients are.
const mostDigits = 20

// maxDetails bounds how many are known.
const maxDetails = 1000
