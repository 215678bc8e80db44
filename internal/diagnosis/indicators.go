package diagnosis

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/kennel-stream/kennel/internal/evidence"
)

// indicators are what a person looks at first: how far each session came, what
// it said of itself, and what counts how worn its process was. wayland-N is
// none: it is the lowest name that was free.
func (c *Catalogue) indicators(good, bad *Diagnosis, g, b int) []CompareRow {
	rows := []CompareRow{{"Session", good.ordinal(g), bad.ordinal(b)}}
	for _, i := range []struct {
		name string
		of   func(*Session) string
	}{
		{"Process had run for", func(s *Session) string {
			if s.Age == 0 {
				return unseen
			}
			return short(s.Age.Truncate(time.Minute))
		}},
		{"Highest element numbers", (*Session).elements},
		{"Audio sink", func(s *Session) string {
			if s.Sink == 0 {
				return unseen
			}
			return fmt.Sprint(s.Sink)
		}},
		{"From launch to stream", func(s *Session) string {
			if r := s.record(evidence.StageStreaming); r != nil && !r.At.IsZero() {
				return fmt.Sprintf("%.3f s", r.At.Sub(s.Began).Seconds())
			} else if r != nil {
				return string(r.State)
			}
			return unseen
		}},
		{"Lines of grave faults", c.graveLines},
		{"How it ended", func(s *Session) string { return endings[s.End] }},
	} {
		rows = append(rows, CompareRow{i.name, i.of(&good.Sessions[g]), i.of(&bad.Sessions[b])})
	}
	return rows
}

// ordinal is which session of its process one is, as far as its log shows.
func (d *Diagnosis) ordinal(i int) string {
	s := &d.Sessions[i]
	if d.Lives[s.Life].Whole {
		return fmt.Sprintf("session %d of its process", s.Ordinal)
	}
	return fmt.Sprintf("session %d that the log shows", s.Ordinal)
}

var endings = map[string]string{
	EndQuit: "the client quit", EndLeft: "the client left", EndApp: "the app ended", EndRestart: "the process ended", EndOpen: "the log ends first", EndHidden: "not visible at this log level",
}

// elements are the highest numbers of GStreamer's elements, which count how many
// its process has made.
func (s *Session) elements() string {
	var all []string
	for name, n := range s.Elements {
		all = append(all, fmt.Sprintf("%s%d", name, n))
	}
	if len(all) == 0 {
		return unseen
	}
	slices.Sort(all)
	return strings.Join(all, ", ")
}

// graveLines counts, with the first of each fault.
func (c *Catalogue) graveLines(s *Session) string {
	n := 0
	var ids []string
	for _, f := range s.Findings {
		if c.grave(f.Fault) && !f.Derived {
			n += f.Count
			ids = append(ids, f.Fault)
		}
	}
	if n == 0 {
		return "none"
	}
	return fmt.Sprintf("%d: %s", n, strings.Join(ids, ", "))
}
