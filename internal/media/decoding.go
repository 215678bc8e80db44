package media

import (
	"context"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/kennel-stream/kennel/internal/ipc"
)

// Picture is a decoded picture in I420: Data holds a plane of Y and then the
// two of half width and height, U and V, without padding. Odd sizes are
// rounded up for U and V. The matrix is the stream's.
type Picture struct {
	// Sequence is that of the access unit that the picture was in.
	Sequence      uint64
	Width, Height int
	// Done is the CLOCK_MONOTONIC time in nanoseconds at which it was decoded.
	Done int64
	Data []byte
}

// Y returns the plane of luma, Width bytes a row.
func (p *Picture) Y() []byte { return p.Data[:p.Width*p.Height] }

// U returns the first plane of chroma, (Width+1)/2 bytes a row.
func (p *Picture) U() []byte { return p.Data[p.Width*p.Height:][:p.chroma()] }

// V returns the second plane of chroma, (Width+1)/2 bytes a row.
func (p *Picture) V() []byte { return p.Data[p.Width*p.Height+p.chroma():][:p.chroma()] }

func (p *Picture) chroma() int { return (p.Width + 1) / 2 * ((p.Height + 1) / 2) }

// whole reports whether Data holds all three planes.
func (p *Picture) whole() bool { return len(p.Data) == p.Width*p.Height+2*p.chroma() }

// Decoding is a running decoder. Decode calls take turns.
type Decoding struct {
	worker *Worker
	ready  Ready

	mu     sync.Mutex // covers the exchange with the worker
	conn   net.Conn
	writer *ipc.FrameWriter
	reader *ipc.FrameReader
	frame  ipc.Frame
	broken error
}

// Decode makes the worker's one job a decoding. Errors wrap ErrDecoderMissing,
// ErrGone or the context's.
func (w *Worker) Decode(ctx context.Context, spec DecodeSpec) (*Decoding, error) {
	if spec.Codec != "h264" {
		return nil, fmt.Errorf("codec %q is not one that the media worker decodes: use h264", spec.Codec)
	}
	mine, child, err := ipc.StreamPair(0)
	if err != nil {
		return nil, fmt.Errorf("start decoding: %w", err)
	}
	defer func() { _ = child.Close() }()
	conn, err := ipc.StreamConn(mine)
	if err != nil {
		return nil, fmt.Errorf("start decoding: %w", err)
	}
	ready, err := w.begin(ctx, MessageDecode, spec, child)
	if err != nil {
		_ = conn.Close()
		return nil, fmt.Errorf("start decoding: %w", err)
	}
	return &Decoding{worker: w, ready: ready, conn: conn, writer: ipc.NewFrameWriter(conn), reader: ipc.NewFrameReader(conn)}, nil
}

// Ready tells which element decodes.
func (d *Decoding) Ready() Ready { return d.ready }

// defaultWait bounds a Decode whose context has no deadline.
const defaultWait = 10 * time.Second

// Decode decodes one access unit and calls each for every picture that comes
// out, in display order; the picture is valid during the call. None comes out
// of an access unit that is damaged or before the first key frame, which is no
// error; openh264dec gives the pictures of Main and High profile one access
// unit late. After an error the Decoding is of no more use.
func (d *Decoding) Decode(ctx context.Context, au []byte, sequence uint64, each func(*Picture)) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.broken != nil {
		return d.broken
	}
	stop := context.AfterFunc(ctx, func() { _ = d.conn.SetDeadline(time.Unix(1, 0)) })
	err := d.exchange(ctx, au, sequence, each)
	if !stop() && err == nil {
		err = ctx.Err()
	}
	if err != nil {
		// The stream is out of step now.
		d.broken = fmt.Errorf("decode access unit %d: %w", sequence, d.worker.explain(ctx, err))
		_ = d.conn.Close()
	}
	return d.broken
}

func (d *Decoding) exchange(ctx context.Context, au []byte, sequence uint64, each func(*Picture)) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	wait := defaultWait
	if until, ok := ctx.Deadline(); ok {
		wait = max(time.Until(until), time.Millisecond)
	}
	if err := d.writer.Write(wait, &ipc.Frame{Sequence: sequence, Data: au}); err != nil {
		return err
	}
	for {
		f := &d.frame
		if err := d.reader.Read(wait, f); err != nil {
			return err
		}
		if len(f.Data) > 0 {
			p := Picture{Sequence: f.Sequence, Width: int(f.Width), Height: int(f.Height), Done: f.Done, Data: f.Data}
			if !p.whole() {
				return fmt.Errorf("%w: a picture of %dx%d in %d bytes", ipc.ErrMalformed, p.Width, p.Height, len(p.Data))
			}
			each(&p)
		}
		if f.Flags&FrameMore == 0 {
			return nil
		}
	}
}

// Close ends the decoding and with it the worker, without waiting for it.
func (d *Decoding) Close() error {
	_ = d.worker.conn.Send(sendTimeout, MessageStop, nil)
	return d.conn.Close()
}
