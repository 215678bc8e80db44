package session

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/kennel-stream/kennel/internal/display"
	"github.com/kennel-stream/kennel/internal/evidence"
)

// noPictureAfter is when a running app without a window is worth a note.
const noPictureAfter = 10 * time.Second

const (
	// pulseEvery is how often a display is asked something, and how long it may
	// take to answer; after maxMisses in a row it is taken for dead.
	pulseEvery = time.Second
	maxMisses  = 3
)

// watchPulse ends a session whose display lives but does not answer: the player
// would look at a picture that stands still, and act on nothing.
func (s *Session) watchPulse() {
	tick := time.NewTicker(pulseEvery)
	defer tick.Stop()
	for misses := 0; misses < maxMisses; {
		select {
		case <-tick.C:
		case <-s.ending:
			return
		case <-s.display.Process().Done():
			return // watchDisplay tells
		}
		ctx, cancel := context.WithTimeout(context.Background(), pulseEvery)
		_, err := s.display.Stats(ctx)
		cancel()
		switch {
		case err == nil:
			misses = 0
		case errors.Is(err, display.ErrGone):
			return
		default:
			misses++
		}
	}
	detail := fmt.Sprintf("it did not answer for %s and was killed", maxMisses*pulseEvery)
	s.trace.Failed(evidence.StageDisplay, evidence.FaultDisplayDied, "process", "display", "how", detail, "last", s.lastLine("display"))
	s.End(evidence.EndDisplayDied, detail)
	s.display.Process().Kill()
}

// watchDisplay turns what happens in the display into events, until it is gone.
func (s *Session) watchDisplay() {
	noPicture := time.NewTimer(noPictureAfter)
	defer noPicture.Stop()
	events := s.display.Events()
	for events != nil {
		select {
		case e, ok := <-events:
			if !ok {
				events = nil
				break
			}
			s.displayEvent(e)
		case <-noPicture.C:
			if !s.hasPicture() {
				s.trace.Failed(evidence.StageApp, evidence.FaultAppNoPicture, "after", noPictureAfter.String())
			}
		}
	}
	// One whose link ends without it is of no use either.
	select {
	case <-s.display.Process().Done():
	case <-time.After(displayTimeout):
	}
	exit := s.display.Process().End()
	if s.isEnding() {
		s.trace.Exited(evidence.StageDisplay, "", "process", "display", "how", exit.String())
		return
	}
	how := s.howExited(exit)
	s.trace.Exited(evidence.StageDisplay, evidence.FaultDisplayDied, "process", "display", "how", how, "last", s.lastLine("display"))
	s.End(evidence.EndDisplayDied, how)
}

func (s *Session) displayEvent(e display.Event) {
	switch e.Kind {
	case display.EventFirstCommit, display.EventMapped:
		s.mu.Lock()
		s.mapped = true
		s.mu.Unlock()
		s.trace.Note(evidence.StageApp, "display", string(e.Kind), "title", e.Title, "app_id", e.AppID)
	case display.EventClientGone:
		s.trace.Note(evidence.StageDisplay, "display", string(e.Kind), "reason", e.Reason)
	case display.EventFault:
		if e.Fault == display.FaultSinkLost {
			s.watchers.Go(func() { s.sinkLost(e.Sink) })
		}
		s.trace.Note(evidence.StageDisplay, "display", string(e.Kind), "what", e.Fault, "detail", e.Detail)
	}
}

func (s *Session) hasPicture() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.mapped
}

func (s *Session) isEnding() bool {
	select {
	case <-s.ending:
		return true
	default:
		return false
	}
}
