package session

import (
	"errors"
	"fmt"
	"time"

	"github.com/kennel-stream/kennel/internal/media"
)

const (
	// steadyFrames is how many frames an encoder must have brought for its
	// death not to count against it: something else killed it.
	steadyFrames = 30
	// maxRestarts bounds the encoders of one rung within restartWindow that end
	// although they worked: one that flaps is no better than one that fails.
	maxRestarts   = 25
	restartWindow = time.Minute
)

// access says whether a rung may be climbed now.
type access int

const (
	// accessFree: nothing speaks against it.
	accessFree access = iota
	// accessResting: it failed in sessions, and is taken only where no other is
	// left.
	accessResting
	// accessTaken: its GPU has as many encoders as it may. Whoever has one there
	// may replace it.
	accessTaken
	// accessClosed: it must not be used.
	accessClosed
)

// look tells of a rung whether it may be climbed now, and why not.
type look func(element string) (access, string)

// ladder decides which encoder comes after one that failed: the same once
// more, then the next, best first. One that had worked well does not lose its
// place, unless it flaps. It is of one goroutine.
type ladder struct {
	look  look
	rungs []rung
	at    int // -1 when none is left
}

// rung is what one rendition has seen of an encoder.
type rung struct {
	element  string
	failed   int    // times in a row
	out      string // why this rendition uses it no more
	restarts *breaker
}

// newLadder stands on the best rung that may be climbed; see rung.
func newLadder(elements []string, look look) *ladder {
	l := &ladder{look: look, at: -1}
	for _, element := range elements {
		l.rungs = append(l.rungs, rung{element: element, restarts: newBreaker(maxRestarts, restartWindow)})
	}
	l.climb()
	return l
}

// rung is the encoder to use now; ok is false when none is left.
func (l *ladder) rung() (element string, ok bool) {
	if l.at < 0 {
		return "", false
	}
	return l.rungs[l.at].element, true
}

// step takes the end of an encoder that brought so many frames. It tells
// whether the rung is at fault, rather than what killed one that worked.
func (l *ladder) step(err error, frames int, now time.Time) (blamed bool) {
	r := &l.rungs[l.at]
	switch {
	case errors.Is(err, media.ErrEncoderMissing):
		r.out, blamed = err.Error(), true
	case frames >= steadyFrames:
		r.failed = 0
		if !r.restarts.allow(now) {
			r.out, blamed = fmt.Sprintf("%s ended more than %d times within %s: %s", r.element, maxRestarts, restartWindow, err), true
		}
	default:
		blamed = true
		if r.failed++; r.failed > 1 {
			r.out = err.Error()
		}
	}
	l.climb()
	return blamed
}

// climb stays where it may, else goes to the best rung that is left. What the
// house knows is asked each time: a rung may have been closed since the last.
func (l *ladder) climb() {
	if l.at >= 0 && l.rungs[l.at].out == "" {
		if may, _ := l.look(l.rungs[l.at].element); may != accessClosed {
			return
		}
	}
	l.at = -1
	for i := range l.rungs {
		if l.rungs[i].out != "" {
			continue
		}
		switch may, _ := l.look(l.rungs[i].element); may {
		case accessFree:
			l.at = i
			return
		case accessResting:
			if l.at < 0 {
				l.at = i
			}
		}
	}
}

// leftOut tells why the rungs above the present one are not used, those of the
// whole ladder when none is left.
func (l *ladder) leftOut() (reasons []string) {
	for i := range l.rungs {
		if i == l.at {
			break
		}
		r := &l.rungs[i]
		if r.out != "" {
			reasons = append(reasons, r.element+": "+r.out)
		} else if may, why := l.look(r.element); may != accessFree {
			reasons = append(reasons, why)
		}
	}
	return reasons
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
