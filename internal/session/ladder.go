package session

import (
	"errors"
	"time"

	"github.com/kennel-stream/kennel/internal/media"
)

const (
	// steadyFrames is how many frames an encoder must have brought for its
	// death not to count against it: something else killed it.
	steadyFrames = 30
	// maxRestarts bounds the encoders of one rendition within restartWindow,
	// for whatever reason they end.
	maxRestarts   = 40
	restartWindow = time.Minute
)

// ladder decides which encoder comes after one that failed: the same once
// more, then the next, best first. One that had worked well does not lose its
// place. It is of one goroutine.
type ladder struct {
	rungs    []string
	at       int
	failed   int // times in a row on this rung
	restarts *breaker
}

func newLadder(rungs []string) *ladder {
	return &ladder{rungs: rungs, restarts: newBreaker(maxRestarts, restartWindow)}
}

// rung is the encoder to use now.
func (l *ladder) rung() string { return l.rungs[l.at] }

// step takes the end of an encoder that brought so many frames; ok is false
// when there is none left to try.
func (l *ladder) step(err error, frames int, now time.Time) (ok bool) {
	switch {
	case errors.Is(err, media.ErrEncoderMissing):
		l.at, l.failed = l.at+1, 0
	case frames >= steadyFrames:
		l.failed = 0
	default:
		if l.failed++; l.failed > 1 {
			l.at, l.failed = l.at+1, 0
		}
	}
	return l.at < len(l.rungs) && l.restarts.allow(now)
}

// breaker allows n events per window, so that a broken encoder cannot flap.
type breaker struct {
	window time.Duration
	times  []time.Time // ring of the last n events
	next   int
}

func newBreaker(n int, window time.Duration) *breaker {
	return &breaker{window: window, times: make([]time.Time, n)}
}

func (b *breaker) allow(now time.Time) bool {
	if oldest := b.times[b.next]; !oldest.IsZero() && now.Sub(oldest) < b.window {
		return false
	}
	b.times[b.next] = now
	b.next = (b.next + 1) % len(b.times)
	return true
}
