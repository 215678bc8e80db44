package display

import (
	"errors"
	"fmt"
	"math"
	"os"
	"sync"
)

// maxQueued bounds the inputs that wait for a display which does not read them.
const maxQueued = 256

// ErrBehind means that inputs were given up because the display does not read
// them. What they would have let go is let go once it does.
var ErrBehind = errors.New("the display does not read its input")

// inputQueue holds inputs until they are sent: who brings them serves other
// sessions, too, and must not wait for a display that hangs.
type inputQueue struct {
	wake chan struct{} // holds a token while something may wait

	mu      sync.Mutex // covers what follows
	waiting []Input
	lost    int // given up since that was told
}

func newInputQueue() *inputQueue { return &inputQueue{wake: make(chan struct{}, 1)} }

// put adds an input. The error tells what was given up; the input itself waits
// all the same.
func (q *inputQueue) put(in Input) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.merge(in) {
		if len(q.waiting) >= maxQueued {
			// A release among them would be missed: everything is let go instead.
			q.lost += len(q.waiting)
			q.waiting = append(q.waiting[:0], Input{Kind: InputReleaseAll})
		}
		q.waiting = append(q.waiting, in)
	}
	select {
	case q.wake <- struct{}{}:
	default:
	}
	if lost := q.lost; lost > 0 {
		q.lost = 0
		return fmt.Errorf("%w: %d were given up", ErrBehind, lost)
	}
	return nil
}

// merge makes one of the newest that waits and what moves or scrolls on from
// it. The caller holds mu.
func (q *inputQueue) merge(in Input) bool {
	if len(q.waiting) == 0 {
		return false
	}
	last := &q.waiting[len(q.waiting)-1]
	if last.Kind != in.Kind {
		return false
	}
	switch in.Kind {
	case InputMotionAbsolute:
		*last = in
		return true
	case InputMotionRelative, InputAxis:
		x, y := last.X+in.X, last.Y+in.Y
		if max(x, y) > math.MaxInt16 || min(x, y) < math.MinInt16 {
			return false // it would be cut on the way
		}
		last.X, last.Y = x, y
		return true
	}
	return false
}

// next takes the oldest.
func (q *inputQueue) next() (in Input, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.waiting) == 0 {
		return Input{}, false
	}
	in = q.waiting[0]
	q.waiting = q.waiting[:copy(q.waiting, q.waiting[1:])]
	return in, true
}

// failed takes back what could not be sent: what lets something go is sent
// again, until it arrives or the display is gone.
func (q *inputQueue) failed(in Input) {
	q.mu.Lock()
	defer q.mu.Unlock()
	releases := in.Kind == InputReleaseAll || !in.Pressed && (in.Kind == InputKey || in.Kind == InputButton)
	if !releases {
		q.lost++
		return
	}
	q.waiting = append([]Input{in}, q.waiting...)
}

// write sends what is queued until the link ends.
func (d *Display) write() {
	var payload []byte
	for {
		select {
		case <-d.input.wake:
		case <-d.ended:
			return
		}
		for in, ok := d.input.next(); ok; in, ok = d.input.next() {
			payload = in.Append(payload[:0])
			err := d.conn.Send(sendTimeout, MessageInput, payload)
			if errors.Is(err, os.ErrDeadlineExceeded) {
				d.input.failed(in)
			} else if err != nil {
				return // the display is gone
			}
		}
	}
}
