package wire

import (
	"encoding/binary"
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// Errors of an Encoder.
var (
	ErrTooLarge  = fmt.Errorf("message exceeds %d bytes or %d file descriptors", MaxMessageSize, MaxMessageFDs)
	ErrQueueFull = errors.New("the peer does not read: its queue is full")
)

// Encoder builds messages at the end of a queue of bytes that wait to be sent.
// It allocates only while the queue grows.
type Encoder struct {
	buf   []byte
	head  int // what lies before it is sent
	start int // of the message being built
	fds   []queuedFD
	first int // index in fds of the message's first
	limit int // bytes that may wait
	err   error
}

// queuedFD is a descriptor that must go out no later than the message whose
// first byte is at buf[at].
type queuedFD struct{ fd, at int }

// Begin starts a message from (or to) object.
func (e *Encoder) Begin(object uint32, opcode uint16) {
	e.start, e.first, e.err = len(e.buf), len(e.fds), nil
	e.buf = binary.NativeEndian.AppendUint32(e.buf, object)
	e.buf = binary.NativeEndian.AppendUint32(e.buf, uint32(opcode))
}

// Uint appends an unsigned integer or an object id (0 for null).
func (e *Encoder) Uint(v uint32) { e.buf = binary.NativeEndian.AppendUint32(e.buf, v) }

// Int appends a signed integer.
func (e *Encoder) Int(v int32) { e.Uint(uint32(v)) }

// Fixed appends a fixed-point number.
func (e *Encoder) Fixed(v Fixed) { e.Uint(uint32(v)) }

// String appends a string; it ends at its first zero byte, if it has one.
func (e *Encoder) String(s string) {
	for i := range len(s) {
		if s[i] == 0 {
			s = s[:i]
			break
		}
	}
	if len(s) >= MaxMessageSize {
		e.err = ErrTooLarge
		return
	}
	e.Uint(uint32(len(s) + 1))
	e.buf = append(append(e.buf, s...), 0)
	e.pad()
}

// NullableString appends a string, or null for nil.
func (e *Encoder) NullableString(s *string) {
	if s == nil {
		e.Uint(0)
		return
	}
	e.String(*s)
}

// Array appends an array of bytes.
func (e *Encoder) Array(b []byte) {
	if len(b) >= MaxMessageSize {
		e.err = ErrTooLarge
		return
	}
	e.Uint(uint32(len(b)))
	e.buf = append(e.buf, b...)
	e.pad()
}

func (e *Encoder) pad() {
	for len(e.buf)&3 != 0 {
		e.buf = append(e.buf, 0)
	}
}

// FD appends a duplicate of fd, which stays the caller's.
func (e *Encoder) FD(fd int) {
	if e.err != nil {
		return
	}
	if len(e.fds)-e.first >= MaxMessageFDs {
		e.err = ErrTooLarge
		return
	}
	dup, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		e.err = fmt.Errorf("duplicate file descriptor %d to send it: %w", fd, err)
		return
	}
	e.fds = append(e.fds, queuedFD{dup, e.start})
}

// Cancel drops the message that was begun.
func (e *Encoder) Cancel() {
	e.buf = e.buf[:e.start]
	for _, q := range e.fds[e.first:] {
		_ = unix.Close(q.fd)
	}
	e.fds = e.fds[:e.first]
}

// End queues the message. After an error nothing of it is queued:
// ErrTooLarge, ErrQueueFull, or a descriptor could not be duplicated.
func (e *Encoder) End() error {
	size := len(e.buf) - e.start
	switch {
	case e.err != nil:
	case size > MaxMessageSize:
		e.err = ErrTooLarge
	case e.limit > 0 && len(e.buf)-e.head > e.limit:
		e.err = ErrQueueFull
	}
	if e.err != nil {
		e.Cancel()
		return e.err
	}
	word := e.buf[e.start+4:]
	opcode := binary.NativeEndian.Uint32(word)
	binary.NativeEndian.PutUint32(word, uint32(size)<<16|opcode)
	return nil
}

// pending returns the bytes that may go out with one sendmsg(2), and how many
// of the descriptors go with them.
func (e *Encoder) pending() (b []byte, fds int) {
	if len(e.fds) <= MaxMessageFDs {
		return e.buf[e.head:], len(e.fds)
	}
	// Descriptors of one message stay together. Those of the message that
	// holds the first one too many wait with it.
	next := e.fds[MaxMessageFDs].at
	n := MaxMessageFDs
	for n > 0 && e.fds[n-1].at == next {
		n--
	}
	return e.buf[e.head:next], n
}

// sent drops n bytes and fds descriptors that went out.
func (e *Encoder) sent(n, fds int) {
	for _, q := range e.fds[:fds] {
		_ = unix.Close(q.fd)
	}
	e.fds = e.fds[:copy(e.fds, e.fds[fds:])]
	if e.head += n; e.head < len(e.buf) && e.head < cap(e.buf)/2 {
		return
	}
	left := copy(e.buf, e.buf[e.head:])
	e.buf = e.buf[:left]
	for i := range e.fds {
		e.fds[i].at -= e.head
	}
	e.head = 0
}

// close drops the queue.
func (e *Encoder) close() {
	for _, q := range e.fds {
		_ = unix.Close(q.fd)
	}
	e.fds, e.buf, e.head, e.start, e.first = nil, nil, 0, 0, 0
}
