package session

import (
	"errors"
	"fmt"
	"time"

	"github.com/kennel-stream/kennel/internal/evidence"
	"github.com/kennel-stream/kennel/internal/media"
	"github.com/kennel-stream/kennel/internal/process"
)

const (
	// lateFrames is how many frame times an encoder may keep a picture, at least
	// quickStall, before it is looked at closely, each stallSlice.
	lateFrames = 8
	quickStall = 250 * time.Millisecond
	stallSlice = 50 * time.Millisecond
	// quickGPU is quickStall for an encoder in a GPU, whose work is not seen from
	// outside: an app may keep the GPU busy for longer.
	quickGPU = 750 * time.Millisecond
	// stalled is how long an encoder may bring no frame though nothing shows that
	// it hangs: it sends at least five per second, whatever the app does.
	// firstStall is the same for its first.
	stalled    = 1500 * time.Millisecond
	firstStall = 2 * time.Second
	// longestStall is the end even for one that works hard.
	longestStall = 4 * time.Second
	// strikes is how many looks in a row must show that it hangs, restful how
	// long it must have done nothing for the slower limits.
	strikes = 3
	restful = 300 * time.Millisecond
)

var (
	errStalled = errors.New("the encoder brought no frame")
	// errStopped: it was not its own doing.
	errStopped = errors.New("its process is stopped")
)

// stall tells an encoder that hangs from one that is late, as on a machine that
// has too little processor for all: it is asked only while no frame comes. Time
// in which this process itself was late, or stopped, does not count.
type stall struct {
	quick    time.Duration
	activity func() (process.Activity, bool)
	trail    func() media.Trail

	first  bool          // no frame has come yet
	since  time.Time     // of the last frame, or the start
	looked time.Time     // zero before the first look since then
	ran    time.Duration // then
	worked time.Time     // when it last was seen to work
	count  int           // of looks in a row that showed it hang
}

func newStall(fps int, element string, w *media.Worker, now time.Time) *stall {
	quick := max(quickStall, lateFrames*time.Second/time.Duration(max(fps, 1)))
	if media.EncoderOf(element).Hardware {
		quick = max(quick, quickGPU)
	}
	return &stall{quick: quick, activity: w.Process().Activity, trail: w.Trail, first: true, since: now, worked: now}
}

// frame notes that one came.
func (s *stall) frame(now time.Time) {
	s.first, s.since, s.looked, s.worked, s.count = false, now, time.Time{}, now, 0
}

// wait is how long to wait for a frame before the next look.
func (s *stall) wait() time.Duration {
	if s.looked.IsZero() {
		return s.quick
	}
	return stallSlice
}

// look is called when no frame came for wait. It returns why the encoder is to
// be replaced, nil while it may still come to something.
func (s *stall) look(now time.Time) error {
	last, due := s.looked, stallSlice
	if last.IsZero() {
		last, due = s.since, s.quick
	}
	if late := now.Sub(last) - due; late > stallSlice {
		// We were not there ourselves.
		s.since, s.worked, s.count = s.since.Add(late), now, 0
	}
	a, _ := s.activity() // of one that has ended its stream tells first
	busy := !s.looked.IsZero() && a.Ran-s.ran >= now.Sub(s.looked)/10
	known := !s.looked.IsZero()
	s.looked, s.ran = now, a.Ran
	if busy {
		s.worked, s.count = now, 0
	}
	return s.judge(a, s.trail(), known && !busy, now)
}

// judge decides; idle says that it did nothing since the last look.
func (s *stall) judge(a process.Activity, t media.Trail, idle bool, now time.Time) error {
	silent := now.Sub(s.since)
	held := time.Duration(0)
	if t.Busy != 0 {
		held = time.Duration(evidence.Monotonic() - t.Busy)
	}
	if idle && !a.Blocked && (a.Stopped || held >= s.quick) {
		if s.count++; s.count >= strikes {
			if a.Stopped {
				return fmt.Errorf("%w for %s: %w", errStalled, silent.Round(time.Millisecond), errStopped)
			}
			return fmt.Errorf("%w for %s, though it has had a picture for %s", errStalled, silent.Round(time.Millisecond), held.Round(time.Millisecond))
		}
	} else {
		s.count = 0
	}
	limit := stalled
	if s.first {
		limit = firstStall
	}
	if silent < limit || now.Sub(s.worked) < restful && silent < longestStall {
		return nil
	}
	if s.first && t.Scenes == 0 && time.Duration(evidence.Monotonic()-t.Beat) < limit {
		return nil // there is no picture before the app, or the display, has one
	}
	return fmt.Errorf("%w for %s", errStalled, silent.Round(time.Millisecond))
}
