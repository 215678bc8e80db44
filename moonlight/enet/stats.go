package enet

import "sync/atomic"

// Stats counts what a host has done since it was made.
type Stats struct {
	// Peers is the number of peers now, including those still connecting.
	Peers int
	// DatagramsIn and DatagramsOut count datagrams; BytesIn and BytesOut their
	// lengths without IP and UDP headers.
	DatagramsIn, DatagramsOut, BytesIn, BytesOut uint64
	// Malformed counts datagrams dropped whole because they cannot be read.
	Malformed uint64
	// UnknownPeer counts datagrams for a peer id or session id not in use.
	UnknownPeer uint64
	// Rejected counts commands that make no sense for the peer's state, or name a
	// channel that it does not have.
	Rejected uint64
	// Fragments counts fragments, which are always dropped.
	Fragments uint64
	// Refused counts requests that Accept turned down, Full those that met
	// MaxPeers, ConnectReplays those that repeat one already being answered.
	Refused, Full, ConnectReplays uint64
	// HalfOpen counts connections that MaxHalfOpen ended.
	HalfOpen uint64
	// Retransmits counts reliable commands sent again.
	Retransmits uint64
	// Duplicates counts messages that had arrived before.
	Duplicates uint64
	// Dropped counts messages that came too late (unreliable), or too early for
	// the receive queue.
	Dropped uint64
	// Roams counts changes of a peer's address, Timeouts peers lost by silence.
	Roams, Timeouts uint64
	// Strangers counts datagrams for a peer that came from another address and
	// did not prove to be the peer's.
	Strangers uint64
	// WriteErrors counts datagrams that the socket refused to send.
	WriteErrors uint64
}

// counters are Stats that any goroutine may read while the host counts.
type counters struct {
	peers                                        atomic.Int64
	datagramsIn, datagramsOut, bytesIn, bytesOut atomic.Uint64
	malformed, unknownPeer, rejected, fragments  atomic.Uint64
	refused, full, connectReplays, halfOpen      atomic.Uint64
	retransmits, duplicates, dropped             atomic.Uint64
	roams, timeouts, strangers, writeErrors      atomic.Uint64
}

func (c *counters) snapshot() Stats {
	return Stats{
		Peers:          int(c.peers.Load()),
		DatagramsIn:    c.datagramsIn.Load(),
		DatagramsOut:   c.datagramsOut.Load(),
		BytesIn:        c.bytesIn.Load(),
		BytesOut:       c.bytesOut.Load(),
		Malformed:      c.malformed.Load(),
		UnknownPeer:    c.unknownPeer.Load(),
		Rejected:       c.rejected.Load(),
		Fragments:      c.fragments.Load(),
		Refused:        c.refused.Load(),
		Full:           c.full.Load(),
		ConnectReplays: c.connectReplays.Load(),
		HalfOpen:       c.halfOpen.Load(),
		Retransmits:    c.retransmits.Load(),
		Duplicates:     c.duplicates.Load(),
		Dropped:        c.dropped.Load(),
		Roams:          c.roams.Load(),
		Timeouts:       c.timeouts.Load(),
		Strangers:      c.strangers.Load(),
		WriteErrors:    c.writeErrors.Load(),
	}
}
