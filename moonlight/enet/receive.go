package enet

import (
	"encoding/binary"
	"net/netip"
	"time"
)

// receive takes one datagram in. Answers wait for the next service.
func (h *Host) receive(now time.Duration, from netip.AddrPort, data []byte) {
	h.count.datagramsIn.Add(1)
	h.count.bytesIn.Add(uint64(len(data)))
	head, commands, err := parseDatagram(data)
	if err != nil {
		h.count.malformed.Add(1)
		return
	}
	if head.peerID == noPeer {
		h.receiveRequest(now, from, commands)
		return
	}
	p := h.lookup(head)
	if p == nil {
		h.receiveLate(now, from, head, commands)
		return
	}
	// A client that connects does not know yet which of its host's addresses will
	// answer. The connect id in the answer proves that it is the host.
	if p.addr != from && p.state != connecting && !p.move(from, commands) {
		h.count.strangers.Add(1)
		return
	}
	for len(commands) > 0 && p.state != gone {
		c, rest, err := nextCommand(commands)
		if err != nil {
			return
		}
		commands = rest
		if !p.receiveCommand(&arrival{now, from, head.sentTime}, &c) {
			h.count.rejected.Add(1)
			continue
		}
		if c.flags&flagAcknowledge != 0 && p.state != gone {
			p.acks = append(p.acks, acknowledgement{c.channel, c.sequence, head.sentTime})
		}
	}
	if p.state != gone {
		p.next = 0
	}
}

// maximumProofs is how many messages of one datagram are tried as proofs. Each
// costs a decryption, and a stranger can send as many as he likes.
const maximumProofs = 4

// move lets the peer follow to another address, since a NAT can move it at any
// time. It reports false if no message of the datagram proves that the peer sent
// it. The whole datagram is a stranger's then.
func (p *Peer) move(to netip.AddrPort, commands []byte) bool {
	handler, ok := p.handler.(Authenticator)
	if !ok || p.muted.Load() {
		return false
	}
	for tried := 0; len(commands) > 0 && tried < maximumProofs; {
		c, rest, err := nextCommand(commands)
		if err != nil {
			return false
		}
		commands = rest
		switch c.id {
		case commandReliable, commandUnreliable, commandUnsequenced:
			tried++
			if !handler.Authentic(p, to, c.payload) {
				continue
			}
			p.setAddr(to)
			p.host.count.roams.Add(1)
			handler.Moved(p, to)
			return true
		}
	}
	return false
}

// lookup finds the peer that a datagram is for.
func (h *Host) lookup(head header) *Peer {
	if int(head.peerID) >= len(h.places) {
		return nil
	}
	p := h.places[head.peerID].peer
	if p == nil || (p.state != connecting && head.session != p.inSession) {
		return nil
	}
	return p
}

func (p *Peer) setAddr(addr netip.AddrPort) {
	p.addr = addr
	p.shared.Lock()
	p.shared.addr = addr
	p.shared.Unlock()
}

// arrival is when a datagram came, from where, and the time in it.
type arrival struct {
	now      time.Duration
	from     netip.AddrPort
	sentTime uint16
}

// receiveCommand does one command. It returns false for one that is rejected,
// and so not acknowledged.
func (p *Peer) receiveCommand(in *arrival, c *command) bool {
	switch {
	case c.id == commandVerify:
		return p.receiveVerify(in, c)
	case p.state == connecting:
		return false
	case c.id == commandAcknowledge:
		return p.receiveAck(in.now, c)
	case c.id == commandDisconnect:
		p.receiveDisconnect(in, c)
		return true
	}
	if p.state == accepting && !p.confirmedBy(c) {
		return false
	}
	switch c.id {
	case commandPing, commandBandwidth, commandThrottle:
		return true
	case commandReliable, commandUnreliable, commandUnsequenced:
		return int(c.channel) < len(p.channels) && p.receiveMessage(c)
	case commandFragment, commandUnreliableFragment:
		p.host.count.fragments.Add(1)
	}
	return false
}

// confirmedBy takes a command under the new session id as the acknowledgement of
// our answer, whose own may be lost: waiting for the next would hold up what the
// client says first. Our answer stays unacknowledged, and so is repeated, until
// its acknowledgement comes.
func (p *Peer) confirmedBy(c *command) bool {
	switch c.id {
	case commandReliable, commandUnreliable, commandUnsequenced:
		if int(c.channel) < len(p.channels) {
			p.becomeConnected()
		}
	}
	return p.state == connected
}

func (p *Peer) receiveMessage(c *command) bool {
	switch c.id {
	case commandReliable:
		// Without the flag its sender would never hear of it, and cannot mean it.
		return c.flags&flagAcknowledge != 0 && p.receiveReliable(c)
	case commandUnreliable:
		p.receiveUnreliable(c)
	default:
		p.receiveUnsequenced(c)
	}
	return true
}

// receiveAck ends a reliable command that was sent.
func (p *Peer) receiveAck(now time.Duration, c *command) bool {
	sequence := c.word(0)
	for i, m := range p.unacked {
		if m.sequence != sequence || m.channel != c.channel {
			continue
		}
		p.unacked = append(p.unacked[:i], p.unacked[i+1:]...)
		p.inFlight -= m.size()
		p.lastAck = now
		p.measure(now, m, c.word(2))
		id := m.id()
		p.release(m)
		switch {
		case p.state == accepting && id == commandVerify:
			p.becomeConnected()
		case p.state == disconnecting && id == commandDisconnect:
			p.end(ReasonLocal)
		}
		return true
	}
	return true // it was sent twice, and so acknowledged twice
}

// measure takes a round trip time from an acknowledgement. Of a command that was
// sent more than once only the echoed time says which sending it answers.
func (p *Peer) measure(now time.Duration, m *message, echo uint16) {
	d := now - m.lastSent
	if m.attempts > 1 {
		d = time.Duration(milliseconds(now)-echo) * time.Millisecond
		if d > now-m.firstSent+time.Millisecond {
			return
		}
	}
	p.trip.sample(d)
	p.rtt.Store(int64(p.trip.mean))
}

func (p *Peer) receiveDisconnect(in *arrival, c *command) {
	reason := ReasonRemote
	if p.state == disconnecting {
		reason = ReasonLocal
	}
	p.remoteData.Store(binary.BigEndian.Uint32(c.body))
	if c.flags&flagAcknowledge != 0 {
		p.acks = append(p.acks, acknowledgement{c.channel, c.sequence, in.sentTime})
		p.unacked, p.pending = nil, queue{}
		p.flush(in.now)
	}
	p.host.places[p.index].late = &late{p, in.now + linger}
	p.end(reason)
}

// late is a peer that has disconnected, kept for the case that it asks again
// because our acknowledgement was lost.
type late struct {
	*Peer
	until time.Duration
}

// receiveLate acknowledges a repeated DISCONNECT of a peer that is gone. All
// else for peers that are not there is dropped.
func (h *Host) receiveLate(now time.Duration, from netip.AddrPort, head header, commands []byte) {
	c, _, err := nextCommand(commands)
	if err == nil && c.id == commandDisconnect && c.flags&flagAcknowledge != 0 && int(head.peerID) < len(h.places) {
		at := &h.places[head.peerID]
		if l := at.late; at.peer == nil && l != nil && now < l.until && head.session == l.inSession && from == l.addr {
			w := h.begin(l.Peer, now)
			w.acknowledge(acknowledgement{c.channel, c.sequence, head.sentTime})
			w.finish()
			h.count.duplicates.Add(1)
			return
		}
	}
	h.count.unknownPeer.Add(1)
}
