package ipc

import (
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

var errEOF = io.EOF

// MaxFrame bounds one encoded frame or raw picture on a frame stream, in
// bytes: a raw 3840x2160 I420 picture fits.
const MaxFrame = 16 << 20

const frameHeaderSize = 36

// FrameKey marks a frame that a decoder can start from (an IDR).
const FrameKey = 1

// Frame is one access unit from an encoder, or to or from a decoder.
type Frame struct {
	// Flags holds FrameKey.
	Flags uint32
	// Sequence counts the frames of one stream from 1.
	Sequence uint64
	// Commit is the CLOCK_MONOTONIC time in nanoseconds of the client's commit
	// that the picture shows, 0 when it is not known.
	Commit int64
	// Done is the CLOCK_MONOTONIC time in nanoseconds at which the codec was done.
	Done int64
	// Width and Height are those of a raw picture in pixels, 0 for encoded frames.
	Width, Height uint16
	// Data is the payload; a reader's Data is valid until its next Read.
	Data []byte
}

// Key reports whether a decoder can start from f.
func (f *Frame) Key() bool { return f.Flags&FrameKey != 0 }

// StreamPair makes a stream socketpair for frames with sendBuffer bytes of
// kernel buffer (0: the default): the parent's and the child's end.
func StreamPair(sendBuffer int) (parent, child *os.File, err error) {
	parent, child, err = socketpair(unix.SOCK_STREAM)
	if err != nil {
		return nil, nil, err
	}
	if sendBuffer > 0 {
		for _, f := range []*os.File{parent, child} {
			// Best effort: the kernel caps it at wmem_max, frames then take more reads.
			_ = unix.SetsockoptInt(int(f.Fd()), unix.SOL_SOCKET, unix.SO_SNDBUF, sendBuffer)
			_ = unix.SetNonblock(int(f.Fd()), true)
		}
	}
	return parent, child, nil
}

// StreamConn adopts one end of a StreamPair; f is closed in every case.
func StreamConn(f *os.File) (net.Conn, error) {
	c, err := net.FileConn(f)
	_ = f.Close()
	if err != nil {
		return nil, fmt.Errorf("adopt frame stream: %w", err)
	}
	return c, nil
}

// FrameWriter writes frames to a stream. It is used by one goroutine.
type FrameWriter struct {
	conn net.Conn
	head [frameHeaderSize]byte
	bufs net.Buffers
	vec  [2][]byte
}

// NewFrameWriter returns a writer on conn.
func NewFrameWriter(conn net.Conn) *FrameWriter { return &FrameWriter{conn: conn} }

// Write writes one frame within d. After an error the stream is out of step
// and must be closed.
func (w *FrameWriter) Write(d time.Duration, f *Frame) error {
	if len(f.Data) > MaxFrame {
		return fmt.Errorf("%w: frame of %d bytes", ErrTooLarge, len(f.Data))
	}
	le := binary.LittleEndian
	le.PutUint32(w.head[0:], uint32(len(f.Data)))
	le.PutUint32(w.head[4:], f.Flags)
	le.PutUint64(w.head[8:], f.Sequence)
	le.PutUint64(w.head[16:], uint64(f.Commit))
	le.PutUint64(w.head[24:], uint64(f.Done))
	le.PutUint16(w.head[32:], f.Width)
	le.PutUint16(w.head[34:], f.Height)
	if err := w.conn.SetWriteDeadline(time.Now().Add(d)); err != nil {
		return fmt.Errorf("write frame: %w", err)
	}
	w.vec[0], w.vec[1] = w.head[:], f.Data
	w.bufs = w.vec[:]
	if _, err := w.bufs.WriteTo(w.conn); err != nil {
		return fmt.Errorf("write frame: %w", err)
	}
	return nil
}
