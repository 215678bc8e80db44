package enet

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/sync/errgroup"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// event is a call of a Handler.
type event struct {
	kind    string // connected, received, disconnected
	peer    *Peer
	channel uint8
	payload string
	reason  Reason
}

// recorder is a Handler that puts its calls into a channel.
type recorder chan event

func (r recorder) Connected(p *Peer) { r <- event{kind: "connected", peer: p} }

func (r recorder) Received(p *Peer, channel uint8, payload []byte) {
	r <- event{kind: "received", peer: p, channel: channel, payload: string(payload)}
}

func (r recorder) Disconnected(p *Peer, reason Reason) {
	r <- event{kind: "disconnected", peer: p, reason: reason}
}

func (r recorder) next(t *testing.T) event {
	t.Helper()
	select {
	case e := <-r:
		return e
	case <-time.After(15 * time.Second):
		t.Fatal("no call of the handler within 15 s")
		return event{}
	}
}

func listen(t *testing.T) *net.UDPConn {
	t.Helper()
	conn, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.MustParseAddrPort("127.0.0.1:0")))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

func addrOf(conn net.PacketConn) netip.AddrPort { return conn.LocalAddr().(*net.UDPAddr).AddrPort() }

// startHost runs a host until the test ends.
func startHost(t *testing.T, conn net.PacketConn, o HostOptions) *Host {
	t.Helper()
	h := NewHost(conn, o)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- h.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("host: %v", err)
		}
	})
	return h
}

func acceptAll(handler Handler) func(ConnectRequest) (Handler, bool) {
	return func(ConnectRequest) (Handler, bool) { return handler, true }
}

