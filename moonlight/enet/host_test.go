package enet

import (
	"context"
	"net"
	"net/netip"
	"testing"
	"time"
)

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
