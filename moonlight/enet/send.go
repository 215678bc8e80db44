package enet

import (
	"encoding/binary"
	"math"
	"time"
)

const (
	// maximumInFlight bounds a peer's unacknowledged commands.
	maximumInFlight = 256
	// linger is how long a DISCONNECT may stay unacknowledged.
	linger = 2 * time.Second
	never  = time.Duration(math.MaxInt64)
)

// take moves what other goroutines have queued to the host's side, gives it its
// numbers, and returns what else they want.
func (p *Peer) take() (wish, uint32) {
	s := &p.shared
	s.Lock()
	taken := s.outbox
	s.outbox = p.spare[:0]
	s.signalled = false
	w, data := s.wish, s.wishData
	s.Unlock()
	for _, m := range taken {
		p.number(m)
		p.pending.push(m)
	}
	clear(taken)
	p.spare = taken[:0]
	return w, data
}

// number gives a message its place in its channel.
func (p *Peer) number(m *message) {
	if m.channel == peerChannel {
		p.peerSequence++
		m.sequence = p.peerSequence
		return
	}
	ch := &p.channels[m.channel]
	switch m.id() {
	case commandReliable:
		ch.sentReliable++
		ch.sentUnreliable = 0
		m.sequence = ch.sentReliable
	case commandUnreliable:
		ch.sentUnreliable++
		m.sequence, m.second = ch.sentReliable, ch.sentUnreliable
	case commandUnsequenced:
		p.group++
		m.second = p.group
	}
}

// queueCommand queues a reliable command of the connection itself.
func (p *Peer) queueCommand(id uint8, body []byte) {
	m := &message{command: id | flagAcknowledge, channel: peerChannel, payload: body}
	p.number(m)
	p.pending.push(m)
}

// release ends a message.
func (p *Peer) release(m *message) {
	if !m.queued {
		return
	}
	s := &p.shared
	s.Lock()
	defer s.Unlock()
	s.queued--
	s.free = append(s.free, m)
	if !m.reliable() {
		return
	}
	if s.unacked--; s.unacked == 0 {
		for _, done := range s.flushed {
			close(done)
		}
		s.flushed = nil
	}
}

func (p *Peer) idle() bool { return p.pending.len() == 0 && len(p.unacked) == 0 }

// serve does everything that is due for the peer, and says in next when to come
// again.
func (p *Peer) serve(now time.Duration) {
	if p.state == gone {
		return
	}
	if reason := p.overdue(now); reason != 0 {
		p.end(reason)
		return
	}
	o := &p.host.options
	if (p.state == connected || p.state == draining) && p.idle() && now-p.lastAck >= o.PingInterval {
		p.queueCommand(commandPing, nil)
	}
	p.flush(now)
	if p.state == draining && p.idle() {
		p.startDisconnect(now)
		p.flush(now)
	}
	p.plan()
}

func (p *Peer) startDisconnect(now time.Duration) {
	p.state = disconnecting
	p.lingerUntil = now + linger
	p.queueCommand(commandDisconnect, binary.BigEndian.AppendUint32(nil, p.goodbye))
}

// lostAt is when the peer counts as lost if it acknowledges nothing.
func (p *Peer) lostAt() time.Duration {
	if len(p.unacked) == 0 || p.state == connecting { // Dial has its own limit
		return never
	}
	return max(p.lastAck, p.unacked[0].firstSent) + p.host.options.PeerTimeout
}

// overdue says whether the peer's time is up.
func (p *Peer) overdue(now time.Duration) Reason {
	switch {
	case p.state == disconnecting && now >= p.lingerUntil:
		return ReasonLocal
	case now >= p.lostAt():
		p.host.count.timeouts.Add(1)
		return ReasonTimeout
	}
	return 0
}

// plan sets the time of the next service.
func (p *Peer) plan() {
	p.next = p.lostAt()
	for _, m := range p.unacked {
		p.next = min(p.next, m.due)
	}
	switch {
	case p.state == disconnecting:
		p.next = min(p.next, p.lingerUntil)
	case p.idle() && p.state == connected:
		p.next = min(p.next, p.lastAck+p.host.options.PingInterval)
	}
}

// flush sends acknowledgements, then what is to be sent again, then what is new.
func (p *Peer) flush(now time.Duration) {
	w := p.host.begin(p, now)
	for _, a := range p.acks {
		w.acknowledge(a)
	}
	p.acks = p.acks[:0]
	for _, m := range p.unacked {
		if m.due <= now {
			p.host.count.retransmits.Add(1)
			p.transmit(w, m, now)
		}
	}
	for p.pending.len() > 0 {
		m := p.pending.front()
		if m.reliable() {
			if len(p.unacked) >= maximumInFlight || (p.inFlight > 0 && p.inFlight+m.size() > p.window) {
				break
			}
			p.unacked = append(p.unacked, m)
			p.inFlight += m.size()
			m.firstSent = now
		}
		p.pending.pop()
		p.transmit(w, m, now)
		if !m.reliable() {
			p.release(m)
		}
	}
	w.finish()
}

// transmit writes a message, for the first time or again.
func (p *Peer) transmit(w *writer, m *message, now time.Duration) {
	w.add(m)
	if m.reliable() {
		m.attempts++
		m.lastSent = now
		m.due = now + p.trip.timeout(m.attempts, p.host.options.PeerTimeout/5)
	}
}

// writer packs commands into datagrams for one peer.
type writer struct {
	host     *Host
	peer     *Peer
	sentTime uint16
	buffer   []byte
	commands int
	timed    bool
}

// begin prepares the host's writer for a peer.
func (h *Host) begin(p *Peer, now time.Duration) *writer {
	w := &h.writer
	w.host, w.peer, w.sentTime = h, p, milliseconds(now)
	w.reset()
	return w
}

func (w *writer) reset() {
	w.buffer = append(w.buffer[:0], 0, 0, 0, 0)
	w.commands, w.timed = 0, false
}

// room makes sure that a command of this size fits.
func (w *writer) room(size int) {
	if len(w.buffer)+size > w.peer.mtu || w.commands == maximumCommands {
		w.finish()
	}
	w.commands++
}

func (w *writer) acknowledge(a acknowledgement) {
	w.room(commandHeaderSize + bodySizes[commandAcknowledge])
	w.buffer = appendCommandHeader(w.buffer, commandAcknowledge, a.channel, a.sequence)
	w.buffer = binary.BigEndian.AppendUint16(w.buffer, a.sequence)
	w.buffer = binary.BigEndian.AppendUint16(w.buffer, a.sentTime)
}

func (w *writer) add(m *message) {
	w.room(m.size())
	w.timed = w.timed || m.reliable()
	w.buffer = m.append(w.buffer)
}

// finish sends what is in the buffer, if anything.
func (w *writer) finish() {
	if w.commands == 0 {
		return
	}
	datagram, first := w.buffer, w.peer.remoteID
	if w.peer.remoteID != noPeer {
		first |= uint16(w.peer.outSession) << sessionShift
	}
	if w.timed {
		first |= flagSentTime
		binary.BigEndian.PutUint16(datagram[2:], w.sentTime)
	} else {
		datagram = datagram[2:]
	}
	binary.BigEndian.PutUint16(datagram, first)
	w.host.send(datagram, w.peer.addr)
	w.reset()
}

// milliseconds is the clock that datagrams carry.
func milliseconds(now time.Duration) uint16 { return uint16(now.Milliseconds()) }
