package session

import (
	"context"
	"errors"
	"os"
	"time"

	"github.com/kennel-stream/kennel/internal/evidence"
)

// sceneLink is the media end of a link from the display.
type sceneLink struct{ file *os.File }

// Prepare starts an encoder for what the client negotiated; it does not wait
// for it. The display takes the stream's size. A rendition that runs already,
// as on a resume, is replaced.
func (s *Session) Prepare(ctx context.Context, stream Stream) error {
	s.mu.Lock()
	if s.end != "" {
		s.mu.Unlock()
		return evidence.Errorf(evidence.Unavailable, "the session has ended (%s): launch the app again", s.end)
	}
	old, heard := s.rendition, s.hearing
	s.rendition, s.hearing = nil, nil
	resize := stream.Width != s.request.Width || stream.Height != s.request.Height
	s.mu.Unlock()
	if old != nil {
		old.close()
	}
	heard.close()
	if resize {
		if err := s.display.Resize(ctx, stream.Width, stream.Height); err != nil {
			return evidence.Errorf(evidence.Unavailable, "resize the display: %w", err)
		}
	}
	s.rebook(stream.Width, stream.Height, stream.FPS, "")
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.end != "" || s.rendition != nil {
		return evidence.Errorf(evidence.Conflict, "the session changed while it was being prepared: connect again")
	}
	s.stream = stream
	s.request.Width, s.request.Height = stream.Width, stream.Height
	s.rendition = newRendition(s, stream)
	s.hearing = newHearing(s, stream.Audio)
	return nil
}

// Play sends the frames to sink from now on, beginning with a key frame. It
// counts once per Prepare.
func (s *Session) Play(sink FrameSink) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.rendition == nil || s.end != "" {
		return
	}
	select {
	case s.rendition.play <- sink:
	default:
		return
	}
	s.state = Streaming
	s.setTimer(0, nil)
}

// PlaySound sends the sound to sink from now on. It counts once per Prepare.
func (s *Session) PlaySound(sink SoundSink) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.hearing == nil || s.end != "" {
		return
	}
	select {
	case s.hearing.play <- sink:
	default:
	}
}

// Keyframe asks the encoder for a key frame at once, and does not wait for it.
func (s *Session) Keyframe() {
	select {
	case s.keyframes <- struct{}{}:
	default: // it is being asked already
	}
}

// passKeyframes passes requests for key frames on until the session ends.
func (s *Session) passKeyframes() {
	for {
		select {
		case <-s.keyframes:
			s.askKeyframe()
		case <-s.ending:
			return
		}
	}
}

// askKeyframe asks the encoder. Without one it does nothing: a new one begins
// with a key frame anyway.
func (s *Session) askKeyframe() {
	s.mu.Lock()
	r := s.rendition
	s.mu.Unlock()
	if r == nil {
		return
	}
	if e, _ := r.current(); e != nil {
		// A worker that does not listen is found by its missing frames.
		_ = e.RequestKeyframe()
	}
}

// SetBitrate changes the bit rate of the running encoder, in kbit/s.
func (s *Session) SetBitrate(kbps int) error {
	s.mu.Lock()
	r := s.rendition
	s.mu.Unlock()
	if r != nil {
		if e, _ := r.current(); e != nil {
			return e.SetBitrate(kbps)
		}
	}
	return nil
}

// Pause stops the encoder when the client has left; the app lives on for the
// lease. Held keys and buttons are let go.
func (s *Session) Pause() {
	s.mu.Lock()
	if s.end != "" || s.state == Paused || s.state == Launching {
		s.mu.Unlock()
		return
	}
	r, heard := s.rendition, s.hearing
	s.rendition, s.hearing = nil, nil
	s.state = Paused
	lease := s.house.limits().Lease
	s.setTimer(lease, func() { s.End(evidence.EndClientGone, "the client did not return within "+lease.String()) })
	s.mu.Unlock()
	s.trace.Note(evidence.StageStreaming, "paused", "the client left", "lease", lease.String())
	if r != nil {
		r.close()
	}
	heard.close()
	_ = s.display.ReleaseAll()
	if s.pads != nil {
		s.pads.Rest()
	}
}

// Resume readies a session for a client that returns. When the client then
// does not connect, the session is paused again.
func (s *Session) Resume() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.end != "" {
		return evidence.Errorf(evidence.NotFound, "the session has ended (%s): launch the app again", s.end)
	}
	s.state = Waiting
	since := evidence.Monotonic()
	s.setTimer(s.house.limits().Connect, func() {
		s.nameMissingStage(since)
		s.Pause()
	})
	return nil
}

// claim returns a worker for this session. The canary starts one: the spare is
// for players, whose failover must not wait because of it.
func (s *Session) claim(ctx context.Context) (*warm, error) {
	if s.request.Client == canaryClient {
		return s.house.spares.start(ctx)
	}
	return s.house.spares.claim(ctx)
}

// takeWorker returns the worker that was claimed at launch, else claims one,
// and makes it part of the session.
func (s *Session) takeWorker(ctx context.Context) (*warm, error) {
	s.mu.Lock()
	w := s.worker
	s.worker = nil
	s.mu.Unlock()
	if w != nil && !w.fit() {
		s.house.spares.retire(w)
		w = nil
	}
	if w == nil {
		var err error
		if w, err = s.claim(ctx); err != nil {
			return nil, err
		}
	}
	if err := s.group.Move(w.worker.Process()); err != nil {
		s.house.spares.retire(w)
		return nil, err
	}
	s.held.note(w.worker.Process().PID())
	s.output.Follow("media", w.output)
	w.output = nil
	return w, nil
}

// addSink makes a scene link with an id that this session has not used.
func (s *Session) addSink(ctx context.Context) (sceneLink, uint32, error) {
	s.mu.Lock()
	s.sinks++
	id := s.sinks
	s.mu.Unlock()
	file, err := s.display.AddSink(ctx, id)
	if err != nil {
		return sceneLink{}, 0, err
	}
	return sceneLink{file}, id, nil
}

// sinkLost replaces an encoder that lives but is no longer fed: its picture
// would stand still for ever. One that has died is found by the end of its
// frames, with a better reason.
func (s *Session) sinkLost(id uint32) {
	s.mu.Lock()
	r := s.rendition
	current := id == s.sinks
	s.mu.Unlock()
	if r == nil || !current {
		return
	}
	e, process := r.current()
	if e == nil {
		return
	}
	select {
	case <-process.Done():
	case <-s.ending:
	case <-time.After(sameDeath):
		_ = e.Close()
	}
}

func isTimeout(err error) bool {
	return errors.Is(err, os.ErrDeadlineExceeded)
}
