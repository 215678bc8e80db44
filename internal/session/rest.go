package session

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/kennel-stream/kennel/internal/media"
)

const (
	// restAfter is how many failures in a row, of whatever sessions and within
	// longestRest each, have a rung rest: each costs a player seconds.
	restAfter = 2
	// firstRest is how long, twice as long after each trial that fails or each
	// rest that no stream followed, up to longestRest. Then it is tried again.
	firstRest   = time.Minute
	longestRest = 5 * time.Minute
)

// of returns a rung of the present ladder, nil for none. The caller holds mu.
func (r *rungs) of(element string) *RungState {
	i := slices.IndexFunc(r.list, func(s RungState) bool { return s.Element == element })
	if i < 0 {
		return nil
	}
	return &r.list[i]
}

// failed takes note of a stream for whose end a rung was to blame. It returns
// how long the rung rests because of it, 0 when it does not.
func (r *rungs) failed(element string, err error, now time.Time) (rests time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	one := r.of(element)
	if one == nil || one.Tried && !one.Works {
		return 0
	}
	if now.Sub(one.failedAt) > longestRest {
		one.failures = 0
	}
	one.failedAt = now
	if one.failures++; one.failures < restAfter || one.Resting {
		return 0
	}
	one.Resting = true
	one.Reason = fmt.Sprintf("%s: failed %d times in sessions, rests until it is tried again: %s", element, one.failures, err)
	r.later(one, now)
	return one.rest
}

// rungFailed takes note of a stream for whose end a rung was to blame.
func (h *House) rungFailed(element string, err error) {
	if rests := h.rungs.failed(element, err, time.Now()); rests > 0 {
		h.o.Log.Warn("encoder rests after it failed in sessions", "encoder", element, "error", err, "tried_again_in", rests)
		h.event("encoder", "encoder", element, "state", "rests", "for", rests.String(), "because", err.Error())
	}
}

// worked takes note of a stream that a rung carries.
func (r *rungs) worked(element string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if one := r.of(element); one != nil {
		one.failures, one.rest = 0, 0
		if one.Resting {
			one.Resting, one.Reason, one.TriedAgain = false, "", time.Time{}
		}
	}
}

// tried keeps what trying a rung has shown; current is false when the ladder
// has no such rung by now.
func (r *rungs) tried(element string, pixelNanos float64, took time.Duration, err error) (was, now RungState, current bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	one := r.of(element)
	if one == nil {
		return was, now, false
	}
	was = *one
	if was.Resting && errors.Is(err, context.DeadlineExceeded) {
		// A machine that is too busy proves nothing, and perhaps no other is left.
		r.later(one, time.Now())
		return was, *one, true
	}
	one.Tried, one.Works, one.Took, one.PixelNanos = true, err == nil, took, pixelNanos
	one.Resting, one.Reason, one.TriedAgain, one.failures = false, "", time.Time{}, 0
	switch {
	case err == nil:
	case one.Hardware && !one.DeviceThere() && errors.Is(err, media.ErrEncoderMissing):
		one.Reason = notHere(element) // the usual case: no such GPU
	default:
		one.Reason = err.Error()
		r.later(one, time.Now())
	}
	return was, *one, true
}

// later has a rung tried again. The caller holds mu.
func (r *rungs) later(one *RungState, now time.Time) {
	one.rest = min(max(2*one.rest, r.firstRest), max(longestRest, r.firstRest))
	one.TriedAgain = now.Add(one.rest)
	select {
	case r.due <- struct{}{}:
	default:
	}
}

// next is the rung to try again first, and when; empty for none.
func (r *rungs) next() (element string, at time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range r.list {
		if one := &r.list[i]; !one.TriedAgain.IsZero() && (element == "" || one.TriedAgain.Before(at)) {
			element, at = one.Element, one.TriedAgain
		}
	}
	return element, at
}

// tendRungs tries rungs again that have rested, or that did not work when they
// were tried last, until ctx ends: what was wrong may have been put right.
func (h *House) tendRungs(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		timer.Stop()
		element, at := h.rungs.next()
		if element != "" {
			timer.Reset(time.Until(at))
		}
		select {
		case <-ctx.Done():
			return
		case <-h.rungs.due:
		case <-timer.C:
			h.tryAndTell(ctx, element)
		}
	}
}