func dial(t *testing.T, conn net.PacketConn, to netip.AddrPort, o DialOptions, handler Handler) *Client {
	t.Helper()
	c, err := Dial(t.Context(), conn, to, o, handler)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func TestHostAndClientOverLoopback(t *testing.T) {
	server, client := make(recorder, 64), make(recorder, 64)
	conn := listen(t)
	var asked ConnectRequest
	h := startHost(t, conn, HostOptions{Accept: func(r ConnectRequest) (Handler, bool) {
		asked = r
		return server, true
	}})
	clientConn := listen(t)
	c := dial(t, clientConn, addrOf(conn), DialOptions{Channels: 48, Data: 0xDEADBEEF}, client)
	if e := client.next(t); e.kind != "connected" || e.peer != c.Peer {
		t.Fatalf("client heard %+v first", e)
	}
	p := server.next(t).peer
	if want := (ConnectRequest{addrOf(clientConn), 0xDEADBEEF, 48}); asked != want {
		t.Errorf("asked for %+v, want %+v", asked, want)
	}
	if p.Data() != 0xDEADBEEF || p.Channels() != 48 || p.Addr() != addrOf(clientConn) || c.Channels() != 48 {
		t.Errorf("peer has data %#x, %d channels, address %v", p.Data(), p.Channels(), p.Addr())
	}
	for i, d := range []Delivery{Reliable, Unreliable, Unsequenced} {
		if err := c.Send(uint8(i), d, []byte("up "+d.String())); err != nil {
			t.Fatal(err)
		}
		if e := server.next(t); e.payload != "up "+d.String() || int(e.channel) != i {
			t.Errorf("host got %+v", e)
		}
		if err := p.Send(uint8(i), d, []byte("down "+d.String())); err != nil {
			t.Fatal(err)
		}
		if e := client.next(t); e.payload != "down "+d.String() || int(e.channel) != i {
			t.Errorf("client got %+v", e)
		}
	}
	if err := p.Flushed(t.Context()); err != nil {
		t.Error(err)
	}
	if p.RTT() <= 0 || c.RTT() <= 0 {
		t.Errorf("round trip times are %v and %v", p.RTT(), c.RTT())
	}
	p.Disconnect(77)
	if e := client.next(t); e.reason != ReasonRemote || c.RemoteData() != 77 {
		t.Errorf("client heard %+v, number %d", e, c.RemoteData())
	}
	if e := server.next(t); e.reason != ReasonLocal {
		t.Errorf("host heard %+v", e)
	}
	<-c.Done()
	if s := h.Stats(); s.Peers != 0 || s.Malformed+s.UnknownPeer+s.Rejected != 0 {
		t.Errorf("stats %+v", s)
	}
	if err := p.Send(0, Reliable, nil); err != ErrPeerGone {
		t.Errorf("sending to a peer that is gone gives %v", err)
	}
}

// echo sends back what it gets, by the way it came.
type echo struct{ nobody }

func (echo) Received(p *Peer, channel uint8, payload []byte) {
	_ = p.Send(channel, Reliable, payload) // the test counts what comes back
}

func TestHundredPeersOnOneSocket(t *testing.T) {
	const peers, messages = 100, 20
	conn := listen(t)
	h := startHost(t, conn, HostOptions{MaxPeers: peers, Accept: acceptAll(echo{})})
	var all errgroup.Group
	for i := range peers {
		clientConn := listen(t)
		all.Go(func() error {
			calls := make(recorder, 2*messages)
			c, err := Dial(t.Context(), clientConn, addrOf(conn), DialOptions{Data: uint32(i)}, calls)
			if err != nil {
				return err
			}
			<-calls
			for n := range messages {
				if err := c.Send(uint8(i%48), Reliable, []byte{byte(i), byte(n)}); err != nil {
					return err
				}
			}
			for n := range messages {
				if e := <-calls; e.payload != string([]byte{byte(i), byte(n)}) {
					return fmt.Errorf("peer %d got %x as message %d", i, e.payload, n)
				}
			}
			c.Disconnect(0)
			<-c.Done()
			return nil
		})
	}
	if err := all.Wait(); err != nil {
		t.Fatal(err)
	}
	// A repeated datagram that arrives after the goodbye is from nobody.
	if s := h.Stats(); s.Full+s.Rejected+s.Malformed != 0 {
		t.Errorf("stats %+v", s)
	}
}

// proving is a recorder whose messages prove who sent them by their first byte.
type proving struct{ recorder }

const proof = '!'

func (proving) Authentic(_ *Peer, _ netip.AddrPort, payload []byte) bool {
	return len(payload) > 0 && payload[0] == proof
}

func (r proving) Moved(p *Peer, to netip.AddrPort) {
	r.recorder <- event{kind: "moved", peer: p, payload: to.String()}
}

func TestRoamingOverLoopback(t *testing.T) {
	server := proving{make(recorder, 8)}
	conn := listen(t)
	startHost(t, conn, HostOptions{Accept: acceptAll(server)})
	first, second := listen(t), listen(t)
	c := dial(t, first, addrOf(conn), DialOptions{}, make(recorder, 8))
	p := server.next(t).peer
	// One unreliable message with the peer's id and session, from another port.
	datagram := []byte{0, 0, commandUnreliable, 1, 0, 0, 0, 1, 0, 2, proof, 'a'}
	if _, err := second.WriteToUDPAddrPort(datagram, addrOf(conn)); err != nil {
		t.Fatal(err)
	}
	if e := server.next(t); e.kind != "moved" || e.payload != addrOf(second).String() {
		t.Errorf("host heard %+v", e)
	}
	if e := server.next(t); e.payload != "!a" || p.Addr() != addrOf(second) {
		t.Errorf("host heard %+v, and has the peer at %v", e, p.Addr())
	}
	if err := c.Send(0, Reliable, []byte("!home")); err != nil {
		t.Fatal(err)
	}
	server.next(t) // moved
	if e := server.next(t); e.payload != "!home" || p.Addr() != addrOf(first) {
		t.Errorf("host heard %+v, and has the peer at %v", e, p.Addr())
	}
}

func TestHostEndsWithItsPeersAndItsSocket(t *testing.T) {
	server, client := make(recorder, 8), make(recorder, 8)
	conn := listen(t)
	h := NewHost(conn, HostOptions{Accept: acceptAll(server)})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- h.Run(ctx) }()
	dial(t, listen(t), addrOf(conn), DialOptions{}, client)
	server.next(t)
	client.next(t)
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if e := server.next(t); e.reason != ReasonClosed {
		t.Errorf("host heard %+v", e)
	}
	if e := client.next(t); e.reason != ReasonRemote {
		t.Errorf("client heard %+v", e)
	}
	if err := h.Run(t.Context()); !errors.Is(err, ErrRunning) {
		t.Errorf("a second Run gives %v", err)
	}
	// The socket is still usable, until it is closed under a host.
	again := NewHost(conn, HostOptions{})
	go func() { done <- again.Run(t.Context()) }()
	conn.Close()
	if err := <-done; !errors.Is(err, net.ErrClosed) {
		t.Errorf("with its socket closed, Run gives %v", err)
	}
}

