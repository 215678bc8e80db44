package logsource

import (
	"bytes"
	"io"
	"slices"
	"time"

	"github.com/kennel-stream/kennel/internal/evidence"
	"github.com/kennel-stream/kennel/internal/wolflog"
)

const (
	// mostTurned bounds a log that is turned round: it must be in memory.
	mostTurned = 16 << 20
	// fewSteps is how many steps back show that the newest lines come first, where
	// backFor of them come for each step forward.
	fewSteps, backFor = 3, 3
)

// oldestFirst turns round a log whose newest lines come first, as some viewers
// and journalctl -r write it.
func (s *Set) oldestFirst(name string, head []byte, from io.Reader) (io.Reader, error) {
	if !newestFirst(head) {
		return from, nil
	}
	text, err := io.ReadAll(io.LimitReader(from, mostTurned+1))
	if err != nil {
		return nil, evidence.Errorf(evidence.Invalid, "read %s: %w", name, err)
	}
	if len(text) > mostTurned {
		s.warn("%s has its newest lines first, and is too large to be turned round: tac %s | kennel doctor -", name, name)
		return &joined{head: text, rest: from}, nil
	}
	s.warn("%s has its newest lines first: it was turned round, and its lines are counted from its end", name)
	lines := bytes.Split(bytes.TrimSuffix(text, []byte("\n")), []byte("\n"))
	slices.Reverse(lines)
	return bytes.NewReader(append(bytes.Join(lines, []byte("\n")), '\n')), nil
}

// newestFirst judges a beginning by the times of its lines, each clock for itself.
func newestFirst(head []byte) bool {
	last := map[wolflog.Clock]time.Duration{}
	back, forward := 0, 0
	step := func(clock wolflog.Clock, at time.Duration) {
		before, known := last[clock]
		last[clock] = at
		switch {
		case !known || at == before:
		case at < before:
			back++
		default:
			forward++
		}
	}
	for line := range bytes.Lines(head) {
		l := wolflog.Parse(string(bytes.TrimRight(line[:min(len(line), longestShape)], "\r\n")))
		switch l.Clock {
		case wolflog.UTCDay, wolflog.SinceStart:
			step(l.Clock, l.Time)
		case wolflog.UTCDate, wolflog.LocalDate:
			step(l.Clock, time.Duration(l.Date.Unix())*time.Second+time.Duration(l.Date.Nanosecond()))
		}
	}
	return back >= fewSteps && back > backFor*forward
}
