package wire

import (
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// pair returns two ends of a connection, which end with the test.
func pair(t testing.TB, limit int) (a, b *Conn) {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	ends := [2]*Conn{}
	for i, fd := range fds {
		f := os.NewFile(uintptr(fd), "socket")
		sock, err := net.FileConn(f)
		_ = f.Close()
		if err != nil {
			t.Fatal(err)
		}
		_ = sock.SetDeadline(time.Now().Add(10 * time.Second))
		if ends[i], err = NewConn(sock.(*net.UnixConn), limit); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			_ = ends[i].Shutdown()
			ends[i].ReleaseRead()
			ends[i].ReleaseWrite()
		})
	}
	return ends[0], ends[1]
}

// next reads one message.
func next(t testing.TB, c *Conn) RawMessage {
	t.Helper()
	for {
		m, ok, err := c.Next()
		if err != nil {
			t.Fatal(err)
		}
		if ok {
			return m
		}
		if err := c.Fill(); err != nil {
			t.Fatal(err)
		}
	}
}

func flush(t testing.TB, c *Conn) {
	t.Helper()
	if pending, err := c.Flush(); pending || err != nil {
		t.Fatalf("flush: pending %t, %v", pending, err)
	}
}

// TestDescriptorsArriveWithTheirMessages queues more than one sendmsg takes.
func TestDescriptorsArriveWithTheirMessages(t *testing.T) {
	a, b := pair(t, 0)
	const messages = 100
	for i := range messages {
		f, err := os.CreateTemp(t.TempDir(), "")
		if err != nil {
			t.Fatal(err)
		}
		if err := f.Truncate(int64(i)); err != nil {
			t.Fatal(err)
		}
		a.Begin(uint32(i), 1)
		a.FD(int(f.Fd()))
		a.Uint(0)
		if err := a.End(); err != nil {
			t.Fatal(err)
		}
		_ = f.Close()
	}
	flush(t, a)
	for i := range messages {
		m := next(t, b)
		var d Decoder
		d.Reset(m.Body, b.FDs())
		fd := d.FD()
		d.Uint()
		if err := d.Finish(); err != nil {
			t.Fatalf("message %d: %v", i, err)
		}
		var st unix.Stat_t
		if err := unix.Fstat(fd, &st); err != nil || st.Size != int64(i) {
			t.Fatalf("message %d came with file %d (%v)", i, st.Size, err)
		}
		if flags, _ := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); flags&unix.FD_CLOEXEC == 0 {
			t.Fatal("descriptor would be inherited")
		}
		_ = unix.Close(fd)
	}
	if b.FDs().Len() != 0 {
		t.Errorf("%d descriptors are left", b.FDs().Len())
	}
}

// TestFullSocket has a peer that does not read for a while.
func TestFullSocket(t *testing.T) {
	a, b := pair(t, 0)
	const messages = 100_000
	for i := range messages {
		a.Begin(uint32(i), 0)
		a.Uint(uint32(i))
		if err := a.End(); err != nil {
			t.Fatal(err)
		}
	}
	pending, err := a.Flush()
	if !pending || err != nil {
		t.Fatalf("flush: pending %t, %v", pending, err)
	}
	done := make(chan error, 1)
	go func() {
		for {
			err := a.WaitWritable()
			if err == nil {
				pending, err = a.Flush()
			}
			if err != nil || !pending {
				done <- err
				return
			}
		}
	}()
	for i := range messages {
		if m := next(t, b); m.Object != uint32(i) {
			t.Fatalf("message %d is %d", i, m.Object)
		}
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

func TestBadHeaders(t *testing.T) {
	for _, size := range []uint32{0, 4, 7, 9, 4100, 0xfffc} {
		a, b := pair(t, 0)
		if _, err := a.sock.Write(words(1, size<<16)); err != nil {
			t.Fatal(err)
		}
		if err := b.Fill(); err != nil {
			t.Fatal(err)
		}
		if _, ok, err := b.Next(); ok || !errors.Is(err, ErrHeader) {
			t.Errorf("size %d: %v", size, err)
		}
	}
}

func TestMessageInPieces(t *testing.T) {
	a, b := pair(t, 0)
	for _, piece := range words(5, 12<<16|3, 77) {
		if _, ok, err := b.Next(); ok || err != nil {
			t.Fatalf("a message before its end: %t %v", ok, err)
		}
		if _, err := a.sock.Write([]byte{piece}); err != nil {
			t.Fatal(err)
		}
		if err := b.Fill(); err != nil {
			t.Fatal(err)
		}
	}
	if m := next(t, b); m.Object != 5 || m.Opcode != 3 || len(m.Body) != 4 {
		t.Errorf("got %+v", m)
	}
	_ = a.Shutdown()
	if err := b.Fill(); !errors.Is(err, io.EOF) {
		t.Errorf("after the end: %v", err)
	}
}

// TestTooManyDescriptors sends descriptors that no message claims.
func TestTooManyDescriptors(t *testing.T) {
	a, b := pair(t, 0)
	fd := int(os.Stdin.Fd())
	for i := 0; ; i++ {
		if _, _, err := a.sock.WriteMsgUnix([]byte{0}, unix.UnixRights(fd, fd, fd, fd, fd, fd, fd, fd, fd, fd, fd, fd, fd, fd, fd, fd), nil); err != nil {
			t.Fatal(err)
		}
		err := b.Fill()
		if errors.Is(err, ErrTooManyFDs) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if i > MaxQueuedFDs/16 {
			t.Fatalf("%d descriptors wait", b.FDs().Len())
		}
	}
	a2, b2 := pair(t, 0)
	many := make([]int, MaxMessageFDs+12)
	for i := range many {
		many[i] = fd
	}
	if _, _, err := a2.sock.WriteMsgUnix([]byte{0}, unix.UnixRights(many...), nil); err != nil {
		t.Fatal(err)
	}
	if err := b2.Fill(); !errors.Is(err, ErrTooManyFDs) {
		t.Errorf("%d descriptors at once: %v", len(many), err)
	}
}

func TestCredentials(t *testing.T) {
	a, _ := pair(t, 0)
	cred, err := a.Credentials()
	if err != nil || int(cred.Pid) != os.Getpid() {
		t.Errorf("got %+v, %v", cred, err)
	}
}

func BenchmarkSendAndReceive(b *testing.B) {
	x, y := pair(b, 0)
	_ = x.sock.SetDeadline(time.Time{})
	_ = y.sock.SetDeadline(time.Time{})
	b.ReportAllocs()
	for b.Loop() {
		for range 8 {
			x.Begin(3, 1)
			x.Uint(4)
			x.Fixed(5)
			_ = x.End()
		}
		flush(b, x)
		for range 8 {
			m := next(b, y)
			var d Decoder
			d.Reset(m.Body, y.FDs())
			d.Uint()
			d.Fixed()
			if d.Finish() != nil {
				b.Fatal(d.Err())
			}
		}
	}
}