func TestSteadyTrafficAllocatesNothing(t *testing.T) {
	h := NewHost(nil, HostOptions{Accept: acceptAll(nobody{})})
	sent := 0
	h.write = func([]byte, netip.AddrPort) error { sent++; return nil }
	connect, ack := decode(t, goldenConnect), decode(t, goldenAck)
	h.receive(0, stranger, connect)
	h.serve(0)
	h.receive(0, stranger, ack)
	p := h.places[0].peer
	in := []byte{0x80, 0, 0, 1, 0x86, 1, 0, 0, 0, 2, 'h', 'i'}
	acknowledge := []byte{0, 0, 1, 1, 0, 0, 0, 0, 0, 0}
	number := uint16(0)
	payload := make([]byte, 60)
	turn := func() {
		number++
		binary.BigEndian.PutUint16(in[6:], number)
		binary.BigEndian.PutUint16(acknowledge[6:], number)
		if err := p.Send(1, Reliable, payload); err != nil {
			t.Fatal(err)
		}
		h.receive(time.Millisecond, stranger, in)
		h.collect(time.Millisecond)
		h.serve(time.Millisecond)
		h.receive(time.Millisecond, stranger, acknowledge)
	}
	turn()
	if allocs := testing.AllocsPerRun(500, turn); allocs != 0 {
		t.Errorf("%v allocations for a message each way", allocs)
	}
	if sent < 500 || len(p.unacked) != 0 {
		t.Errorf("%d datagrams sent, %d messages unacknowledged", sent, len(p.unacked))
	}
}

// TestAliveFindsAHandlerThatBlocks: the host turns, does not while a handler of
// any peer blocks, and does again.
func TestAliveFindsAHandlerThatBlocks(t *testing.T) {
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	client, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	blocked, release := make(chan struct{}), make(chan struct{})
	h := NewHost(conn, HostOptions{Accept: func(ConnectRequest) (Handler, bool) {
		close(blocked)
		<-release
		return nil, false
	}})
	soon, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if err := h.Alive(soon); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a host that does not run: %v", err)
	}
	ctx, stop := context.WithCancel(t.Context())
	over := make(chan error, 1)
	go func() { over <- h.Run(ctx) }()
	if err := h.Alive(t.Context()); err != nil {
		t.Errorf("a host that runs: %v", err)
	}
	dial, hangUp := context.WithCancel(t.Context())
	dialled := make(chan struct{})
	go func() {
		defer close(dialled)
		_, _ = Dial(dial, client, conn.LocalAddr().(*net.UDPAddr).AddrPort(), DialOptions{}, make(recorder, 16))
	}()
	<-blocked
	soon, cancel = context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := h.Alive(soon); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a host whose handler blocks: %v", err)
	}
	close(release)
	if err := h.Alive(t.Context()); err != nil {
		t.Errorf("a host whose handler is back: %v", err)
	}
	hangUp()
	<-dialled
	stop()
	if err := <-over; err != nil {
		t.Error(err)
	}
}
