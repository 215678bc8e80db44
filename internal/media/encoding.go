package media

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"time"

	"github.com/kennel-stream/kennel/internal/evidence"
	"github.com/kennel-stream/kennel/internal/ipc"
)

// frameBuffer is the kernel's buffer for encoded frames in bytes: a few tens
// of milliseconds, so that a reader which falls behind is noticed soon.
const frameBuffer = 128 << 10

// Encoding is a running encoder. Read is used by one goroutine, the other
// methods by any.
type Encoding struct {
	worker *Worker
	ready  Ready
	conn   net.Conn
	frames *ipc.FrameReader
}

// Encode makes the worker's one job an encoding of the scenes that come over
// sceneLink, and returns when the encoder is warm. sceneLink stays the
// caller's. Errors wrap ErrEncoderMissing, ErrGone or the context's; any other
// Fault of the worker is returned as such.
func (w *Worker) Encode(ctx context.Context, spec EncodeSpec, sceneLink *os.File) (*Encoding, error) {
	if err := spec.Check(); err != nil {
		return nil, err
	}
	mine, child, err := ipc.StreamPair(frameBuffer)
	if err != nil {
		return nil, fmt.Errorf("start encoding: %w", err)
	}
	defer func() { _ = child.Close() }()
	conn, err := ipc.StreamConn(mine)
	if err != nil {
		return nil, fmt.Errorf("start encoding: %w", err)
	}
	trail, err := newTrail()
	if err != nil {
		_ = conn.Close()
		return nil, fmt.Errorf("start encoding: %w", err)
	}
	if !w.keepTrail(trail) {
		_, _ = conn.Close(), trail.Close()
		return nil, fmt.Errorf("start encoding: %w", ErrBusy)
	}
	ready, err := w.begin(ctx, MessageEncode, spec, sceneLink, child, trail)
	if err != nil {
		_ = conn.Close()
		return nil, fmt.Errorf("start encoding: %w", err)
	}
	return &Encoding{worker: w, ready: ready, conn: conn, frames: ipc.NewFrameReader(conn)}, nil
}

// refusal is the error for a fault that came instead of Ready.
func refusal(f Fault) error {
	switch f.ID {
	case evidence.FaultEncoderMissing:
		return fmt.Errorf("%w: %w", ErrEncoderMissing, f)
	case evidence.FaultDecoderMissing:
		return fmt.Errorf("%w: %w", ErrDecoderMissing, f)
	}
	return f
}

// Ready tells which element encodes and how long its start took.
func (e *Encoding) Ready() Ready { return e.ready }

// Start lets frames flow, beginning with a key frame. No frame comes before
// the first scene.
func (e *Encoding) Start() error { return e.send(MessageStart, nil) }

// Pause stops the flow of frames until the next Start.
func (e *Encoding) Pause() error { return e.send(MessagePause, nil) }

// RequestKeyframe asks for a key frame. Requests within one frame interval
// share one.
func (e *Encoding) RequestKeyframe() error { return e.send(MessageKeyframe, nil) }

// SetBitrate changes the bit rate, in kbit/s.
func (e *Encoding) SetBitrate(kbps int) error {
	if kbps <= 0 || kbps > maxBitrateKbps {
		return fmt.Errorf("a bit rate of %d kbit/s cannot be encoded: it must be from 1 to %d", kbps, maxBitrateKbps)
	}
	return e.send(MessageBitrate, Bitrate{kbps})
}

func (e *Encoding) send(typ uint16, v any) error {
	if err := e.worker.conn.SendJSON(sendTimeout, typ, v); err != nil {
		return fmt.Errorf("tell the media worker: %w", err)
	}
	return nil
}

// Read reads the next encoded frame, waiting d for it to begin (d <= 0: for
// ever). f.Data is valid until the next Read. After io.EOF, which means that
// the worker is gone, every fault that it reported is in Faults.
func (e *Encoding) Read(d time.Duration, f *ipc.Frame) error {
	err := e.frames.Read(d, f)
	if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) && !errors.Is(err, net.ErrClosed) {
		select {
		case <-e.worker.ended:
		case <-time.After(sendTimeout):
		}
		if !errors.Is(err, io.EOF) {
			// A reset or a cut frame is also how a worker's death looks.
			err = fmt.Errorf("%w (%w)", io.EOF, err)
		}
	}
	return err
}

// Faults delivers what went wrong. It is closed when the worker is gone.
func (e *Encoding) Faults() <-chan Fault { return e.worker.faults }

// Stats returns the newest counters, at most about a second old.
func (e *Encoding) Stats() Stats {
	e.worker.mu.Lock()
	defer e.worker.mu.Unlock()
	return e.worker.stats
}

// Close ends the encoding and with it the worker, without waiting for it.
func (e *Encoding) Close() error {
	// A worker that cannot be told is gone or about to be killed.
	_ = e.worker.conn.Send(sendTimeout, MessageStop, nil)
	return e.conn.Close()
}
