package enet

import (
	"context"
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
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

// Authenticator is a Handler whose messages prove who sent them. A peer moves to
// another address only by such a proof, because ENet itself has none: whoever
// guesses a peer id, a session id of two bits and a sequence number could
// otherwise acknowledge, replace and end what is not his. A peer whose Handler
// is no Authenticator stays at the address from which it connected.
type Authenticator interface {
	Handler
	// Authentic reports whether the other end sent the message and the host has
	// not received it yet. It is called for messages from an address that is not
	// the peer's. It must not count the message as received: if it returns true,
	// Received is called for the same message. The payload is valid during the
	// call only.
	Authentic(p *Peer, from netip.AddrPort, payload []byte) bool
	// Moved is called after the peer has moved, before the message is received.
	Moved(p *Peer, to netip.AddrPort)
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
	// MaxHalfOpen bounds the connections with the same ConnectRequest.Data whose
	// client has not confirmed yet: 1 to 64, default 4. A further one replaces the
	// oldest, so that requests with a forged address do not fill the table.
	MaxHalfOpen int
	// MTU is the longest datagram in bytes, 576 to 4096, default 900.
	MTU int
	// Accept decides on a request, on the host's goroutine. Nil refuses all.
	// A refused client gets no answer.
	Accept func(ConnectRequest) (Handler, bool)
}

func (o HostOptions) withDefaults() HostOptions {
	set := func(v *int, byDefault, low, high int) {
		if *v == 0 {
			*v = byDefault
		}
		*v = min(max(*v, low), high)
	}
	set(&o.MaxPeers, 64, 1, noPeer)
	set(&o.MaxChannels, 64, 1, 255)
	set(&o.SendQueue, 1024, 1, 1<<16)
	set(&o.ReceiveQueue, 2048, 1, 1<<14)
	set(&o.MaxHalfOpen, 4, 1, 64)
	set(&o.MTU, 900, minimumMTU, maximumMTU)
	if o.PeerTimeout <= 0 {
		o.PeerTimeout = 10 * time.Second
	}
	if o.PingInterval <= 0 {
		o.PingInterval = 500 * time.Millisecond
	}
	return o
}

// Host serves many peers on one socket.
type Host struct {
	conn    net.PacketConn
	options HostOptions
	start   time.Time
	started atomic.Bool
	wake    chan struct{} // holds one token when the inbox is not empty
	alive   chan struct{} // taken from by Run, for Alive
	count   counters

	// inbox has the peers that other goroutines want something of.
	inbox struct {
		sync.Mutex
		peers []*Peer
	}

	// The rest belongs to the goroutine in Run.
	places   []place
	signals  []*Peer // the inbox's other half
	writer   writer
	write    func(datagram []byte, to netip.AddrPort) error
	dialling func(now time.Duration) // makes a client's only peer
}

// NewHost makes a host on conn, which stays the caller's: the host reads and
// writes it between the start and the end of Run, and never closes it.
func NewHost(conn net.PacketConn, o HostOptions) *Host {
	h := &Host{conn: conn, options: o.withDefaults(), start: time.Now(), wake: make(chan struct{}, 1), alive: make(chan struct{})}
	h.places = make([]place, h.options.MaxPeers)
	for i := range h.places {
		h.places[i].inSession, h.places[i].outSession = unsetSession, unsetSession
	}
	h.writer.buffer = make([]byte, 0, h.options.MTU)
	h.write = func(datagram []byte, to netip.AddrPort) error { return writeTo(conn, datagram, to) }
	return h
}

// Stats returns the counters so far. Any goroutine may call it.
func (h *Host) Stats() Stats { return h.count.snapshot() }

// Alive waits until Run turns once more, so that a handler that blocks, or a
// host that does not run, is found. It fails when ctx ends before. Any goroutine
// but the host's own may call it.
func (h *Host) Alive(ctx context.Context) error {
	select {
	case h.alive <- struct{}{}:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("the enet host on %v does not turn: %w", h.conn.LocalAddr(), ctx.Err())
	}
}

// batch is how many datagrams are taken in before the peers are served.
const batch = 32

// Run serves until ctx ends or the socket fails, tells the connected peers that
// it ends, and returns the cause: nil when ctx ended.
func (h *Host) Run(ctx context.Context) error {
	if h.started.Swap(true) {
		return ErrRunning
	}
	r := startReader(h.conn)
	defer r.stop()
	defer h.shutDown()
	if h.dialling != nil {
		h.dialling(h.now())
	}
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		now := h.now()
		h.collect(now)
		if next := h.serve(now); next != never {
			timer.Reset(next - now)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-h.wake:
		case <-h.alive:
		case <-timer.C:
		case d := <-r.full:
			h.take(r, d)
		case err := <-r.failed:
			return fmt.Errorf("read the enet socket %v: %w", h.conn.LocalAddr(), err)
		}
	}
}

// take receives a datagram and those that have come by now.
func (h *Host) take(r *reader, d *datagram) {
	now := h.now()
	for range batch {
		h.receive(now, d.from, d.buffer[:d.length])
		r.free <- d
		select {
		case d = <-r.full:
		default:
			return
		}
	}
	h.receive(now, d.from, d.buffer[:d.length])
	r.free <- d
}

func (h *Host) now() time.Duration { return time.Since(h.start) }

// collect does what other goroutines have asked for.
func (h *Host) collect(now time.Duration) {
	h.inbox.Lock()
	h.signals, h.inbox.peers = h.inbox.peers, h.signals[:0]
	h.inbox.Unlock()
	for _, p := range h.signals {
		if p.state == gone {
			continue
		}
		p.next = 0
		switch w, data := p.take(); {
		case w == wishReset:
			p.end(ReasonReset)
		case w == wishDisconnectNow:
			p.sayGoodbye(now, data)
			p.end(ReasonLocal)
		case w == wishDisconnect && p.state == connected:
			p.state, p.goodbye = draining, data
		case w == wishDisconnect && p.state == connecting:
			p.end(ReasonLocal)
		}
	}
	clear(h.signals)
}

// serve does what is due and returns when the next thing is.
func (h *Host) serve(now time.Duration) time.Duration {
	next := never
	for i := range h.places {
		p := h.places[i].peer
		if p == nil {
			continue
		}
		if p.next <= now {
			p.serve(now)
		}
		if p.state != gone {
			next = min(next, p.next)
		}
	}
	return next
}

// shutDown ends all peers.
func (h *Host) shutDown() {
	now := h.now()
	h.collect(now)
	for i := range h.places {
		if p := h.places[i].peer; p != nil {
			p.sayGoodbye(now, 0)
			p.end(ReasonClosed)
		}
	}
}

// sayGoodbye tells the other end by a datagram that is not repeated.
func (p *Peer) sayGoodbye(now time.Duration, data uint32) {
	if p.state == connecting || p.state == gone {
		return
	}
	w := p.host.begin(p, now)
	w.add(&message{
		command: commandDisconnect | flagUnsequenced, channel: peerChannel,
		payload: binary.BigEndian.AppendUint32(nil, data),
	})
	w.finish()
}

func (h *Host) send(datagram []byte, to netip.AddrPort) {
	if err := h.write(datagram, to); err != nil {
		h.count.writeErrors.Add(1)
		return
	}
	h.count.datagramsOut.Add(1)
	h.count.bytesOut.Add(uint64(len(datagram)))
}
