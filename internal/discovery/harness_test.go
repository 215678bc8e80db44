package discovery

import (
	"context"
	"net"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

// patience is for a loaded machine.
const patience = 20 * time.Second

// freePort is a UDP port for a network of its own among the tests.
func freePort(t *testing.T) uint16 {
	t.Helper()
	conn, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	return uint16(conn.LocalAddr().(*net.UDPAddr).Port)
}

// running is a responder on the loopback interface.
type running struct {
	events chan Event
	stop   func()
}

func start(t *testing.T, port uint16, s Service, change ...func(*Options)) *running {
	t.Helper()
	events := make(chan Event, 100)
	o := Options{Service: s, Interfaces: []string{"lo"}, Address: netip.MustParseAddr("127.0.0.1"), Port: port, Report: func(e Event) { events <- e }}
	for _, c := range change {
		c(&o)
	}
	r, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var work sync.WaitGroup
	work.Go(func() { r.Run(ctx) })
	stop := func() { cancel(); work.Wait() }
	t.Cleanup(stop)
	return &running{events, stop}
}

func (r *running) await(t *testing.T, kind EventKind) Event {
	t.Helper()
	for deadline := time.After(patience); ; {
		select {
		case e := <-r.events:
			if e.Kind == kind {
				return e
			}
			if e.Err != nil {
				t.Fatal(e.Err)
			}
		case <-deadline:
			t.Fatalf("no event %d came", kind)
		}
	}
}

// resolver asks as a client does: a socket that hears the group, and one of
// its own for questions of the old kind.
type resolver struct {
	t     *testing.T
	group *net.UDPConn
	port  uint16
}

func newResolver(t *testing.T, port uint16) *resolver {
	t.Helper()
	lo, err := net.InterfaceByName("lo")
	if err != nil {
		t.Skip("no loopback interface")
	}
	conn, err := openSocket(*lo, group4, netip.MustParseAddr("127.0.0.1"), port)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return &resolver{t, conn, port}
}

func question(name string, of dnsmessage.Type) dnsmessage.Question {
	return dnsmessage.Question{Name: dnsmessage.MustNewName(name), Type: of, Class: dnsmessage.ClassINET}
}

func (r *resolver) send(conn *net.UDPConn, m dnsmessage.Message) {
	r.t.Helper()
	raw, err := m.Pack()
	if err != nil {
		r.t.Fatal(err)
	}
	if _, err := conn.WriteToUDPAddrPort(raw, netip.AddrPortFrom(group4, r.port)); err != nil {
		r.t.Fatal(err)
	}
}

// await reads until a message fits.
func (r *resolver) await(conn *net.UDPConn, what string, fits func(*message) bool) *message {
	r.t.Helper()
	_ = conn.SetReadDeadline(time.Now().Add(patience))
	buf := make([]byte, maxPacket)
	for {
		n, _, err := conn.ReadFromUDPAddrPort(buf)
		if err != nil {
			r.t.Fatalf("%s: %v", what, err)
		}
		if m, err := parse(buf[:n]); err == nil && fits(m) {
			return m
		}
	}
}

func has[T dnsmessage.ResourceBody](of []dnsmessage.Resource) (dnsmessage.Resource, T, bool) {
	for _, r := range of {
		if body, ok := r.Body.(T); ok {
			return r, body, true
		}
	}
	var none T
	return dnsmessage.Resource{}, none, false
}

// instances are those that a message's PTR answers name.
func instances(m *message) []string {
	var all []string
	for _, a := range m.answers {
		if p, ok := a.Body.(*dnsmessage.PTRResource); ok && a.Header.TTL > 0 {
			all = append(all, p.PTR.String())
		}
	}
	slices.Sort(all)
	return all
}
