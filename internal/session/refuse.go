package session

import (
	"errors"
	"fmt"
	"syscall"
	"time"

	"github.com/kennel-stream/kennel/internal/card"
	"github.com/kennel-stream/kennel/internal/display"
	"github.com/kennel-stream/kennel/internal/evidence"
	"github.com/kennel-stream/kennel/internal/media"
	"github.com/kennel-stream/kennel/internal/process"
)

// After more than maxRefusals GPU buffers of an app within refusalWindow that
// ended an encoder, no more of them are tried.
const (
	maxRefusals   = 5
	refusalWindow = time.Minute
)

// clientBufferError means that an encoder ended while it read a GPU buffer of
// the app: no rung is to blame, and the next encoder must not read it.
type clientBufferError struct {
	buffer uint32
	error
}

func (e clientBufferError) Unwrap() error { return e.error }

func (e clientBufferError) Error() string {
	return fmt.Sprintf("GPU buffer %d of the app: %s", e.buffer, e.error)
}

func isClients(err error) bool {
	_, ok := errors.AsType[clientBufferError](err)
	return ok
}

// killedError means that somebody else ended or stopped an encoder: other
// sessions learn nothing from it about the rung.
type killedError struct{ error }

func (e killedError) Unwrap() error { return e.error }

func wasKilled(err error) bool {
	_, ok := errors.AsType[killedError](err)
	return ok
}

// killed tells that somebody else ended an encoder, whatever it was reading.
func killed(exit process.Exit, err error) bool {
	return errors.Is(err, errStopped) || errors.Is(err, media.ErrGone) && exit.Signal == syscall.SIGKILL
}

// refuse has the display leave out what ended an encoder, and say so where
// nothing else is left to show.
func (s *Session) refuse(e clientBufferError) {
	s.mu.Lock()
	if s.refused == nil {
		s.refused = newBreaker(maxRefusals, refusalWindow)
	}
	all := !s.refused.allow(time.Now())
	s.mu.Unlock()
	title := s.request.App.Title
	what := failoverNotice("", "", e, title)
	if all {
		what = "Pictures that " + title + " draws with the GPU end the encoder again and again. None is shown any more."
		s.trace.Failed(evidence.StageVideoPipeline, evidence.FaultClientBuffer, "error", fmt.Sprintf("more than %d GPU buffers within %s ended an encoder: no more of them are read", maxRefusals, refusalWindow), "last", e.Error())
	}
	// A display that does not hear is about to be found dead.
	_ = s.display.Refuse(display.Refusal{Buffer: e.buffer, All: all})
	s.say(card.Card{Title: title, Lines: []string{what, "Quit the session in your client to choose another app."}})
}
