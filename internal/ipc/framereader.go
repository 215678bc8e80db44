package ipc

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	// firstBuffer is the size in bytes of a reader's memory at first: most
	// frames fit, so that a frame and its header take one system call.
	firstBuffer = 64 << 10
	// wholeFrame bounds the time that a frame which has begun may take, where the
	// caller sets no bound.
	wholeFrame = 5 * time.Second
)

// FrameReader reads frames from a stream. It is used by one goroutine.
type FrameReader struct {
	conn net.Conn
	raw  syscall.RawConn // of conn, nil where it has no descriptor

	buf        []byte
	start, end int // of the bytes in buf that no frame has taken yet
	taken      int // bytes of the frame that the last Read returned
	// armed is the deadline set on conn. It may lie before the one that is
	// wanted: setting it anew for every frame costs more than the rare early end.
	armed time.Time

	attempt func(fd uintptr) bool // readOnce, kept so that a Read does not allocate
	n       int                   // bytes that attempt read
	errno   syscall.Errno
}

// NewFrameReader returns a reader on conn.
func NewFrameReader(conn net.Conn) *FrameReader {
	r := &FrameReader{conn: conn, buf: make([]byte, firstBuffer)}
	r.attempt = r.readOnce
	if c, ok := conn.(syscall.Conn); ok {
		if raw, err := c.SyscallConn(); err == nil {
			r.raw = raw
		}
	}
	return r
}

// Read reads the next frame into f, whose Data stays valid until the next
// Read. d bounds the wait for all of it (d <= 0: for ever, but a frame that has
// begun must be there within 5 s). After a deadline the next Read goes on with
// the frame where this one stopped. io.EOF means the writer is gone.
func (r *FrameReader) Read(d time.Duration, f *Frame) error {
	r.start += r.taken
	r.taken = 0
	var until time.Time
	if d > 0 {
		until = time.Now().Add(d)
	}
	for {
		need, known, err := r.need()
		if err != nil {
			return err
		}
		if known && r.end-r.start >= need {
			r.take(need, f)
			return nil
		}
		if until.IsZero() && r.end > r.start {
			until = time.Now().Add(wholeFrame)
		}
		if err := r.more(need, until); err != nil {
			return fmt.Errorf("read frame: %w", err)
		}
	}
}

// need is how many bytes the next frame has with its header: at least those of
// a header, exactly once that is known.
func (r *FrameReader) need() (n int, known bool, err error) {
	if r.end-r.start < frameHeaderSize {
		return frameHeaderSize, false, nil
	}
	body := binary.LittleEndian.Uint32(r.buf[r.start:])
	if body > MaxFrame {
		return 0, false, fmt.Errorf("%w: frame announces %d bytes", ErrTooLarge, body)
	}
	return frameHeaderSize + int(body), true, nil
}

// take returns the frame of need bytes that is in the buffer.
func (r *FrameReader) take(need int, f *Frame) {
	le, head := binary.LittleEndian, r.buf[r.start:]
	f.Flags = le.Uint32(head[4:])
	f.Sequence = le.Uint64(head[8:])
	f.Commit = int64(le.Uint64(head[16:]))
	f.Done = int64(le.Uint64(head[24:]))
	f.Width = le.Uint16(head[32:])
	f.Height = le.Uint16(head[34:])
	f.Data = head[frameHeaderSize:need:need]
	r.taken = need
}

// more reads what there is, at least one byte, until a deadline (zero: none).
func (r *FrameReader) more(need int, until time.Time) error {
	r.room(need)
	for {
		if !until.IsZero() && (r.armed.IsZero() || r.armed.After(until)) {
			if err := r.arm(until); err != nil {
				return err
			}
		}
		n, err := r.read(r.buf[r.end:])
		r.end += n
		switch {
		case n > 0:
			return nil
		case errors.Is(err, os.ErrDeadlineExceeded) && (until.IsZero() || time.Now().Before(until)):
			// It was the deadline of an earlier Read.
			if err := r.arm(until); err != nil {
				return err
			}
		case errors.Is(err, io.EOF) && r.end > r.start:
			return io.ErrUnexpectedEOF // in the middle of a frame
		case err != nil:
			return err
		}
	}
}

func (r *FrameReader) arm(until time.Time) error {
	r.armed = until
	return r.conn.SetReadDeadline(until)
}

// room makes room for a whole frame of need bytes, behind what is there of it.
func (r *FrameReader) room(need int) {
	if r.start == r.end {
		r.start, r.end = 0, 0
	}
	if r.start+need <= len(r.buf) && r.end < len(r.buf) {
		return
	}
	to := r.buf
	if need > len(to) {
		to = make([]byte, need+need/2)
	}
	r.end = copy(to, r.buf[r.start:r.end])
	r.buf, r.start = to, 0
}

// read is conn.Read without the cost of a system call that may block: the
// descriptor does not block, and so the scheduler need not be told.
func (r *FrameReader) read(p []byte) (int, error) {
	if r.raw == nil {
		return r.conn.Read(p)
	}
	r.n, r.errno = 0, 0
	if err := r.raw.Read(r.attempt); err != nil {
		return 0, err
	}
	switch {
	case r.errno != 0:
		return 0, os.NewSyscallError("read", r.errno)
	case r.n == 0:
		return 0, io.EOF
	}
	return r.n, nil
}

// readOnce reads into the free part of the buffer. It reports false when there
// is nothing yet.
func (r *FrameReader) readOnce(fd uintptr) bool {
	p := r.buf[r.end:]
	for {
		n, _, errno := unix.RawSyscall(unix.SYS_READ, fd, uintptr(unsafe.Pointer(&p[0])), uintptr(len(p)))
		switch errno {
		case 0:
			r.n = int(n)
		case unix.EINTR:
			continue
		case unix.EAGAIN:
			return false
		default:
			r.errno = errno
		}
		return true
	}
}
