package discovery

import (
	"bytes"
	"context"
	"net"
	"net/netip"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"golang.org/x/net/dns/dnsmessage"
	"golang.org/x/sys/unix"
)

const service = "_nvstream._tcp.local."

func living(port uint16) Service {
	return Service{Instance: "Living Room", Type: "_nvstream._tcp", Host: "kennel-1", Port: port}
}

func TestAResolverFindsTheHost(t *testing.T) {
	t.Parallel()
	port := freePort(t)
	r := newResolver(t, port)
	responder := start(t, port, living(47989))
	if e := responder.await(t, Announced); e.Name != "Living Room" || !slices.Equal(e.Interfaces, []string{"lo"}) {
		t.Errorf("announced as %+v", e)
	}
	r.send(r.group, dnsmessage.Message{Questions: []dnsmessage.Question{question(service, dnsmessage.TypePTR)}})
	m := r.await(r.group, "an answer", func(m *message) bool { return m.response && len(m.additional) > 0 })
	if diff := cmp.Diff([]string{"Living Room." + service}, instances(m)); diff != "" {
		t.Error(diff)
	}
	header, srv, _ := has[*dnsmessage.SRVResource](m.additional)
	if srv == nil || srv.Port != 47989 || srv.Target.String() != "kennel-1.local." || header.Header.Class != classFlush {
		t.Errorf("SRV is %v %+v", header.Header, srv)
	}
	if _, a, _ := has[*dnsmessage.AResource](m.additional); a == nil || a.A != [4]byte{127, 0, 0, 1} {
		t.Errorf("A is %+v", a)
	}
	if _, txt, _ := has[*dnsmessage.TXTResource](m.additional); txt == nil || len(txt.TXT) != 1 || txt.TXT[0] != "" {
		t.Errorf("TXT is %+v", txt)
	}
}

func TestServiceTypesAreListed(t *testing.T) {
	t.Parallel()
	port := freePort(t)
	r := newResolver(t, port)
	start(t, port, living(1)).await(t, Announced)
	r.send(r.group, dnsmessage.Message{Questions: []dnsmessage.Question{question(metaService, dnsmessage.TypePTR)}})
	r.await(r.group, "the list of types", func(m *message) bool { return m.response && slices.Contains(instances(m), service) })
}

// A resolver of the old kind asks from a port of its own and hears no multicast.
func TestLegacyQueriesAreAnsweredAlone(t *testing.T) {
	t.Parallel()
	port := freePort(t)
	start(t, port, living(7)).await(t, Announced)
	r := newResolver(t, port)
	old := loopbackSocket(t)
	ask := dnsmessage.Message{Header: dnsmessage.Header{ID: 4711}, Questions: []dnsmessage.Question{question("living room."+service, dnsmessage.TypeSRV)}}
	r.send(old, ask)
	m := r.await(old, "a unicast answer", func(m *message) bool { return m.response })
	header, srv, _ := has[*dnsmessage.SRVResource](m.answers)
	switch {
	case m.id != 4711 || len(m.questions) != 1:
		t.Errorf("the answer has id %d and %d questions", m.id, len(m.questions))
	case srv == nil || srv.Port != 7 || header.Header.TTL > ttlLegacy || header.Header.Class != dnsmessage.ClassINET:
		t.Errorf("SRV is %v %+v", header.Header, srv)
	}
}

