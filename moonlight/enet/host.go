package enet

import (
	"context"
	"net"
	"net/netip"
	"time"
)

// ConnectRequest is what a stranger asks for.
type ConnectRequest struct {
	// Addr is where the request came from. It may be forged.
	Addr netip.AddrPort
	// Data is the number the client connects with: for GameStream the value of
	// the X-SS-Connect-Data header, 0 from clients that were given none.
	Data uint32
	// Channels is the number of channels that the connection will have: the
	// client's wish, limited by HostOptions.MaxChannels.
	Channels int
}

// Handler hears of one peer. Its methods are called on the host's goroutine,
// one at a time, and must not block: while one runs, no peer of the host is
// served.
type Handler interface {
	// Connected is called once, when the other end has confirmed the connection.
	Connected(p *Peer)
	// Received is called for every message. The payload is valid during the
	// call only.
	Received(p *Peer, channel uint8, payload []byte)
	// Disconnected is called exactly once for each accepted request, as the last
	// call, also when the connection never came about. For Dial it is called
	// only if Connected was.
	Disconnected(p *Peer, reason Reason)
}

// HostOptions are the limits of a Host. Zero values mean the defaults.
type HostOptions struct {
	// MaxPeers bounds the peers at a time: 1 to 4095, default 64. Requests beyond
	// it are ignored and counted.
	MaxPeers int
	// MaxChannels bounds the channels of a connection: 1 to 255, default 64.
	MaxChannels int
	// PeerTimeout is how long a peer may owe every acknowledgement, default 10 s.
	PeerTimeout time.Duration
	// PingInterval is how long nothing is acknowledged before a ping asks for it,
	// default 500 ms.
	PingInterval time.Duration
	// SendQueue bounds a peer's messages that are queued, or sent and not yet
	// acknowledged; default 1024.
	SendQueue int
	// ReceiveQueue bounds a peer's messages that wait for an earlier one;
	// default 2048. Later ones are dropped without acknowledgement.
	ReceiveQueue int
	// MTU is the longest datagram in bytes, 576 to 4096, default 900.
	MTU int
	// Accept decides on a request, on the host's goroutine. Nil refuses all.
	// A refused client gets no answer.
	Accept func(ConnectRequest) (Handler, bool)
}

// Host serves many peers on one socket.
type Host struct{}

// NewHost makes a host on conn, which stays the caller's: the host reads and
// writes it between the start and the end of Run, and never closes it.
func NewHost(conn net.PacketConn, o HostOptions) *Host { return &Host{} }

// Run serves until ctx ends or the socket fails, tells the connected peers that
// it ends, and returns the cause: nil when ctx ended.
func (h *Host) Run(ctx context.Context) error { return nil }

// Stats returns the counters so far. Any goroutine may call it.
func (h *Host) Stats() Stats { return Stats{} }

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

// Client is a connection that Dial made: its Peer, and the goroutine behind it.
type Client struct{ *Peer }

// Dial connects to a host over conn, which it must be the only one to read. It
// returns when the connection stands, and an error wrapping ErrConnect or ctx's
// if it does not come about. ctx bounds the dialling only; the connection lives
// until either end disconnects or Close is called. conn stays the caller's.
func Dial(ctx context.Context, conn net.PacketConn, to netip.AddrPort, o DialOptions, handler Handler) (*Client, error) {
	return nil, ErrConnect
}

// Close disconnects at once without waiting for the queue, and returns when the
// goroutine has ended and no Handler will be called any more. It must not be
// called from a Handler.
func (c *Client) Close() error { return nil }

// Done is closed when the peer is gone and its Handler has been told.
func (c *Client) Done() <-chan struct{} { return nil }

// Stats returns the counters so far.
func (c *Client) Stats() Stats { return Stats{} }
