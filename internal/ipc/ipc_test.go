package ipc

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func pair(t *testing.T) (*Conn, *Conn) {
	t.Helper()
	a, f, err := Pair()
	if err != nil {
		t.Fatal(err)
	}
	b, err := FromFile(f)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = a.Close(); _ = b.Close() })
	return a, b
}

const soon = 5 * time.Second

func TestMessageWithFiles(t *testing.T) {
	a, b := pair(t)
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if err := a.Send(soon, 7, []byte("hello"), int(w.Fd())); err != nil {
		t.Fatal(err)
	}
	_ = w.Close()
	m, err := b.Receive(soon)
	if err != nil || m.Type != 7 || string(m.Payload) != "hello" || len(m.Files) != 1 {
		t.Fatalf("message = %+v, %v", m, err)
	}
	if flags, err := unix.FcntlInt(uintptr(m.Files[0]), unix.F_GETFD, 0); err != nil || flags&unix.FD_CLOEXEC == 0 {
		t.Errorf("passed file is not close-on-exec: %#x, %v", flags, err)
	}
	if _, err := unix.Write(m.Files[0], []byte("x")); err != nil {
		t.Error(err)
	}
	m.CloseFiles()
	if rest, err := io.ReadAll(r); err != nil || string(rest) != "x" {
		t.Errorf("pipe holds %q, %v", rest, err)
	}
}

func TestJSON(t *testing.T) {
	a, b := pair(t)
	type size struct{ Width, Height int }
	if err := a.SendJSON(soon, 1, size{1280, 720}); err != nil {
		t.Fatal(err)
	}
	m, err := b.Receive(soon)
	var got size
	if err != nil || m.Decode(&got) != nil || got != (size{1280, 720}) {
		t.Errorf("got %+v, %v", got, err)
	}
	if err := a.Send(soon, 1, []byte("{")); err != nil {
		t.Fatal(err)
	}
	if m, err = b.Receive(soon); err != nil || !errors.Is(m.Decode(&got), ErrMalformed) {
		t.Errorf("broken json is accepted, %v", err)
	}
}

func TestBoundsAndDeadlines(t *testing.T) {
	a, b := pair(t)
	if err := a.Send(soon, 1, make([]byte, MaxMessage+1)); !errors.Is(err, ErrTooLarge) {
		t.Errorf("oversize: %v", err)
	}
	if err := a.Send(soon, 1, make([]byte, MaxMessage)); err != nil {
		t.Errorf("largest: %v", err)
	}
	if m, err := b.Receive(soon); err != nil || len(m.Payload) != MaxMessage {
		t.Errorf("largest: %d bytes, %v", len(m.Payload), err)
	}
	if _, err := b.Receive(time.Millisecond); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("nothing there: %v", err)
	}
	// Nobody reads: a full socket must not hold the sender.
	var err error
	for range 10000 {
		if err = a.Send(time.Millisecond, 1, make([]byte, 1000)); err != nil {
			break
		}
	}
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("full socket: %v", err)
	}
	_ = a.Close()
	for err = nil; err == nil; {
		_, err = b.Receive(soon)
	}
	if !errors.Is(err, io.EOF) {
		t.Errorf("closed peer: %v, want io.EOF", err)
	}
}

// raw returns a Conn whose other end is written without the package.
func raw(t *testing.T) (*Conn, int) {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	c, err := FromFD(fds[0])
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close(); _ = unix.Close(fds[1]) })
	return c, fds[1]
}

func TestMalformedMessages(t *testing.T) {
	for name, tt := range map[string]struct {
		raw  []byte
		want error
	}{
		"short":    {[]byte{1, 0}, ErrMalformed},
		"version":  {[]byte{9, 0, 1, 0}, ErrVersion},
		"reserved": {[]byte{1, 1, 1, 0}, ErrVersion},
		"too long": {make([]byte, headerSize+MaxMessage+2), ErrMalformed},
	} {
		c, fd := raw(t)
		if _, err := unix.Write(fd, tt.raw); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Receive(soon); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", name, err, tt.want)
		}
	}
}

func streams(t *testing.T) (net.Conn, net.Conn) {
	t.Helper()
	p, c, err := StreamPair(1 << 20)
	if err != nil {
		t.Fatal(err)
	}
	a, err := StreamConn(p)
	if err != nil {
		t.Fatal(err)
	}
	b, err := StreamConn(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = a.Close(); _ = b.Close() })
	return a, b
}

