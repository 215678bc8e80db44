package host

import (
	"context"
	"net"
	"testing"
	"time"

	"github.com/kennel-stream/kennel/moonlight/control"
	"github.com/kennel-stream/kennel/moonlight/enet"
)

// door passes on the peers that connect, and those that end.
type door struct{ connected, ended chan *enet.Peer }

func (d door) Connected(p *enet.Peer)                   { d.connected <- p }
func (door) Received(*enet.Peer, uint8, []byte)         {}
func (d door) Disconnected(p *enet.Peer, _ enet.Reason) { d.ended <- p }

func loopback(t *testing.T) *net.UDPConn {
	t.Helper()
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

func receivePeer(t *testing.T, from chan *enet.Peer) *enet.Peer {
	t.Helper()
	select {
	case p := <-from:
		return p
	case <-time.After(10 * time.Second):
		t.Fatal("no peer within 10 s")
		return nil
	}
}

// TestWhoKnocksIsNotYetTheClient: a connection that proves nothing neither keeps
// the client out nor stays.
func TestWhoKnocksIsNotYetTheClient(t *testing.T) {
	d := door{make(chan *enet.Peer, 16), make(chan *enet.Peer, 16)}
	conn := loopback(t)
	h := enet.NewHost(conn, enet.HostOptions{Accept: func(enet.ConnectRequest) (enet.Handler, bool) { return d, true }})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- h.Run(ctx) }()
	defer func() { cancel(); <-done }()
	l := negotiate(t, newLinks(), newClient)
	knock := func() *enet.Peer {
		to := conn.LocalAddr().(*net.UDPAddr).AddrPort()
		c, err := enet.Dial(ctx, loopback(t), to, enet.DialOptions{}, door{make(chan *enet.Peer, 1), make(chan *enet.Peer, 1)})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		p := receivePeer(t, d.connected)
		if !l.knock(p) {
			t.Fatal("a connection is turned away before there is a client")
		}
		return p
	}
	first := knock()
	for range maxKnocking {
		knock()
	}
	if p := receivePeer(t, d.ended); p != first {
		t.Error("not the oldest had to make room")
	}
	client := knock()
	receivePeer(t, d.ended)
	sealer, err := control.NewSealer(l.key, control.Host, control.V2)
	if err != nil {
		t.Fatal(err)
	}
	if !l.claim(client, sealer) || l.claim(client, sealer) {
		t.Error("the client has not claimed its link once")
	}
	for range maxKnocking - 1 {
		if p := receivePeer(t, d.ended); p == client {
			t.Error("the client's own connection has ended")
		}
	}
	if l.knock(client) || l.waitsForControl() {
		t.Error("a link with a client takes another")
	}
	l.close()
	select {
	case <-d.ended:
		t.Error("closing ends the client's connection before the client was told")
	default:
	}
}
