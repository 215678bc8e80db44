// Package ipc carries small versioned messages and file descriptors between
// Kennel's own processes, and encoded frames from a media worker to the host.
//
// Control goes over SEQPACKET socketpairs (Conn): one datagram is one message,
// so a peer that dies in the middle can never leave half a message behind.
// Encoded frames go over stream socketpairs with a length prefix (FrameWriter,
// FrameReader), because a key frame may be larger than a datagram can be.
//
// Both ends are made by the parent with Pair or StreamPair, and one end is
// handed to the child at spawn. Every call takes a deadline.
package ipc

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Version is the protocol version that both ends put into every message and
// that a hello message confirms. Ends of different versions refuse each other.
const Version = 1

// MaxMessage is the largest payload in bytes that Conn carries.
const MaxMessage = 64 << 10

// MaxFiles is the largest number of file descriptors in one message.
const MaxFiles = 16

const headerSize = 4

// Errors that callers branch on.
var (
	// ErrVersion means the other end was built from another protocol version.
	ErrVersion = errors.New("the other process speaks another ipc version: install kennel and kennel-media of one release")
	// ErrTooLarge means a message is larger than MaxMessage or carries more than MaxFiles.
	ErrTooLarge = errors.New("ipc message is too large")
	// ErrMalformed means a message is shorter than its header or was cut.
	ErrMalformed = errors.New("malformed ipc message")
)

// Message is one received message. Payload is valid until the next Receive on
// the same Conn. The receiver owns Files and must close them.
type Message struct {
	Type    uint16
	Payload []byte
	Files   []int
}

// CloseFiles closes every descriptor that came with the message.
func (m *Message) CloseFiles() {
	for _, fd := range m.Files {
		_ = unix.Close(fd)
	}
	m.Files = nil
}

// Decode unmarshals a JSON payload into v.
func (m *Message) Decode(v any) error {
	if err := json.Unmarshal(m.Payload, v); err != nil {
		return fmt.Errorf("%w: type %d: %w", ErrMalformed, m.Type, err)
	}
	return nil
}

// Conn is one end of a SEQPACKET socketpair. Send may be called from many
// goroutines; Receive from one at a time.
type Conn struct {
	uc *net.UnixConn

	sendMu sync.Mutex // covers sendBuf and the order of sends
	send   []byte

	recv []byte
	oob  []byte
}

// Pair makes a SEQPACKET socketpair: the parent's end, and the child's end as
// a file to pass at spawn. The caller closes both.
func Pair() (*Conn, *os.File, error) {
	a, b, err := socketpair(unix.SOCK_SEQPACKET)
	if err != nil {
		return nil, nil, err
	}
	conn, err := FromFile(a)
	if err != nil {
		_ = b.Close()
		return nil, nil, err
	}
	return conn, b, nil
}

// FilePair makes a SEQPACKET socketpair whose two ends both go to children.
func FilePair() (a, b *os.File, err error) { return socketpair(unix.SOCK_SEQPACKET) }

func socketpair(kind int) (a, b *os.File, err error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, kind|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("make a socketpair: %w", err)
	}
	return os.NewFile(uintptr(fds[0]), "ipc-parent"), os.NewFile(uintptr(fds[1]), "ipc-child"), nil
}

// FromFile takes over one end of a socketpair; f is closed in every case.
func FromFile(f *os.File) (*Conn, error) {
	c, err := net.FileConn(f)
	_ = f.Close()
	if err != nil {
		return nil, fmt.Errorf("adopt ipc socket: %w", err)
	}
	uc, ok := c.(*net.UnixConn)
	if !ok {
		_ = c.Close()
		return nil, fmt.Errorf("adopt ipc socket: it is a %T, not a unix socket", c)
	}
	return &Conn{uc: uc, recv: make([]byte, headerSize+MaxMessage+1), oob: make([]byte, unix.CmsgSpace(MaxFiles*4))}, nil
}

