package enet

import (
	"net/netip"
	"time"
)

// place is one index of a host's table. Its session ids outlive its peers.
type place struct {
	peer                  *Peer
	inSession, outSession uint8
	late                  *late
}

// receiveRequest answers a datagram that comes from nobody known.
func (h *Host) receiveRequest(now time.Duration, from netip.AddrPort, commands []byte) {
	c, _, err := nextCommand(commands)
	if err != nil || c.id != commandConnect || c.flags&flagAcknowledge == 0 {
		h.count.unknownPeer.Add(1)
		return
	}
	ask := parseHandshake(c.body)
	if ask.channels < 1 || ask.channels > 255 || ask.peerID >= noPeer || h.options.Accept == nil {
		h.count.rejected.Add(1)
		return
	}
	index := -1
	for i := range h.places {
		p := h.places[i].peer
		if p == nil {
			if index < 0 {
				index = i
			}
		} else if p.connectID == ask.connectID && p.remoteID == ask.peerID && (p.connectAddr == from || p.addr == from) {
			h.count.connectReplays.Add(1)
			p.answerAgain(now)
			return
		}
	}
	if index < 0 {
		h.count.full.Add(1)
		return
	}
	channels := min(int(ask.channels), h.options.MaxChannels)
	handler, ok := h.options.Accept(ConnectRequest{Addr: from, Data: ask.data, Channels: channels})
	if !ok || handler == nil {
		h.count.refused.Add(1)
		return
	}
	h.endHalfOpen(ask.data)
	h.accept(now, from, index, ask, handler, channels)
}

// endHalfOpen makes room for one more connection with data that is not confirmed.
func (h *Host) endHalfOpen(data uint32) {
	var oldest *Peer
	open := 0
	for i := range h.places {
		p := h.places[i].peer
		if p == nil || p.state != accepting || p.data != data {
			continue
		}
		open++
		if oldest == nil || p.accepted < oldest.accepted {
			oldest = p
		}
	}
	if open >= h.options.MaxHalfOpen {
		h.count.halfOpen.Add(1)
		oldest.end(ReasonReset)
	}
}

// answerAgain sends the same answer to the same request at once, if the peer has
// not confirmed it yet.
func (p *Peer) answerAgain(now time.Duration) {
	if p.state != accepting {
		return
	}
	for _, m := range p.unacked {
		m.due = now
	}
	p.next = now
}

func (h *Host) accept(now time.Duration, from netip.AddrPort, index int, ask handshake, handler Handler, channels int) {
	at := &h.places[index]
	p := h.newPeer(index, handler, from, accepting)
	p.connectID, p.data, p.remoteID = ask.connectID, ask.data, ask.peerID
	p.lastAck, p.accepted = now, now

	at.outSession = nextSession(ask.incomingSession, at.outSession)
	at.inSession = nextSession(ask.outgoingSession, at.inSession)
	p.outSession, p.inSession = at.outSession, at.inSession

	answer := ask // the throttle numbers and the connect id must come back as they are
	answer.peerID = uint16(index)
	answer.incomingSession, answer.outgoingSession = p.outSession, p.inSession
	answer.mtu = min(max(ask.mtu, minimumMTU), uint32(h.options.MTU))
	answer.window = min(max(ask.window, 4096), maximumWindow)
	answer.channels = uint32(channels)
	answer.incomingBandwidth, answer.outgoingBandwidth = 0, 0
	p.agree(&answer)
	p.queueCommand(commandVerify, answer.appendVerify(nil))
}

// newPeer puts a peer into the table.
func (h *Host) newPeer(index int, handler Handler, addr netip.AddrPort, s state) *Peer {
	p := &Peer{host: h, handler: handler, index: index, connectAddr: addr, addr: addr, state: s, remoteID: noPeer}
	p.shared.addr = addr
	p.mtu = h.options.MTU
	p.window = maximumWindow
	h.places[index].peer, h.places[index].late = p, nil
	h.count.peers.Add(1)
	return p
}

// agree takes over the numbers that both ends now know.
func (p *Peer) agree(s *handshake) {
	p.mtu, p.window = int(s.mtu), int(s.window)
	p.channels = make([]channel, s.channels)
	p.shared.Lock()
	p.shared.channels = len(p.channels)
	p.shared.maxPayload = p.mtu - datagramHeader - commandHeaderSize - bodySizes[commandUnreliable]
	p.shared.Unlock()
}

// connect starts the connection of a client.
func (h *Host) connect(now time.Duration, to netip.AddrPort, connectID uint32, o *DialOptions, handler Handler) {
	p := h.newPeer(0, handler, to, connecting)
	p.connectID, p.data = connectID, o.Data
	p.lastAck = now
	ask := handshake{
		incomingSession: unsetSession, outgoingSession: unsetSession,
		mtu: uint32(h.options.MTU), window: maximumWindow, channels: uint32(o.Channels),
		interval: throttleInterval, acceleration: throttleAcceleration, deceleration: throttleDeceleration,
		connectID: connectID, data: o.Data,
	}
	p.queueCommand(commandConnect, ask.appendConnect(nil))
}

// receiveVerify takes the host's answer. One that does not fit the request is
// not from the host, and is passed over.
func (p *Peer) receiveVerify(in *arrival, c *command) bool {
	if p.state != connecting {
		// Our acknowledgement was lost, or somebody replays it.
		return p.handlerIsClient() && parseHandshake(c.body).connectID == p.connectID
	}
	answer := parseHandshake(c.body)
	if answer.connectID != p.connectID || answer.channels < 1 || answer.channels > uint32(p.host.options.MaxChannels) ||
		answer.interval != throttleInterval || answer.acceleration != throttleAcceleration ||
		answer.deceleration != throttleDeceleration || answer.peerID >= noPeer ||
		answer.incomingSession > 3 || answer.outgoingSession > 3 {
		return false
	}
	p.setAddr(in.from)
	p.remoteID = answer.peerID
	p.inSession, p.outSession = answer.incomingSession, answer.outgoingSession
	answer.mtu = min(max(answer.mtu, minimumMTU), uint32(p.host.options.MTU))
	answer.window = min(max(answer.window, 4096), maximumWindow)
	for i, m := range p.unacked {
		if m.id() == commandConnect {
			p.inFlight -= m.size()
			p.unacked = append(p.unacked[:i], p.unacked[i+1:]...)
			if m.attempts == 1 {
				p.trip.sample(in.now - m.lastSent)
				p.rtt.Store(int64(p.trip.mean))
			}
			break
		}
	}
	p.lastAck = in.now
	p.agree(&answer)
	p.becomeConnected()
	return true
}

func (p *Peer) handlerIsClient() bool { return p.host.options.Accept == nil }

func (p *Peer) becomeConnected() {
	p.state = connected
	p.toldConnected = true
	if !p.muted.Load() {
		p.handler.Connected(p)
	}
}

// end takes the peer out of the table and tells its Handler.
func (p *Peer) end(reason Reason) {
	if p.state == gone {
		return
	}
	p.state = gone
	p.host.places[p.index].peer = nil
	p.host.count.peers.Add(-1)
	p.muted.Store(true)
	s := &p.shared
	s.Lock()
	s.closed, s.ended = true, true
	s.outbox, s.free = nil, nil
	for _, done := range s.flushed {
		close(done)
	}
	s.flushed = nil
	s.Unlock()
	if p.toldConnected || !p.handlerIsClient() {
		p.handler.Disconnected(p, reason)
	}
}
