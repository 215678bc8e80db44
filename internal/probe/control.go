package probe

import (
	"context"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/kennel-stream/kennel/internal/evidence"
	"github.com/kennel-stream/kennel/moonlight/control"
	"github.com/kennel-stream/kennel/moonlight/enet"
	"github.com/kennel-stream/kennel/moonlight/rtsp"
)

// controlLink is the client's end of the control stream.
type controlLink struct {
	client *enet.Client
	conn   net.PacketConn
	opener *control.Opener
	buf    []byte // of the ENet goroutine

	mu     sync.Mutex // covers sealer and its buffer: sequence numbers must rise as messages are queued
	sealer *control.Sealer
	out    []byte

	// gone is closed when the link is over; reason and termination are set before.
	gone        chan struct{}
	reason      enet.Reason
	termination *control.Termination
}

// watched is a socket whose outgoing datagrams are shown to somebody.
type watched struct {
	net.PacketConn
	sent func(datagram []byte)
}

func (w *watched) WriteTo(datagram []byte, to net.Addr) (int, error) {
	w.sent(datagram)
	return w.PacketConn.WriteTo(datagram, to)
}

// connect dials the control port and starts the stream. sent may be nil.
func connect(ctx context.Context, to netip.AddrPort, key [16]byte, n negotiated, sent func([]byte)) (*controlLink, error) {
	version := control.Legacy
	if n.encryption&rtsp.EncryptControl != 0 {
		version = control.V2
	}
	opener, err := control.NewOpener(key, control.Host, version)
	if err != nil {
		return nil, err
	}
	sealer, err := control.NewSealer(key, control.Client, version)
	if err != nil {
		return nil, err
	}
	conn, err := net.ListenPacket("udp", listenAddress(to.Addr()))
	if err != nil {
		return nil, evidence.Errorf(evidence.Unavailable, "open a socket for the control link: %w", err)
	}
	if sent != nil {
		conn = &watched{conn, sent}
	}
	c := &controlLink{conn: conn, opener: opener, sealer: sealer, gone: make(chan struct{}), buf: make([]byte, 0, 2048), out: make([]byte, 0, 2048)}
	c.client, err = enet.Dial(ctx, conn, to, enet.DialOptions{Channels: control.Channels, Data: n.connectData, ConnectTimeout: connectTimeout}, c)
	if err != nil {
		_ = conn.Close()
		return nil, evidence.Errorf(evidence.Unavailable, "connect the control link (UDP port %d): is the port open? %w", to.Port(), err)
	}
	err = c.send(control.TypeRequestIDR, control.ChannelGeneric, enet.Reliable, control.AppendRequestIDR(nil))
	if err == nil {
		err = c.send(control.TypeStartB, control.ChannelGeneric, enet.Reliable, control.AppendStartB(nil))
	}
	return c, err
}

// Connected implements enet.Handler.
func (c *controlLink) Connected(*enet.Peer) {}

// Received implements enet.Handler: of what a host says, only the end matters here.
func (c *controlLink) Received(p *enet.Peer, _ uint8, payload []byte) {
	m, err := c.opener.Open(c.buf[:0], payload)
	if err != nil || m.Type != control.TypeTermination || c.termination != nil {
		return
	}
	if message, err := control.ParseHostMessage(m); err == nil {
		if t, ok := message.(control.Termination); ok {
			c.termination = &t
			p.Disconnect(0)
		}
	}
}

// Disconnected implements enet.Handler.
func (c *controlLink) Disconnected(_ *enet.Peer, reason enet.Reason) {
	c.reason = reason
	close(c.gone)
}

// send seals a message and queues it.
func (c *controlLink) send(typ control.Type, channel uint8, delivery enet.Delivery, payload []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	sealed, err := c.sealer.Seal(c.out[:0], typ, payload)
	if err != nil {
		return err
	}
	return c.client.Send(channel, delivery, sealed)
}

// input sends one input packet.
func (c *controlLink) input(in control.Input) error {
	channel, reliable := control.Channel(in)
	delivery := enet.Reliable
	if !reliable {
		delivery = enet.Unreliable
	}
	return c.send(control.TypeInput, channel, delivery, control.AppendInput(nil, in))
}

// requestIDR asks for a key frame.
func (c *controlLink) requestIDR() error {
	return c.send(control.TypeRequestIDR, control.ChannelUrgent, enet.Reliable, control.AppendRequestIDR(nil))
}

// keepAlive pings until ctx ends.
func (c *controlLink) keepAlive(ctx context.Context) {
	tick := time.NewTicker(controlInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-c.gone:
			return
		case <-tick.C:
			// A full queue means that the host does not listen: ENet notices by itself.
			_ = c.send(control.TypePing, control.ChannelGeneric, enet.Reliable, control.AppendPing(nil))
		}
	}
}

// close leaves the host.
func (c *controlLink) close() {
	c.client.Disconnect(0)
	select {
	case <-c.gone:
	case <-time.After(2 * time.Second):
	}
	_ = c.client.Close()
	_ = c.conn.Close()
}
