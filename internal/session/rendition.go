package session

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"sync"
	"time"

	"github.com/kennel-stream/kennel/internal/evidence"
	"github.com/kennel-stream/kennel/internal/ipc"
	"github.com/kennel-stream/kennel/internal/media"
	"github.com/kennel-stream/kennel/internal/process"
)

const (
	// encodeStart bounds an encoder's start on one rung of the ladder: clients
	// give up 10 s after PLAY, so that a second rung must still fit.
	encodeStart = 4 * time.Second
	// stalled is how long a running encoder may bring no frame: it sends at
	// least five per second, whatever the app does.
	stalled = 1500 * time.Millisecond
	// noticeTime is how long a player is told that the encoder was replaced.
	noticeTime = 6 * time.Second
)

var (
	errStalled = errors.New("the encoder brought no frame")
	errUnfed   = errors.New("the display had lost its link to the encoder")
)

// rendition is one encoding of the session's picture: an encoder process that
// is replaced when it fails, by the same encoder once and then by the next one
// of the ladder.
type rendition struct {
	session *Session
	stream  Stream
	cancel  context.CancelFunc
	done    chan struct{}
	play    chan FrameSink // holds the sink once the client is there
	frames  int            // of the present encoder; run's own

	mu       sync.Mutex // covers what follows
	encoding *media.Encoding
	process  *process.Process // of encoding
	element  string
}

func newRendition(s *Session, stream Stream) *rendition {
	ctx, cancel := context.WithCancel(context.Background())
	r := &rendition{session: s, stream: stream, cancel: cancel, done: make(chan struct{}), play: make(chan FrameSink, 1)}
	go r.run(ctx)
	return r
}

// close ends the encoder and returns when its process is gone.
func (r *rendition) close() {
	r.cancel()
	<-r.done
}

func (r *rendition) encoder() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.element
}

// current returns the running encoding and its process, nil before it plays.
func (r *rendition) current() (*media.Encoding, *process.Process) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.encoding, r.process
}

func (r *rendition) set(e *media.Encoding, p *process.Process, element string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.encoding, r.process, r.element = e, p, element
}

// run keeps an encoder going until the rendition is closed or none is left.
func (r *rendition) run(ctx context.Context) {
	defer close(r.done)
	s := r.session
	s.trace.Began(evidence.StageVideoPipeline, "codec", "h264", "width", strconv.Itoa(r.stream.Width), "height", strconv.Itoa(r.stream.Height), "fps", strconv.Itoa(r.stream.FPS))
	usable, reasons := s.house.usable()
	if len(usable) == 0 {
		s.End(evidence.EndEncoderDied, noEncoder(reasons).Error())
		return
	}
	steps := newLadder(usable)
	var sink FrameSink
	for ctx.Err() == nil {
		r.frames = 0
		failed := steps.rung()
		err := r.encode(ctx, failed, &sink)
		if ctx.Err() != nil {
			return
		}
		if !steps.step(err, r.frames, time.Now()) {
			s.End(evidence.EndEncoderDied, err.Error())
			return
		}
		s.trace.Note(evidence.StageVideoPipeline, "next", steps.rung(), "because", err.Error())
		if next := steps.rung(); next != failed {
			s.notify(fmt.Sprintf("The encoder %s failed; %s goes on in its place.", failed, next), noticeTime)
		}
	}
}

// encode runs one encoder process until it fails or ctx ends.
func (r *rendition) encode(ctx context.Context, element string, sink *FrameSink) error {
	s := r.session
	w, err := s.takeWorker(ctx)
	if err != nil {
		s.trace.Failed(evidence.StageVideoPipeline, evidence.FaultMediaStart, "error", err.Error())
		return err
	}
	link, id, err := s.addSink(ctx)
	if err != nil {
		s.house.spares.retire(w)
		return err
	}
	err = r.drive(ctx, w, element, link, sink)
	r.set(nil, nil, "")
	exit := s.house.spares.retire(w)
	_ = s.display.RemoveSink(id)
	if ctx.Err() != nil {
		s.trace.Exited(evidence.StageVideoPipeline, "", "process", "media", "how", exit.String())
		return ctx.Err()
	}
	fault := faultOf(err)
	s.trace.Exited(evidence.StageVideoPipeline, fault, "process", "media", "encoder", element, "how", exit.String(), "error", err.Error(), "last", s.lastLine("media"))
	return err
}

// drive starts the encoder, waits for the client, and passes its frames on.
func (r *rendition) drive(ctx context.Context, w *warm, element string, link sceneLink, sink *FrameSink) error {
	start, cancel := context.WithTimeout(ctx, encodeStart)
	encoding, err := w.worker.Encode(start, media.EncodeSpec{
		Codec: "h264", Encoder: element, Width: r.stream.Width, Height: r.stream.Height,
		FPSNum: r.stream.FPS, FPSDen: 1, BitrateKbps: r.stream.BitrateKbps, Slices: r.stream.Slices,
		Imports: r.session.house.workingImports(),
	}, link.file)
	cancel()
	_ = link.file.Close()
	if err != nil {
		return fmt.Errorf("start encoder %s: %w", element, err)
	}
	defer encoding.Close()
	stop := context.AfterFunc(ctx, func() { _ = encoding.Close() })
	defer stop()
	r.session.trace.Done(evidence.StageVideoPipeline, "encoder", element, "pid", strconv.Itoa(w.worker.Process().PID()))
	if *sink == nil {
		select {
		case *sink = <-r.play:
		case <-ctx.Done():
			return ctx.Err()
		case <-w.worker.Process().Done():
			return fmt.Errorf("encoder %s: %w", element, media.ErrGone)
		}
	}
	r.set(encoding, w.worker.Process(), element)
	if err := encoding.Start(); err != nil {
		return fmt.Errorf("start encoder %s: %w", element, err)
	}
	return r.relay(encoding, *sink)
}

// relay hands frames on until the stream ends. The wait for the first one is
// unbounded: there is no picture before the app draws one.
func (r *rendition) relay(encoding *media.Encoding, sink FrameSink) error {
	var frame ipc.Frame
	wait := time.Duration(0)
	for {
		if err := encoding.Read(wait, &frame); err != nil {
			return r.explain(encoding, err)
		}
		if wait == 0 {
			wait = stalled
			// Now the machine has time to warm up the next worker.
			r.session.house.spares.replenish()
		}
		r.frames++
		sink(&frame)
	}
}

// explain prefers the fault that the worker reported to the end of its stream.
func (r *rendition) explain(encoding *media.Encoding, err error) error {
	select {
	case fault, ok := <-encoding.Faults():
		if ok {
			return fmt.Errorf("%s: %s", fault.ID, fault.Detail)
		}
	default:
	}
	if errors.Is(err, io.EOF) {
		return media.ErrGone
	}
	if errors.Is(err, net.ErrClosed) {
		return errUnfed
	}
	if isTimeout(err) {
		return fmt.Errorf("%w for %s", errStalled, stalled)
	}
	return err
}

// faultOf names the catalogue's fault for what ended an encoder.
func faultOf(err error) evidence.FaultID {
	switch {
	case errors.Is(err, media.ErrEncoderMissing):
		return evidence.FaultEncoderMissing
	case errors.Is(err, media.ErrGone):
		return evidence.FaultEncoderDied
	case errors.Is(err, context.DeadlineExceeded):
		return evidence.FaultEncoderInit
	}
	return evidence.FaultEncoderError
}
