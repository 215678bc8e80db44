package session

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
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
	// nextWaits is how long the next encoder waits for the end of the one before.
	nextWaits = 250 * time.Millisecond
	// noticeTime is how long a player is told that the encoder was replaced.
	noticeTime = 6 * time.Second
)

var errUnfed = errors.New("the display had lost its link to the encoder")

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
	dying   sync.WaitGroup // of encoders that take their time to end

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
	defer r.dying.Wait()
	s := r.session
	steps := s.house.ladder()
	s.trace.Began(evidence.StageVideoPipeline, append([]string{
		"codec", "h264", "width", strconv.Itoa(r.stream.Width), "height", strconv.Itoa(r.stream.Height), "fps", strconv.Itoa(r.stream.FPS),
	}, why(steps)...)...)
	var sink FrameSink
	waits := 0
	for ctx.Err() == nil {
		element, ok := steps.rung()
		if !ok {
			s.End(evidence.EndEncoderDied, noEncoder(steps.leftOut()).Error())
			return
		}
		r.frames = 0
		s.rebook(r.stream.Width, r.stream.Height, r.stream.FPS, element)
		err := r.encode(ctx, element, &sink, why(steps)...)
		if ctx.Err() != nil {
			return
		}
		if none, ok := errors.AsType[noWorkerError](err); ok {
			if waits++; waits > maxWorkerWaits {
				s.End(evidence.EndEncoderDied, none.Error())
				return
			}
			if !workerWait(ctx, waits) {
				return
			}
			continue
		}
		waits = 0
		r.replace(steps, element, err)
	}
}

// replace has the ladder decide what comes after an encoder that failed, and
// tells of it.
func (r *rendition) replace(steps *ladder, failed string, err error) {
	s := r.session
	if buffer, ok := errors.AsType[clientBufferError](err); ok {
		s.refuse(buffer)
		steps.climb() // the house may have closed the rung meanwhile
	} else if blamed := steps.step(err, r.frames, time.Now()); blamed && !wasKilled(err) {
		s.house.rungFailed(failed, err)
	}
	next, ok := steps.rung()
	if !ok {
		return
	}
	s.tellFailover(failed, next, err)
}

// why is what events say of the rungs that are left out.
func why(steps *ladder) []string {
	if reasons := steps.leftOut(); len(reasons) > 0 {
		return []string{"left_out", strings.Join(reasons, "; ")}
	}
	return nil
}

// noWorkerError means that there was no process to encode in: no rung is to
// blame.
type noWorkerError struct{ error }

func (e noWorkerError) Unwrap() error { return e.error }

const (
	// firstWorkerWait is the pause after the first time in a row that there is no
	// worker, twice as long after each up to lastWorkerWait. After maxWorkerWaits
	// the session ends: a client would not wait longer for its first picture.
	firstWorkerWait = 50 * time.Millisecond
	lastWorkerWait  = 800 * time.Millisecond
	maxWorkerWaits  = 12
)

// workerWait waits before the n-th next attempt; false when ctx ends.
func workerWait(ctx context.Context, n int) bool {
	select {
	case <-time.After(min(firstWorkerWait<<(n-1), lastWorkerWait)):
		return true
	case <-ctx.Done():
		return false
	}
}

// encode runs one encoder process until it fails or ctx ends. attrs are for the
// event that it works.
func (r *rendition) encode(ctx context.Context, element string, sink *FrameSink, attrs ...string) error {
	s := r.session
	w, err := s.takeWorker(ctx)
	if err != nil {
		if ctx.Err() == nil {
			s.trace.Failed(evidence.StageVideoPipeline, videoStart.of(err), "error", err.Error())
		}
		return noWorkerError{err}
	}
	link, id, err := s.addSink(ctx)
	if err != nil {
		s.house.spares.retire(w)
		return noWorkerError{err}
	}
	err = r.drive(ctx, w, element, link, sink, attrs)
	r.set(nil, nil, "")
	trail := w.worker.Trail()
	exit := r.retire(ctx, w)
	_ = s.display.RemoveSink(id)
	if ctx.Err() != nil {
		s.trace.Exited(evidence.StageVideoPipeline, "", "process", "media", "how", exit.String())
		return ctx.Err()
	}
	if killed(exit, err) {
		err = killedError{err}
	} else if id, ok := trail.Buffer(); ok {
		err = clientBufferError{id, err}
	}
	if s.starvedBy(exit) {
		err = fmt.Errorf("%w: %w", err, errNoMemory)
	}
	fault := videoFaults.of(err)
	s.trace.Exited(evidence.StageVideoPipeline, fault, "process", "media", "encoder", element, "how", exit.String(), "error", err.Error(), "last", s.lastLine("media"))
	return err
}

// retire ends a worker and returns how it ended. One that SIGKILL does not end
// soon, since it hangs in a driver, does not hold up the next encoder; close
// waits for it.
func (r *rendition) retire(ctx context.Context, w *warm) process.Exit {
	ended := make(chan process.Exit, 1)
	r.dying.Go(func() { ended <- r.session.house.spares.retire(w) })
	late := time.NewTimer(nextWaits)
	defer late.Stop()
	select {
	case exit := <-ended:
		return exit
	case <-late.C:
	}
	if ctx.Err() != nil {
		return <-ended
	}
	state := "?"
	if a, _ := w.worker.Process().Activity(); a.Blocked {
		state = "D"
	}
	return process.Exit{PID: w.worker.Process().PID(), Name: "media", Code: -1, Stuck: state, At: time.Now()}
}

// drive starts the encoder, waits for the client, and passes its frames on.
func (r *rendition) drive(ctx context.Context, w *warm, element string, link sceneLink, sink *FrameSink, attrs []string) error {
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
	r.session.trace.Done(evidence.StageVideoPipeline, append([]string{"encoder", element, "pid", strconv.Itoa(w.worker.Process().PID())}, attrs...)...)
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
	return r.relay(encoding, w.worker, element, *sink)
}

// relay hands frames on until the stream ends or stalls.
func (r *rendition) relay(encoding *media.Encoding, w *media.Worker, element string, sink FrameSink) error {
	var frame ipc.Frame
	watch := newStall(r.stream.FPS, element, w, time.Now())
	for {
		if err := encoding.Read(watch.wait(), &frame); isTimeout(err) {
			if err := watch.look(time.Now()); err != nil {
				return r.explain(encoding, err)
			}
			continue
		} else if err != nil {
			return r.explain(encoding, err)
		}
		if r.frames++; r.frames == 1 {
			// Now the machine has time to warm up the next worker.
			r.session.house.spares.replenish()
		} else if r.frames == steadyFrames {
			r.session.house.rungs.worked(element)
		}
		watch.frame(time.Now())
		sink(&frame)
	}
}

// explain says what ended the stream.
func (r *rendition) explain(encoding *media.Encoding, err error) error {
	if err = reportedFault(encoding.Faults(), err); errors.Is(err, net.ErrClosed) {
		return errUnfed
	}
	return err
}
