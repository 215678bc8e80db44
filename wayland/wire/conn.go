package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

// readSize is how much is read at a time: four of the largest messages.
const readSize = 4 * MaxMessageSize

// ErrHeader means that a message's size is impossible.
var ErrHeader = errors.New("malformed message header")

// RawMessage is one request or event as it came in.
type RawMessage struct {
	Object uint32
	Opcode uint16
	Body   []byte // valid until the next call of Conn.Fill
}

// Conn is one end of a Wayland connection.
//
// The reading half (Fill, Next, FDs) and the writing half (Encoder, Flush,
// WaitWritable) may each be used by one goroutine at a time; Shutdown by any.
type Conn struct {
	Encoder

	sock *net.UnixConn
	raw  syscall.RawConn

	in   []byte
	r, w int // in[r:w] is not decoded yet
	oob  []byte
	fds  FDQueue

	// Arguments and results of send, which is made once so that Flush does
	// not allocate.
	send     func(fd uintptr) bool
	chunk    []byte
	rights   []byte
	written  int
	writeErr error
}

// NewConn wraps a connected socket, which the Conn owns from now on. Of bytes
// that the peer does not read, up to limit wait, or any number when limit is 0.
func NewConn(sock *net.UnixConn, limit int) (*Conn, error) {
	raw, err := sock.SyscallConn()
	if err != nil {
		return nil, fmt.Errorf("use wayland socket: %w", err)
	}
	c := &Conn{sock: sock, raw: raw, in: make([]byte, readSize), oob: make([]byte, unix.CmsgSpace(4*MaxMessageFDs))}
	c.limit = limit
	c.send = func(fd uintptr) bool {
		c.written, c.writeErr = unix.SendmsgN(int(fd), c.chunk, c.rights, nil, unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL)
		return true
	}
	return c, nil
}

// Credentials returns who connected, as the kernel recorded it.
func (c *Conn) Credentials() (*unix.Ucred, error) {
	var cred *unix.Ucred
	var err error
	if ctlErr := c.raw.Control(func(fd uintptr) {
		cred, err = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
	}); ctlErr != nil {
		err = ctlErr
	}
	if err != nil {
		return nil, fmt.Errorf("ask who connected: %w", err)
	}
	return cred, nil
}

// Fill waits for more bytes. It returns io.EOF after the peer closed the
// connection, and ErrTooManyFDs when it sent more descriptors than it may.
func (c *Conn) Fill() error {
	if c.r > 0 {
		c.w = copy(c.in, c.in[c.r:c.w])
		c.r = 0
	}
	if c.w == len(c.in) {
		return fmt.Errorf("read wayland socket: buffer is full of undecoded messages: %w", io.ErrShortBuffer)
	}
	n, oobn, flags, _, err := c.sock.ReadMsgUnix(c.in[c.w:], c.oob)
	if oobn > 0 {
		if fdErr := c.keepFDs(c.oob[:oobn]); fdErr != nil {
			return fdErr
		}
	}
	if err != nil {
		return fmt.Errorf("read wayland socket: %w", err)
	}
	if flags&unix.MSG_CTRUNC != 0 {
		return fmt.Errorf("read wayland socket: %w", ErrTooManyFDs)
	}
	if n == 0 {
		return io.EOF
	}
	c.w += n
	return nil
}

// keepFDs queues the descriptors of control messages. The net package has
// received them with MSG_CMSG_CLOEXEC.
func (c *Conn) keepFDs(oob []byte) error {
	messages, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return fmt.Errorf("read control message: %w", err)
	}
	var full error
	for i := range messages {
		fds, err := unix.ParseUnixRights(&messages[i])
		if err != nil {
			continue // another kind, which brings no descriptors
		}
		if err := c.fds.Push(fds...); err != nil {
			full = fmt.Errorf("read wayland socket: %w", err)
		}
	}
	return full
}

// Next returns the next whole message that was read; ok is false when Fill
// must be called first. The error is ErrHeader.
func (c *Conn) Next() (m RawMessage, ok bool, err error) {
	in := c.in[c.r:c.w]
	if len(in) < HeaderSize {
		return m, false, nil
	}
	word := binary.NativeEndian.Uint32(in[4:])
	size := int(word >> 16)
	if size < HeaderSize || size&3 != 0 || size > MaxMessageSize {
		return m, false, fmt.Errorf("%w: size %d", ErrHeader, size)
	}
	if len(in) < size {
		return m, false, nil
	}
	c.r += size
	return RawMessage{Object: binary.NativeEndian.Uint32(in), Opcode: uint16(word), Body: in[HeaderSize:size:size]}, true, nil
}

// FDs returns the received descriptors that no message has claimed.
func (c *Conn) FDs() *FDQueue { return &c.fds }

// Flush sends what is queued without blocking. When pending is true the
// socket is full: call WaitWritable, then Flush again.
func (c *Conn) Flush() (pending bool, err error) {
	for c.head < len(c.buf) {
		var n int
		c.chunk, n = c.pending()
		c.rights = nil
		if n > 0 {
			c.rights = rights(c.Encoder.fds[:n])
		}
		err := c.raw.Write(c.send)
		if err == nil {
			err = c.writeErr
		}
		switch err {
		case nil:
			c.sent(c.written, n)
		case unix.EINTR:
		case unix.EAGAIN:
			return true, nil
		default:
			return false, fmt.Errorf("write wayland socket: %w", err)
		}
	}
	return false, nil
}

func rights(queued []queuedFD) []byte {
	fds := make([]int, len(queued))
	for i, q := range queued {
		fds[i] = q.fd
	}
	return unix.UnixRights(fds...)
}

// WaitWritable blocks until the socket takes bytes again or is shut down.
// Nothing else of the writing half may be called meanwhile, but for queueing
// messages.
func (c *Conn) WaitWritable() error {
	// The first poll comes after the runtime poller was armed, so that a
	// socket that became writable since Flush is not missed.
	err := c.raw.Write(func(fd uintptr) bool {
		p := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLOUT}}
		n, err := unix.Poll(p, 0)
		return n > 0 || (err != nil && err != unix.EINTR)
	})
	if err != nil {
		return fmt.Errorf("wait for wayland socket: %w", err)
	}
	return nil
}

// Shutdown ends the connection: a blocked Fill or WaitWritable returns.
func (c *Conn) Shutdown() error { return c.sock.Close() }

// ReleaseRead closes the descriptors that no message claimed. Call it when
// the reading half is not used any more.
func (c *Conn) ReleaseRead() { c.fds.Close() }

// ReleaseWrite drops what is queued. Call it when the writing half is not
// used any more.
func (c *Conn) ReleaseWrite() { c.close() }
