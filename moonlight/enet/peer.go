package enet

import (
	"context"
	"fmt"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

// state is how far a connection is.
//
//	connecting ──VERIFY_CONNECT──▶ connected ◀──ACK── accepting
//	connected ──Disconnect──▶ draining ──queue empty──▶ disconnecting ──ACK──▶ gone
//
// Every state may end in gone at any time.
type state int

const (
	connecting    state = iota + 1 // client: CONNECT is sent
	accepting                      // host: VERIFY_CONNECT is sent
	connected                      // both ways are open
	draining                       // Disconnect was called, the queue is being sent
	disconnecting                  // DISCONNECT is sent
	gone
)

// Peer is one connection. Its methods may be called from any goroutine.
type Peer struct {
	host        *Host
	handler     Handler
	index       int            // place in the host's table
	connectID   uint32         // chosen by the client
	connectAddr netip.AddrPort // where the connection was asked for, or asked from
	data        uint32
	muted       atomic.Bool // set when nothing more shall be delivered
	remoteData  atomic.Uint32
	rtt         atomic.Int64 // nanoseconds

	// shared is what other goroutines and the host's both touch. Its lock is never
	// held while a Handler runs or a datagram is written.
	shared struct {
		sync.Mutex
		addr       netip.AddrPort
		channels   int
		maxPayload int
		closed     bool       // nothing can be sent any more
		outbox     []*message // what Send queued and the host has not taken yet
		free       []*message // messages to use again
		queued     int        // messages between Send and their end
		unacked    int        // those of them that are reliable
		flushed    []chan struct{}
		ended      bool // the peer is gone
		signalled  bool // the peer is in the host's inbox
		wish       wish
		wishData   uint32
	}

	// The rest belongs to the host's goroutine.
	state        state
	addr         netip.AddrPort
	remoteID     uint16 // the other end's index, noPeer before it is known
	inSession    uint8  // what its datagrams carry
	outSession   uint8  // what ours carry
	mtu          int
	window       int // bytes of reliable commands in flight
	channels     []channel
	groups       groups
	early        []early
	waiting      int // messages in channels' waiting
	waitingBytes int

	spare         []*message // the outbox's other half
	pending       queue      // not sent yet
	unacked       []*message // sent, reliable, by the time of their first sending
	inFlight      int        // bytes of unacked
	acks          []acknowledgement
	peerSequence  uint16 // last one given out on channel 0xFF
	group         uint16 // last unsequenced group given out
	trip          roundTrip
	lastAck       time.Duration // since the host's start, like all times here
	accepted      time.Duration // when a host got the request
	lingerUntil   time.Duration
	next          time.Duration // when to serve this peer again
	goodbye       uint32        // the number to disconnect with
	toldConnected bool
}

// wish is what another goroutine wants of a peer, in rising order of haste.
type wish int

const (
	wishNothing wish = iota
	wishDisconnect
	wishDisconnectNow
	wishReset
)

type acknowledgement struct {
	channel  uint8
	sequence uint16
	sentTime uint16
}

// Send queues a copy of payload and returns at once: ErrQueueFull, ErrPeerGone,
// ErrTooLong and ErrNoChannel say why it did not.
func (p *Peer) Send(channel uint8, d Delivery, payload []byte) error {
	s := &p.shared
	s.Lock()
	defer s.Unlock()
	switch {
	case s.closed:
		return ErrPeerGone
	case int(channel) >= s.channels:
		return fmt.Errorf("send on channel %d of %d: %w", channel, s.channels, ErrNoChannel)
	case len(payload) > s.maxPayload:
		return fmt.Errorf("send %d bytes, at most %d: %w", len(payload), s.maxPayload, ErrTooLong)
	case s.queued >= p.host.options.SendQueue:
		return ErrQueueFull
	}
	var m *message
	if n := len(s.free); n > 0 {
		m, s.free = s.free[n-1], s.free[:n-1]
	} else {
		m = new(message)
	}
	*m = message{channel: channel, payload: append(m.payload[:0], payload...), queued: true}
	switch d {
	case Unreliable:
		m.command = commandUnreliable
	case Unsequenced:
		m.command = commandUnsequenced | flagUnsequenced
	default:
		m.command = commandReliable | flagAcknowledge
		s.unacked++
	}
	s.queued++
	s.outbox = append(s.outbox, m)
	p.signal()
	return nil
}

// Disconnect ends the connection after everything queued is acknowledged, and
// gives data to the other end. Nothing can be sent any more.
func (p *Peer) Disconnect(data uint32) { p.want(wishDisconnect, data) }

// DisconnectNow ends the connection at once: what is queued is dropped, and the
// other end is told with data by one datagram that may be lost.
func (p *Peer) DisconnectNow(data uint32) { p.want(wishDisconnectNow, data) }

// Reset forgets the peer without telling the other end.
func (p *Peer) Reset() { p.want(wishReset, 0) }

func (p *Peer) want(w wish, data uint32) {
	s := &p.shared
	s.Lock()
	defer s.Unlock()
	if s.ended || w <= s.wish {
		return
	}
	if w > wishDisconnect {
		p.muted.Store(true)
	}
	s.closed, s.wish, s.wishData = true, w, data
	p.signal()
}

// signal puts the peer into the host's inbox. The shared lock must be held.
func (p *Peer) signal() {
	if p.shared.signalled {
		return
	}
	p.shared.signalled = true
	h := p.host
	h.inbox.Lock()
	h.inbox.peers = append(h.inbox.peers, p)
	h.inbox.Unlock()
	select {
	case h.wake <- struct{}{}:
	default:
	}
}

// Flushed waits until every reliable message sent so far is acknowledged. It
// returns ErrPeerGone if the peer goes away before, or ctx's error. It must not
// be called from a Handler.
func (p *Peer) Flushed(ctx context.Context) error {
	s := &p.shared
	s.Lock()
	if s.unacked == 0 || s.ended {
		lost := s.unacked > 0
		s.Unlock()
		if lost {
			return ErrPeerGone
		}
		return nil
	}
	done := make(chan struct{})
	s.flushed = append(s.flushed, done)
	s.Unlock()
	select {
	case <-done:
	case <-ctx.Done():
		return fmt.Errorf("wait for acknowledgements of %v: %w", p.Addr(), ctx.Err())
	}
	s.Lock()
	defer s.Unlock()
	if s.unacked > 0 && s.ended {
		return ErrPeerGone
	}
	return nil
}

// RTT is the smoothed round trip time, 0 before the first acknowledgement.
func (p *Peer) RTT() time.Duration { return time.Duration(p.rtt.Load()) }

// Addr is where the peer was last heard from.
func (p *Peer) Addr() netip.AddrPort {
	p.shared.Lock()
	defer p.shared.Unlock()
	return p.shared.addr
}

// Data is the number that the connection was asked for with.
func (p *Peer) Data() uint32 { return p.data }

// RemoteData is the number of the other end's disconnection, else 0.
func (p *Peer) RemoteData() uint32 { return p.remoteData.Load() }

// Channels is the number of channels of the connection.
func (p *Peer) Channels() int {
	p.shared.Lock()
	defer p.shared.Unlock()
	return p.shared.channels
}
