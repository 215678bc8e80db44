package connlimit

import (
	"fmt"
	"io"
	"net"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fakeConn is a connection from an address that does nothing.
type fakeConn struct {
	net.Conn
	from   string
	closed chan struct{}
}

func (c *fakeConn) RemoteAddr() net.Addr {
	return net.TCPAddrFromAddrPort(netip.MustParseAddrPort(c.from))
}
func (c *fakeConn) Close() error { close(c.closed); return nil }

// stage is a Limiter with two listeners.
type stage struct {
	*Limiter
	one, two *Listener

	mu      sync.Mutex // covers reports, which deadlines add to
	reports []string
}

func newStage(l Limits) *stage {
	s := &stage{}
	s.Limiter = New(l, func(listener string, remote netip.AddrPort, why string) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.reports = append(s.reports, fmt.Sprintf("%s %s %s", listener, remote, why))
	})
	s.one, s.two = s.Listen(nil, "one"), s.Listen(nil, "two")
	return s
}

func (s *stage) connect(to *Listener, from string) (*Conn, *fakeConn) {
	inner := &fakeConn{from: from, closed: make(chan struct{})}
	c, ok := to.admit(inner)
	if !ok {
		return nil, inner
	}
	return c, inner
}

func (c *fakeConn) isClosed() bool {
	select {
	case <-c.closed:
		return true
	default:
		return false
	}
}

func from(i int) string { return fmt.Sprintf("192.0.2.%d:1000", i) }

func TestNetwork(t *testing.T) {
	for text, want := range map[string]string{
		"192.0.2.7": "192.0.2.7/32", "::ffff:192.0.2.7": "192.0.2.7/32",
		"2001:db8:1:2:3::4": "2001:db8:1:2::/64", "fe80::1%eth0": "fe80::/64",
	} {
		if got := Network(netip.MustParseAddr(text)); got.String() != want {
			t.Errorf("%s counts as %s, want %s", text, got, want)
		}
	}
	if got := Network(netip.Addr{}); got.IsValid() {
		t.Errorf("no address counts as %s", got)
	}
}

// TestTheOldestSilentConnectionGoes: a flood of idle connections never keeps a
// newcomer out, and never touches a request that has come.
func TestTheOldestSilentConnectionGoes(t *testing.T) {
	s := newStage(Limits{Total: 8, PerAddress: 4})
	var idle []*fakeConn
	spoken, inner := s.connect(s.one, from(1))
	spoken.Received()
	for i := range 3 {
		_, c := s.connect(s.one, from(2+i))
		idle = append(idle, c)
	}
	for i := range 20 { // the listener has half of the places
		c, newcomer := s.connect(s.one, from(100+i))
		if c == nil || newcomer.isClosed() {
			t.Fatalf("newcomer %d is turned away", i)
		}
		idle = append(idle, newcomer)
		if closed := idle[i].isClosed(); !closed {
			t.Fatalf("silent connection %d stays while newer ones go", i)
		}
	}
	if inner.isClosed() || s.Connections() != 4 {
		t.Errorf("the connection with a request is closed: %t; %d are open", inner.isClosed(), s.Connections())
	}
	if c, _ := s.connect(s.two, from(1)); c == nil {
		t.Error("a full listener takes another's places")
	}
	if len(s.reports) != 20 || s.reports[0] != "one 192.0.2.2:1000 made room for another connection" {
		t.Errorf("reported %d, first %q", len(s.reports), s.reports[0])
	}
}

func TestAnAddressDisplacesItself(t *testing.T) {
	s := newStage(Limits{Total: 100, PerAddress: 2})
	_, other := s.connect(s.one, from(1))
	_, first := s.connect(s.one, "[::ffff:192.0.2.2]:1")
	s.connect(s.two, from(2))
	if c, _ := s.connect(s.two, from(2)); c == nil || !first.isClosed() || other.isClosed() {
		t.Error("not its own oldest connection made room")
	}
	if s.Connections() != 3 {
		t.Errorf("%d are open", s.Connections())
	}
}

func TestNoRoomWithoutSilence(t *testing.T) {
	s := newStage(Limits{Total: 4, PerAddress: 4})
	for i := range 2 {
		c, _ := s.connect(s.one, from(i))
		c.Received()
	}
	c, inner := s.connect(s.one, from(9))
	if c != nil || !inner.isClosed() || s.Connections() != 2 {
		t.Error("a connection with a request was displaced")
	}
}

