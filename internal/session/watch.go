package session

import (
	"strings"
	"time"

	"github.com/kennel-stream/kennel/internal/display"
	"github.com/kennel-stream/kennel/internal/evidence"
)

// sameDeath is how long after an app's end the end of its display is still
// taken for the cause: an app ends because its display did, never the reverse.
const sameDeath = 100 * time.Millisecond

// noPictureAfter is when a running app without a window is worth a note.
const noPictureAfter = 10 * time.Second

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
	exit := s.display.Process().Exit()
	if s.isEnding() {
		s.trace.Exited(evidence.StageDisplay, "", "process", "display", "how", exit.String())
		return
	}
	s.trace.Exited(evidence.StageDisplay, evidence.FaultDisplayDied, "process", "display", "how", exit.String(), "last", s.lastLine("display"))
	s.End(evidence.EndDisplayDied, exit.String())
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

// watchApp waits for the app's end, which ends the session.
func (s *Session) watchApp() {
	result := s.running.Result()
	if s.isEnding() {
		s.trace.Exited(evidence.StageApp, "", "process", "app", "how", result.String())
		return
	}
	select {
	case <-s.display.Process().Done():
		s.trace.Exited(evidence.StageApp, "", "process", "app", "how", result.String(), "because", "its display is gone")
		s.End(evidence.EndDisplayDied, "")
		return
	case <-time.After(sameDeath):
	}
	if result.Clean() {
		s.trace.Exited(evidence.StageApp, evidence.FaultAppExited, "process", "app", "how", result.String())
		s.End(evidence.EndAppExited, result.String())
		return
	}
	s.trace.Exited(evidence.StageApp, evidence.FaultAppCrashed, "process", "app", "how", result.String(), "last", s.lastLine("app"))
	s.End(evidence.EndAppCrashed, result.String())
}

func (s *Session) lastLine(process string) string {
	tail := s.output.Tail(process)
	for i := len(tail) - 1; i >= 0; i-- {
		if line := strings.TrimSpace(tail[i]); line != "" {
			return line
		}
	}
	return ""
}

func (s *Session) isEnding() bool {
	select {
	case <-s.ending:
		return true
	default:
		return false
	}
}