func loopbackSocket(t *testing.T) *net.UDPConn {
	t.Helper()
	lo, err := net.InterfaceByName("lo")
	if err != nil {
		t.Skip("no loopback interface")
	}
	config := net.ListenConfig{Control: func(_, _ string, raw syscall.RawConn) error {
		return raw.Control(func(fd uintptr) {
			_ = unix.SetsockoptIPMreqn(int(fd), unix.IPPROTO_IP, unix.IP_MULTICAST_IF, &unix.IPMreqn{Ifindex: int32(lo.Index)})
		})
	}}
	conn, err := config.ListenPacket(t.Context(), "udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn.(*net.UDPConn)
}

func TestKnownAnswersAreNotRepeated(t *testing.T) {
	t.Parallel()
	port := freePort(t)
	r := newResolver(t, port)
	start(t, port, living(1)).await(t, Announced)
	known := dnsmessage.Resource{
		Header: dnsmessage.ResourceHeader{Name: dnsmessage.MustNewName(service), Type: dnsmessage.TypePTR, Class: dnsmessage.ClassINET, TTL: ttlOther},
		Body:   &dnsmessage.PTRResource{PTR: dnsmessage.MustNewName("Living Room." + service)},
	}
	types := question(metaService, dnsmessage.TypePTR)
	r.send(r.group, dnsmessage.Message{Questions: []dnsmessage.Question{question(service, dnsmessage.TypePTR), types}, Answers: []dnsmessage.Resource{known}})
	m := r.await(r.group, "the list of types", func(m *message) bool { return m.response && slices.Contains(instances(m), service) })
	if got := instances(m); slices.Contains(got, "Living Room."+service) {
		t.Errorf("the answer repeats what the asker knows: %q", got)
	}
	// One that has lived for more than half of its life is told again.
	known.Header.TTL = ttlOther/2 - 1
	r.send(r.group, dnsmessage.Message{Questions: []dnsmessage.Question{question(service, dnsmessage.TypePTR)}, Answers: []dnsmessage.Resource{known}})
	r.await(r.group, "a fresh answer", func(m *message) bool { return m.response && slices.Contains(instances(m), "Living Room."+service) })
}

func TestTheSecondOfTwoHostsIsRenamed(t *testing.T) {
	t.Parallel()
	port := freePort(t)
	first := start(t, port, living(1))
	first.await(t, Announced)
	second := living(2)
	second.Host = "kennel-2"
	if e := start(t, port, second).await(t, Announced); e.Name != "Living Room (2)" {
		t.Errorf("the second host is %q", e.Name)
	}
	select {
	case e := <-first.events:
		t.Errorf("the first host is disturbed: %+v", e)
	default:
	}
}

// Both are switched on at once: each must end with a name of its own.
func TestTwoHostsThatStartTogether(t *testing.T) {
	t.Parallel()
	port := freePort(t)
	other := living(2)
	other.Host = "kennel-2"
	a, b := start(t, port, living(1)), start(t, port, other)
	names := []string{a.await(t, Announced).Name, b.await(t, Announced).Name}
	slices.Sort(names)
	if diff := cmp.Diff([]string{"Living Room", "Living Room (2)"}, names); diff != "" {
		t.Error(diff)
	}
}

func TestGoodbyeTakesTheNameBack(t *testing.T) {
	t.Parallel()
	port := freePort(t)
	r := newResolver(t, port)
	responder := start(t, port, living(1))
	responder.await(t, Announced)
	responder.stop()
	m := r.await(r.group, "a goodbye", func(m *message) bool {
		return m.response && slices.ContainsFunc(m.answers, func(a dnsmessage.Resource) bool { return a.Header.TTL == 0 })
	})
	for _, a := range m.answers {
		if a.Header.TTL != 0 {
			t.Errorf("%s lives on for %d s", a.Header.Name, a.Header.TTL)
		}
	}
	// The name is free again.
	if e := start(t, port, living(3)).await(t, Announced); e.Name != "Living Room" {
		t.Errorf("the next host is %q", e.Name)
	}
}

func TestNoInterfaceIsSaidOnce(t *testing.T) {
	t.Parallel()
	r := start(t, freePort(t), living(1), func(o *Options) { o.Interfaces = []string{"no-such-*"} })
	r.await(t, NoInterface)
	r.stop()
	if len(r.events) > 0 {
		t.Errorf("more is said: %+v", <-r.events)
	}
}

func TestNothingIsLeftBehind(t *testing.T) {
	defer goleak.VerifyNone(t)
	r, err := New(Options{Service: living(1), Interfaces: []string{"lo"}, Address: netip.MustParseAddr("127.0.0.1"), Port: freePort(t)})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { r.Run(ctx); close(done) }()
	cancel()
	<-done
}

func TestChosenInterfaces(t *testing.T) {
	const lan = net.FlagUp | net.FlagMulticast | net.FlagBroadcast
	for _, c := range []struct {
		name   string
		flags  net.Flags
		wanted []string
		want   bool
	}{
		{"eth0", lan, nil, true},
		{"wlp3s0", lan, nil, true},
		{"eth0", lan &^ net.FlagUp, nil, false},
		{"eth0", lan &^ net.FlagMulticast, nil, false},
		{"lo", net.FlagUp | net.FlagLoopback, nil, false},
		{"lo", net.FlagUp | net.FlagLoopback, []string{"lo"}, true},
		{"tun0", lan | net.FlagPointToPoint, nil, false},
		{"docker0", lan, nil, false},
		{"docker0", lan, []string{"docker*"}, true},
		{"br-0123456789ab", lan, nil, false},
		{"br0", lan, nil, true},
		{"vethab12", lan, nil, false},
		{"virbr0", lan, nil, false},
		{"cni-podman0", lan, nil, false},
		{"eth1", lan, []string{"eth0", "wl*"}, false},
	} {
		if got := Chosen(net.Interface{Name: c.name, Flags: c.flags}, c.wanted); got != c.want {
			t.Errorf("Chosen(%s, %s, %q) = %t", c.name, c.flags, c.wanted, got)
		}
	}
}

func TestNamesFitTheWire(t *testing.T) {
	long := strings.Repeat("ü", 60)
	for _, c := range []struct {
		instance string
		attempt  int
		want     string
	}{
		{"Living Room", 1, "Living Room"},
		{"Living Room", 3, "Living Room (3)"},
		{"my.host", 1, "my-host"},
		{" \x00 ", 1, "kennel"},
		{long, 1, strings.Repeat("ü", 31)},
		{long, 2, strings.Repeat("ü", 29) + " (2)"},
	} {
		n := newNames(Service{Instance: c.instance, Type: "_nvstream._tcp", Host: "h"}, c.attempt)
		if n.label != c.want {
			t.Errorf("%q, %d: %q, want %q", c.instance, c.attempt, n.label, c.want)
		}
		if _, err := dnsmessage.NewName(n.instance); err != nil {
			t.Error(err)
		}
	}
}

// FuzzTake throws datagrams at a responder that has announced, over sockets of
// its own, so that its answers are made and sent. Port 5353 stands for another
// responder, every other port for a client that wants its answer by unicast.
func FuzzTake(f *testing.F) {
	var sockets [2]*net.UDPConn
	for i := range sockets {
		conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
		if err != nil {
			f.Fatal(err)
		}
		defer conn.Close()
		sockets[i] = conn
	}
	responder, client := sockets[0], sockets[1]
	var asked []byte // the first of the seeds
	for _, m := range []dnsmessage.Message{
		{Questions: []dnsmessage.Question{question(service, dnsmessage.TypePTR)}},
		{Questions: []dnsmessage.Question{question("Living Room."+service, dnsmessage.TypeALL)}, Header: dnsmessage.Header{Truncated: true}},
		{Header: dnsmessage.Header{Response: true}, Answers: []dnsmessage.Resource{{
			Header: dnsmessage.ResourceHeader{Name: dnsmessage.MustNewName("Living Room." + service), Class: classFlush, TTL: 120},
			Body:   &dnsmessage.SRVResource{Port: 9, Target: dnsmessage.MustNewName("other.local.")},
		}}},
	} {
		raw, err := m.Pack()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw, uint16(5353))
		f.Add(raw, uint16(40000))
		f.Add(raw[:len(raw)/2], uint16(40000))
		if asked == nil {
			asked = raw
		}
	}
	f.Fuzz(func(t *testing.T, raw []byte, port uint16) {
		r, err := New(Options{Service: living(1)})
		if err != nil {
			t.Fatal(err)
		}
		l := &link{
			prefixes: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/8")}, told: map[kinds]time.Time{},
			conns: []*net.UDPConn{responder},
		}
		r.links, r.stage.state = []*link{l}, announced
		from := client.LocalAddr().(*net.UDPAddr).AddrPort()
		if port == r.o.Port {
			from = netip.AddrPortFrom(from.Addr(), port)
		}
		r.take(packet{l, responder, from, raw}, time.Now())
		if len(r.pending) > maxPending {
			t.Fatalf("%d answers wait", len(r.pending))
		}
		answers := answersAt(t, client)
		if m, err := parse(raw); answers > 0 && (err != nil || m.response) {
			t.Errorf("%x is answered", raw)
		}
		if port == 40000 && bytes.Equal(raw, asked) && answers != 1 {
			t.Errorf("a question that the responder can answer got %d answers", answers)
		}
	})
}

// answersAt counts what has come to a socket.
func answersAt(t *testing.T, conn *net.UDPConn) (n int) {
	t.Helper()
	// Datagrams on loopback are there as soon as they are sent.
	if err := conn.SetReadDeadline(time.Now().Add(time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 9000)
	for {
		if _, err := conn.Read(buf); err != nil {
			return n
		}
		n++
	}
}
