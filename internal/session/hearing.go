package session

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/kennel-stream/kennel/internal/evidence"
	"github.com/kennel-stream/kennel/internal/ipc"
	"github.com/kennel-stream/kennel/internal/media"
	"github.com/kennel-stream/kennel/internal/sound"
)

const (
	// hearingStart bounds the start of the process that encodes sound.
	hearingStart = 5 * time.Second
	// hearingStalled is how long it may bring nothing: it sends silence, too.
	hearingStalled = 2 * time.Second
)

// hearing is the session's sound as its client gets it: a process that records
// and encodes, which is replaced when it fails. When it fails for good, the
// session goes on without sound. There is no ladder, since there is but one
// encoder of Opus.
type hearing struct {
	session *Session
	spec    media.OpusSpec
	cancel  context.CancelFunc
	done    chan struct{}
	play    chan SoundSink // holds the sink once the client is there
}

// newHearing starts it; nil without sound, which its methods take.
func newHearing(s *Session, spec media.OpusSpec) *hearing {
	if spec.Channels == 0 || s.sound == nil {
		return nil
	}
	ctx, cancel := context.WithCancel(context.Background())
	h := &hearing{session: s, spec: spec, cancel: cancel, done: make(chan struct{}), play: make(chan SoundSink, 1)}
	go h.run(ctx)
	return h
}

// close ends the encoder and returns when its process is gone.
func (h *hearing) close() {
	if h != nil {
		h.cancel()
		<-h.done
	}
}

func (h *hearing) run(ctx context.Context) {
	defer close(h.done)
	s := h.session
	s.trace.Began(evidence.StageAudioPipeline, "channels", strconv.Itoa(h.spec.Channels), "packet", h.spec.Duration.String(), "kbps", strconv.Itoa(h.spec.BitrateKbps))
	var sink SoundSink
	restarts := newBreaker(maxSoundRestarts, soundRestartWindow)
	for ctx.Err() == nil {
		err := h.encode(ctx, &sink)
		if ctx.Err() != nil || s.isEnding() {
			return
		}
		fault, known := errors.AsType[media.Fault](err)
		if known && fault.ID == evidence.FaultOpusMissing {
			s.trace.Failed(evidence.StageAudioPipeline, fault.ID, "error", fault.Detail)
			return
		}
		if !restarts.allow(time.Now()) {
			s.trace.Failed(evidence.StageAudioPipeline, audioFaults.of(err), "error", "the encoder of sound fails again and again: the session goes on without sound")
			return
		}
	}
}

// encode runs one process until it fails or ctx ends.
func (h *hearing) encode(ctx context.Context, sink *SoundSink) error {
	s := h.session
	w, err := h.start(ctx)
	if err != nil {
		if ctx.Err() == nil {
			s.trace.Failed(evidence.StageAudioPipeline, audioStart.of(err), "error", err.Error())
		}
		return err
	}
	err = h.drive(ctx, w, sink)
	exit := w.Kill()
	fault := audioFaults.of(err)
	if ctx.Err() != nil || s.isEnding() {
		fault = "" // the teardown kills the whole session
	}
	s.trace.Exited(evidence.StageAudioPipeline, fault, "process", "audio", "how", exit.String(), "error", err.Error(), "last", s.lastLine("audio"))
	return err
}

// start starts the process as the session's own user: the sound server lets
// nobody else in.
func (h *hearing) start(ctx context.Context) (*media.Worker, error) {
	s := h.session
	out, err := s.output.Source("audio")
	if err != nil {
		return nil, err
	}
	defer out.Close()
	ctx, cancel := context.WithTimeout(ctx, hearingStart)
	defer cancel()
	w, err := media.Start(ctx, s.house.spawner, media.Options{
		Executable: s.house.o.MediaExecutable, Audio: true, Env: s.markers(), Credential: s.credential, Group: s.group, Stderr: out,
	})
	if err == nil {
		prefer(w.Process())
	}
	return w, err
}

// drive starts the recording, waits for the client, and passes its packets on.
func (h *hearing) drive(ctx context.Context, w *media.Worker, sink *SoundSink) error {
	start, cancel := context.WithTimeout(ctx, hearingStart)
	defer cancel()
	recording, err := w.Record(start, media.RecordSpec{Opus: h.spec, Socket: h.session.sound.Socket(), Source: sound.Monitor})
	if err != nil {
		return err
	}
	defer recording.Close()
	stop := context.AfterFunc(ctx, func() { _ = recording.Close() })
	defer stop()
	h.session.trace.Done(evidence.StageAudioPipeline, "pid", strconv.Itoa(w.Process().PID()))
	followed := make(chan struct{})
	go func() {
		defer close(followed)
		h.follow(recording)
	}()
	// The reports end with the worker.
	defer func() { w.Kill(); <-followed }()
	if *sink == nil {
		select {
		case *sink = <-h.play:
		case <-ctx.Done():
			return ctx.Err()
		case <-w.Process().Done():
			return media.ErrGone
		}
	}
	if err := recording.Start(); err != nil {
		return err
	}
	var frame ipc.Frame
	for {
		if err := recording.Read(hearingStalled, &frame); err != nil {
			return h.explain(recording, err)
		}
		(*sink)(&frame)
	}
}

// follow tells of what the recorder hears, until it is gone.
func (h *hearing) follow(recording *media.Recording) {
	s, connected := h.session, false
	for heard := range recording.Sounds() {
		if heard.Connected != connected {
			if connected = heard.Connected; connected {
				s.preferSound()
			}
			s.trace.Note(evidence.StageAudioPipeline, "recording", strconv.FormatBool(connected))
		}
		if !heard.Settled {
			continue
		}
		s.mu.Lock()
		replaced := s.replaced
		s.replaced = false
		s.mu.Unlock()
		switch {
		case replaced && heard.Players > 0:
			s.trace.Note(evidence.StageAudioSink, "reconnected", fmt.Sprintf("the app plays on the new sound server (%d streams)", heard.Players))
		case replaced:
			s.trace.Note(evidence.StageAudioSink, "warning", "the app may stay silent: it has not connected to the new sound server")
		}
	}
}

// explain says what ended the stream.
func (h *hearing) explain(recording *media.Recording, err error) error {
	if err = reportedFault(recording.Faults(), err); isTimeout(err) {
		return fmt.Errorf("the encoder of sound brought nothing for %s: %w", hearingStalled, err)
	}
	return err
}