// FromFD takes over an inherited descriptor, as a child does with the ones
// named at spawn.
func FromFD(fd int) (*Conn, error) {
	unix.CloseOnExec(fd)
	return FromFile(os.NewFile(uintptr(fd), "ipc"))
}

// Send sends one message with its files before the deadline d from now
// (d <= 0: without waiting beyond one second). The files stay the caller's.
func (c *Conn) Send(d time.Duration, typ uint16, payload []byte, files ...int) error {
	if len(payload) > MaxMessage || len(files) > MaxFiles {
		return fmt.Errorf("%w: type %d, %d bytes, %d files", ErrTooLarge, typ, len(payload), len(files))
	}
	if d <= 0 {
		d = time.Second
	}
	c.sendMu.Lock()
	defer c.sendMu.Unlock()
	c.send = append(c.send[:0], Version, 0, byte(typ), byte(typ>>8))
	c.send = append(c.send, payload...)
	var oob []byte
	if len(files) > 0 {
		oob = unix.UnixRights(files...)
	}
	if err := c.uc.SetWriteDeadline(time.Now().Add(d)); err != nil {
		return fmt.Errorf("send ipc message %d: %w", typ, err)
	}
	if _, _, err := c.uc.WriteMsgUnix(c.send, oob, nil); err != nil {
		return fmt.Errorf("send ipc message %d: %w", typ, err)
	}
	return nil
}

// SendJSON sends v as the JSON payload of one message.
func (c *Conn) SendJSON(d time.Duration, typ uint16, v any, files ...int) error {
	payload, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encode ipc message %d: %w", typ, err)
	}
	return c.Send(d, typ, payload, files...)
}

// Receive waits for the next message until the deadline d from now (d <= 0:
// for ever; close the Conn to end it). io.EOF means that the other process
// closed its end or died.
func (c *Conn) Receive(d time.Duration) (Message, error) {
	var until time.Time
	if d > 0 {
		until = time.Now().Add(d)
	}
	if err := c.uc.SetReadDeadline(until); err != nil {
		return Message{}, fmt.Errorf("receive ipc message: %w", err)
	}
	n, oobn, flags, _, err := c.uc.ReadMsgUnix(c.recv, c.oob)
	if err != nil {
		return Message{}, fmt.Errorf("receive ipc message: %w", err)
	}
	m := Message{}
	if oobn > 0 {
		if m.Files, err = parseRights(c.oob[:oobn]); err != nil {
			return Message{}, err
		}
	}
	switch {
	case n == 0 && len(m.Files) == 0:
		return Message{}, fmt.Errorf("receive ipc message: %w", errEOF)
	case flags&(unix.MSG_TRUNC|unix.MSG_CTRUNC) != 0 || n < headerSize:
		m.CloseFiles()
		return Message{}, fmt.Errorf("%w: %d bytes, flags %#x", ErrMalformed, n, flags)
	case c.recv[0] != Version || c.recv[1] != 0:
		m.CloseFiles()
		return Message{}, fmt.Errorf("%w (%d, want %d)", ErrVersion, c.recv[0], Version)
	}
	m.Type = uint16(c.recv[2]) | uint16(c.recv[3])<<8
	m.Payload = c.recv[headerSize:n]
	return m, nil
}

func parseRights(oob []byte) ([]int, error) {
	msgs, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return nil, fmt.Errorf("%w: control data: %w", ErrMalformed, err)
	}
	var fds []int
	for _, m := range msgs {
		if m.Header.Level != unix.SOL_SOCKET || m.Header.Type != unix.SCM_RIGHTS {
			continue
		}
		got, err := unix.ParseUnixRights(&m)
		if err != nil {
			return nil, fmt.Errorf("%w: passed files: %w", ErrMalformed, err)
		}
		fds = append(fds, got...)
	}
	return fds, nil
}

// Close closes this end; the other one reads io.EOF.
func (c *Conn) Close() error { return c.uc.Close() }
