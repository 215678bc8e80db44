package enet

import (
	"context"
	"net/netip"
	"time"
)

// Peer is one connection. Its methods may be called from any goroutine.
type Peer struct{}

// Send queues a copy of payload and returns at once: ErrQueueFull, ErrPeerGone,
// ErrTooLong and ErrNoChannel say why it did not.
func (p *Peer) Send(channel uint8, d Delivery, payload []byte) error { return ErrPeerGone }

// Disconnect ends the connection after everything queued is acknowledged, and
// gives data to the other end. Nothing can be sent any more.
func (p *Peer) Disconnect(data uint32) {}

// DisconnectNow ends the connection at once: what is queued is dropped, and the
// other end is told with data by one datagram that may be lost.
func (p *Peer) DisconnectNow(data uint32) {}

// Reset forgets the peer without telling the other end.
func (p *Peer) Reset() {}

// Flushed waits until every reliable message sent so far is acknowledged. It
// returns ErrPeerGone if the peer goes away before, or ctx's error. It must not
// be called from a Handler.
func (p *Peer) Flushed(ctx context.Context) error { return ErrPeerGone }

// RTT is the smoothed round trip time, 0 before the first acknowledgement.
func (p *Peer) RTT() time.Duration { return 0 }

// Addr is where the peer was last heard from.
func (p *Peer) Addr() netip.AddrPort { return netip.AddrPort{} }

// Data is the number that the connection was asked for with.
func (p *Peer) Data() uint32 { return 0 }

// RemoteData is the number of the other end's disconnection, else 0.
func (p *Peer) RemoteData() uint32 { return 0 }

// Channels is the number of channels of the connection.
func (p *Peer) Channels() int { return 0 }
