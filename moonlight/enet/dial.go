package enet

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"time"
)

// DialOptions are what a client asks for. Zero values mean the defaults.
type DialOptions struct {
	// Channels is the number of channels to ask for: 1 to 255, default 48.
	Channels int
	// Data is the number that the host's Accept sees.
	Data uint32
	// ConnectTimeout bounds Dial, default 10 s.
	ConnectTimeout time.Duration
	// PeerTimeout, PingInterval, SendQueue, ReceiveQueue and MTU are as in
	// HostOptions.
	PeerTimeout, PingInterval time.Duration
	SendQueue, ReceiveQueue   int
	MTU                       int
}

func (o DialOptions) withDefaults() DialOptions {
	if o.Channels == 0 {
		o.Channels = 48
	}
	o.Channels = min(max(o.Channels, 1), 255)
	if o.ConnectTimeout <= 0 {
		o.ConnectTimeout = 10 * time.Second
	}
	return o
}

// Client is a connection that Dial made: its Peer, and the goroutine behind it.
type Client struct {
	*Peer
	host   *Host
	cancel context.CancelFunc // ends the goroutine
	done   chan struct{}      // closed by the goroutine when it has ended
}

// dialled stands between a client's host and the caller's Handler.
type dialled struct {
	Handler
	connected chan *Peer         // gets the peer once
	cancel    context.CancelFunc // nothing is left to do without the only peer
}

func (d *dialled) Connected(p *Peer) {
	d.Handler.Connected(p)
	d.connected <- p
}

func (d *dialled) Disconnected(p *Peer, reason Reason) {
	d.Handler.Disconnected(p, reason)
	d.cancel()
}

// Dial connects to a host over conn, which it must be the only one to read. It
// returns when the connection stands, and an error wrapping ErrConnect or ctx's
// if it does not come about. ctx bounds the dialling only; the connection lives
// until either end disconnects or Close is called. conn stays the caller's.
func Dial(ctx context.Context, conn net.PacketConn, to netip.AddrPort, o DialOptions, handler Handler) (*Client, error) {
	o = o.withDefaults()
	to = netip.AddrPortFrom(to.Addr().Unmap(), to.Port())
	h := NewHost(conn, HostOptions{
		MaxPeers: 1, MaxChannels: o.Channels, PeerTimeout: o.PeerTimeout, PingInterval: o.PingInterval,
		SendQueue: o.SendQueue, ReceiveQueue: o.ReceiveQueue, MTU: o.MTU,
	})
	running, cancel := context.WithCancel(context.Background())
	d := &dialled{Handler: handler, connected: make(chan *Peer, 1), cancel: cancel}
	var connectID [4]byte
	rand.Read(connectID[:]) // never fails
	h.dialling = func(now time.Duration) {
		h.connect(now, to, binary.BigEndian.Uint32(connectID[:]), &o, d)
	}
	c := &Client{host: h, cancel: cancel, done: make(chan struct{})}
	var failure error
	go func() {
		defer close(c.done)
		failure = h.Run(running)
	}()

	limit := time.NewTimer(o.ConnectTimeout)
	defer limit.Stop()
	var err error
	select {
	case c.Peer = <-d.connected:
		return c, nil
	case <-ctx.Done():
		err = fmt.Errorf("connect to %v: %w", to, ctx.Err())
	case <-limit.C:
		err = fmt.Errorf("%w: %v did not answer within %v; check that the host runs, expects this client, and that UDP port %d is open",
			ErrConnect, to, o.ConnectTimeout, to.Port())
	case <-c.done:
		err = fmt.Errorf("%w to %v: %w", ErrConnect, to, failure)
	}
	cancel()
	<-c.done
	return nil, err
}

// Close disconnects at once without waiting for the queue, and returns when the
// goroutine has ended and no Handler will be called any more. It must not be
// called from a Handler.
func (c *Client) Close() error {
	c.DisconnectNow(0)
	c.cancel()
	<-c.done
	return nil
}

// Done is closed when the peer is gone, its Handler has been told, and the
// socket is no longer used.
func (c *Client) Done() <-chan struct{} { return c.done }

// Stats returns the counters so far.
func (c *Client) Stats() Stats { return c.host.Stats() }