func TestFrames(t *testing.T) {
	a, b := streams(t)
	sent := make(chan error, 1)
	big := bytes.Repeat([]byte{0xab}, 3<<20)
	go func() {
		w := NewFrameWriter(a)
		err := w.Write(soon, &Frame{Flags: FrameKey, Sequence: 1, Commit: 2, Done: 3, Width: 4, Height: 5, Data: []byte("idr")})
		if err == nil {
			err = w.Write(soon, &Frame{Sequence: 2, Data: big})
		}
		_ = a.Close()
		sent <- err
	}()
	r := NewFrameReader(b)
	var f Frame
	if err := r.Read(soon, &f); err != nil || !f.Key() || f.Sequence != 1 || f.Commit != 2 || f.Done != 3 || f.Width != 4 || f.Height != 5 || string(f.Data) != "idr" {
		t.Fatalf("frame = %+v, %v", f, err)
	}
	if err := r.Read(soon, &f); err != nil || f.Key() || !bytes.Equal(f.Data, big) {
		t.Fatalf("big frame: %d bytes, %v", len(f.Data), err)
	}
	if err := <-sent; err != nil {
		t.Error(err)
	}
	if err := r.Read(soon, &f); !errors.Is(err, io.EOF) {
		t.Errorf("after the last frame: %v, want io.EOF", err)
	}
}

func TestFrameBounds(t *testing.T) {
	a, b := streams(t)
	var head [frameHeaderSize]byte
	head[3] = 0xff
	if _, err := a.Write(head[:]); err != nil {
		t.Fatal(err)
	}
	var f Frame
	if err := NewFrameReader(b).Read(soon, &f); !errors.Is(err, ErrTooLarge) {
		t.Errorf("announced 4 GiB: %v", err)
	}
	a, b = streams(t)
	if _, err := a.Write(head[:10]); err != nil {
		t.Fatal(err)
	}
	_ = a.Close()
	if err := NewFrameReader(b).Read(soon, &f); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("cut header: %v", err)
	}
	if err := NewFrameWriter(b).Write(soon, &Frame{Data: make([]byte, MaxFrame+1)}); !errors.Is(err, ErrTooLarge) {
		t.Errorf("oversize write: %v", err)
	}
}

// TestFrameComesInPieces: a deadline in the middle of a frame loses nothing.
func TestFrameComesInPieces(t *testing.T) {
	a, b := streams(t)
	x, y := streams(t)
	if err := NewFrameWriter(x).Write(soon, &Frame{Flags: FrameKey, Sequence: 7, Data: []byte("abcdef")}); err != nil {
		t.Fatal(err)
	}
	raw := make([]byte, frameHeaderSize+6)
	if _, err := io.ReadFull(y, raw); err != nil {
		t.Fatal(err)
	}
	r := NewFrameReader(b)
	var f Frame
	for at := range raw {
		if err := r.Read(time.Millisecond, &f); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatalf("after %d bytes: %v", at, err)
		}
		if _, err := a.Write(raw[at : at+1]); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.Read(soon, &f); err != nil || f.Sequence != 7 || !f.Key() || string(f.Data) != "abcdef" {
		t.Fatalf("frame = %+v, %v", f, err)
	}
	if err := NewFrameWriter(a).Write(soon, &Frame{Sequence: 8, Data: []byte("g")}); err != nil {
		t.Fatal(err)
	}
	if err := r.Read(soon, &f); err != nil || f.Sequence != 8 || string(f.Data) != "g" {
		t.Fatalf("the next: %+v, %v", f, err)
	}
}

func TestFrameReadAllocatesNothing(t *testing.T) {
	a, b := streams(t)
	w, r := NewFrameWriter(a), NewFrameReader(b)
	out, in := Frame{Data: make([]byte, 20000)}, Frame{}
	step := func() {
		if err := w.Write(soon, &out); err != nil {
			t.Fatal(err)
		}
		if err := r.Read(soon, &in); err != nil {
			t.Fatal(err)
		}
	}
	step()
	if n := testing.AllocsPerRun(100, step); n > 0 {
		t.Errorf("%v allocations per frame", n)
	}
}

// TestFrameTakesOneCall: a frame that is there takes one system call with its
// header, and frames behind it take none.
func TestFrameTakesOneCall(t *testing.T) {
	a, b := streams(t)
	w, r := NewFrameWriter(a), NewFrameReader(b)
	calls := 0
	r.attempt = func(fd uintptr) bool {
		calls++
		return r.readOnce(fd)
	}
	for i := range uint64(3) {
		if err := w.Write(soon, &Frame{Sequence: i, Data: make([]byte, 3000)}); err != nil {
			t.Fatal(err)
		}
	}
	var f Frame
	for i := range uint64(3) {
		if err := r.Read(soon, &f); err != nil || f.Sequence != i || len(f.Data) != 3000 {
			t.Fatalf("frame %d = %+v, %v", i, f, err)
		}
	}
	if calls != 1 {
		t.Errorf("%d reads for 3 frames that were there", calls)
	}
}