// TestAnsweredConnectionsMakeRoom: those that linger after their answer go first
// among the older ones.
func TestAnsweredConnectionsMakeRoom(t *testing.T) {
	s := newStage(Limits{Total: 4, PerAddress: 4})
	c, first := s.connect(s.one, from(1))
	c.Received()
	held, second := s.connect(s.one, from(2))
	held.Received()
	c.Answered()
	if c, _ := s.connect(s.one, from(3)); c == nil || !first.isClosed() || second.isClosed() {
		t.Error("not the answered connection made room")
	}
	c.Answered() // closed by now
	if s.Connections() != 2 {
		t.Errorf("%d are open", s.Connections())
	}
}

// TestPlacesForLaunches: an address that is expected has places while strangers
// hold all others, and strangers do not displace it.
func TestPlacesForLaunches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(Limits{Total: 8, PerAddress: 8, Reserved: 4, Expected: 30 * time.Second})
		player := from(1)
		s.Expect(netip.MustParseAddr("192.0.2.1"))
		for i := range 4 { // two for each listener: with a request, so that they stay
			c, _ := s.connect([]*Listener{s.one, s.two}[i%2], from(10+i))
			c.Received()
		}
		if c, _ := s.connect(s.one, from(20)); c != nil {
			t.Error("a stranger takes a place that is kept")
		}
		_, launch := s.connect(s.one, player)
		if launch.isClosed() {
			t.Fatal("the player is turned away")
		}
		for i := range 10 {
			s.connect(s.one, from(30+i))
		}
		if launch.isClosed() {
			t.Error("strangers displace the player")
		}
		<-time.After(31 * time.Second) // of virtual time
		if c, _ := s.connect(s.two, player); c != nil {
			t.Error("places are kept for ever")
		}
	})
}

func TestDeadlines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(Limits{Total: 8, PerAddress: 8, FirstByte: 2 * time.Second, Request: 10 * time.Second})
		dial := func() (client net.Conn, c *Conn) {
			client, server := net.Pipe()
			c, ok := s.one.admit(server)
			if !ok {
				t.Fatal("no room")
			}
			return client, c
		}
		start := time.Now()
		lasted := func(client net.Conn) time.Duration {
			_, err := client.Read(make([]byte, 1))
			if err != io.EOF {
				t.Errorf("read: %v", err)
			}
			return time.Since(start)
		}
		silent, _ := dial()
		if d := lasted(silent); d != 2*time.Second {
			t.Errorf("a silent connection lasts %v", d)
		}
		start = time.Now()
		slow, reading := dial()
		go func() {
			for range 11 { // a byte every second does not put the deadline off
				_, _ = slow.Write([]byte{1})
				<-time.After(time.Second)
			}
		}()
		go func() {
			for buf := make([]byte, 1); ; {
				if _, err := reading.Read(buf); err != nil {
					return
				}
			}
		}()
		if d := lasted(slow); d != 10*time.Second {
			t.Errorf("a slow request lasts %v", d)
		}
		held, c := dial()
		c.Received()
		<-time.After(time.Hour)
		if s.Connections() != 1 || c.closed.Load() {
			t.Error("a request that waits for its answer is cut")
		}
		_ = c.Close()
		_ = held.Close()
		if err := c.Close(); err != net.ErrClosed || s.Connections() != 0 {
			t.Errorf("closed twice: %v, %d are open", err, s.Connections())
		}
		<-time.After(time.Minute) // the slow writer ends
	})
}

func TestPlans(t *testing.T) {
	for files, want := range map[int]Plan{
		64:      {64, 16, 32, 0},
		256:     {256, 32, 32, 3},
		1024:    {1024, 128, 32, 22},
		20000:   {20000, 1024, 32, 524},
		1 << 20: {1 << 20, 1024, 32, 29096},
	} {
		if got := PlanFor(files); got != want {
			t.Errorf("%d files: %+v, want %+v", files, got, want)
		}
	}
	if p, err := OfThisProcess(); err != nil || p.Files < 64 {
		t.Errorf("this process: %+v, %v", p, err)
	}
}

// BenchmarkFlood is the cost of one connection of a flood.
func BenchmarkFlood(b *testing.B) {
	l := New(For(1024), nil)
	listener := l.Listen(nil, "one")
	b.ReportAllocs()
	for i := range b.N {
		listener.admit(&fakeConn{from: fmt.Sprintf("192.%d.%d.7:1", i>>8&255, i&255), closed: make(chan struct{})})
	}
}