// TestEarlierDeadlineEndsNothing: the deadline of a Read does not end the next.
func TestEarlierDeadlineEndsNothing(t *testing.T) {
	const short = 20 * time.Millisecond
	for _, next := range []time.Duration{soon, 0} {
		a, b := streams(t)
		w, r := NewFrameWriter(a), NewFrameReader(b)
		var f Frame
		if err := r.Read(short, &f); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatal(err)
		}
		if err := w.Write(soon, &Frame{Sequence: 1, Data: []byte("x")}); err != nil {
			t.Fatal(err)
		}
		if err := r.Read(short, &f); err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatal(err)
		}
		time.AfterFunc(2*short, func() { _ = w.Write(soon, &Frame{Sequence: 2}) })
		for f.Sequence != 2 {
			if err := r.Read(next, &f); err != nil {
				t.Fatalf("the next, within %v: %v", next, err)
			}
		}
		if len(f.Data) != 0 {
			t.Errorf("the empty frame has %d bytes", len(f.Data))
		}
	}
}

// TestFrameReaderWithoutDescriptor: a connection that is no socket works as well.
func TestFrameReaderWithoutDescriptor(t *testing.T) {
	a, b := net.Pipe()
	go func() {
		_ = NewFrameWriter(a).Write(soon, &Frame{Sequence: 1, Data: make([]byte, 100_000)})
		_ = a.Close()
	}()
	r := NewFrameReader(b)
	var f Frame
	if err := r.Read(soon, &f); err != nil || len(f.Data) != 100_000 {
		t.Fatalf("%d bytes, %v", len(f.Data), err)
	}
	if err := r.Read(soon, &f); !errors.Is(err, io.EOF) {
		t.Errorf("after the last: %v", err)
	}
}

func FuzzReceive(f *testing.F) {
	f.Add([]byte{1, 0, 2, 0, '{', '}'})
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, p []byte) {
		c, fd := raw(t)
		if len(p) == 0 || len(p) > headerSize+MaxMessage || unix.Send(fd, p, 0) != nil {
			return
		}
		if m, err := c.Receive(soon); err == nil && len(m.Payload) != len(p)-headerSize {
			t.Fatalf("%d bytes became a payload of %d", len(p), len(m.Payload))
		}
	})
}

// FuzzFrameReader reads a stream of frames as the other end of it sends them, in
// two writes.
func FuzzFrameReader(f *testing.F) {
	var good bytes.Buffer
	w := NewFrameWriter(bufferConn{&good})
	for i := range uint64(3) {
		if err := w.Write(soon, &Frame{Sequence: i, Flags: FrameKey, Data: []byte("some data")[:3*i]}); err != nil {
			f.Fatal(err)
		}
	}
	f.Add(good.Bytes(), uint16(40))
	f.Add([]byte{0xff, 0xff, 0xff, 0xff}, uint16(0))
	f.Fuzz(func(t *testing.T, stream []byte, cut uint16) {
		a, b := net.Pipe()
		go func() {
			at := min(int(cut), len(stream))
			_, _ = a.Write(stream[:at])
			_, _ = a.Write(stream[at:])
			_ = a.Close()
		}()
		defer b.Close()
		r, taken := NewFrameReader(b), 0
		for {
			var frame Frame
			if err := r.Read(soon, &frame); err != nil {
				if errors.Is(err, os.ErrDeadlineExceeded) {
					t.Error("the reader hangs")
				}
				break
			}
			at := taken + frameHeaderSize
			if taken = at + len(frame.Data); taken > len(stream) || !bytes.Equal(frame.Data, stream[at:taken]) {
				t.Fatalf("a frame of %d bytes ends at %d of %d", len(frame.Data), taken, len(stream))
			}
		}
	})
}

// bufferConn is a connection that keeps what is written.
type bufferConn struct{ *bytes.Buffer }

func (bufferConn) Close() error                     { return nil }
func (bufferConn) LocalAddr() net.Addr              { return nil }
func (bufferConn) RemoteAddr() net.Addr             { return nil }
func (bufferConn) SetDeadline(time.Time) error      { return nil }
func (bufferConn) SetReadDeadline(time.Time) error  { return nil }
func (bufferConn) SetWriteDeadline(time.Time) error { return nil }
