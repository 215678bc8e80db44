package enet

// channel is what one channel of a peer has sent and received.
type channel struct {
	sentReliable   uint16 // last sequence number given out
	sentUnreliable uint16 // since sentReliable

	reliable   uint16            // last sequence number delivered
	unreliable uint16            // last one delivered since then
	waiting    map[uint16][]byte // reliable messages that came too early, by sequence number
}

// early is an unreliable message whose reliable predecessor is still missing.
type early struct {
	channel              uint8
	reliable, unreliable uint16
	payload              []byte
}

const (
	// maximumEarly bounds the unreliable messages kept for a peer.
	maximumEarly = 64
	// maximumWaiting bounds the bytes of reliable messages kept for a peer.
	maximumWaiting = 256 << 10
)

// receiveReliable delivers a reliable message, or keeps it until those before it
// have come. It says whether to acknowledge it: not if it was dropped.
func (p *Peer) receiveReliable(c *command) bool {
	ch := &p.channels[c.channel]
	ahead := int16(c.sequence - ch.reliable)
	switch {
	case ahead <= 0:
		p.host.count.duplicates.Add(1)
		return true
	case ahead == 1:
		p.deliverReliable(c.channel, c.payload)
		p.deliverWaiting(c.channel)
		return true
	}
	if _, kept := ch.waiting[c.sequence]; kept {
		p.host.count.duplicates.Add(1)
		return true
	}
	limit := p.host.options.ReceiveQueue
	if int(ahead) > limit || p.waiting >= limit || p.waitingBytes+len(c.payload) > maximumWaiting {
		p.host.count.dropped.Add(1)
		return false
	}
	if ch.waiting == nil {
		ch.waiting = make(map[uint16][]byte)
	}
	ch.waiting[c.sequence] = append([]byte(nil), c.payload...)
	p.waiting++
	p.waitingBytes += len(c.payload)
	return true
}

// deliverReliable delivers the channel's next reliable message, and the
// unreliable ones that were sent after it but have overtaken it.
func (p *Peer) deliverReliable(number uint8, payload []byte) {
	ch := &p.channels[number]
	ch.reliable++
	ch.unreliable = 0
	p.deliver(number, payload)
	kept := p.early[:0]
	for _, e := range p.early {
		switch {
		case e.channel != number || !before(e.reliable, ch.reliable):
			kept = append(kept, e)
		case e.reliable == ch.reliable && !before(e.unreliable, ch.unreliable):
			ch.unreliable = e.unreliable
			p.deliver(number, e.payload)
		}
	}
	clear(p.early[len(kept):])
	p.early = kept
}

func (p *Peer) deliverWaiting(number uint8) {
	ch := &p.channels[number]
	for len(ch.waiting) > 0 {
		payload, here := ch.waiting[ch.reliable+1]
		if !here {
			return
		}
		delete(ch.waiting, ch.reliable+1)
		p.waiting--
		p.waitingBytes -= len(payload)
		p.deliverReliable(number, payload)
	}
}

// receiveUnreliable delivers an unreliable message unless a newer one was
// delivered, and keeps it if it has overtaken a reliable one.
func (p *Peer) receiveUnreliable(c *command) {
	ch := &p.channels[c.channel]
	number := c.word(0)
	ahead := int16(c.sequence - ch.reliable)
	switch {
	case ahead == 0 && !before(number, ch.unreliable):
		ch.unreliable = number
		p.deliver(c.channel, c.payload)
	case ahead == 0 && number == ch.unreliable:
		p.host.count.duplicates.Add(1)
	case ahead > 0 && int(ahead) <= p.host.options.ReceiveQueue && len(p.early) < maximumEarly:
		p.early = append(p.early, early{c.channel, c.sequence, number, append([]byte(nil), c.payload...)})
	default:
		p.host.count.dropped.Add(1)
	}
}

// unsequencedWindow is how many groups back an unsequenced message may come.
const unsequencedWindow = 1024

// groups remembers which of the latest unsequenced groups were seen.
type groups struct {
	highest uint16
	bits    [unsequencedWindow / 64]uint64 // a ring, by group modulo its size
}

// add marks a group and says whether it is new and not too old to tell.
func (g *groups) add(group uint16) bool {
	if ahead := int(int16(group - g.highest)); ahead > 0 {
		if ahead >= unsequencedWindow {
			clear(g.bits[:])
		} else {
			for n := g.highest + 1; n != group; n++ {
				g.bits[n%unsequencedWindow/64] &^= 1 << (n % 64)
			}
		}
		g.highest = group
	} else if ahead <= -unsequencedWindow || g.bits[group%unsequencedWindow/64]&(1<<(group%64)) != 0 {
		return false
	}
	g.bits[group%unsequencedWindow/64] |= 1 << (group % 64)
	return true
}

// receiveUnsequenced delivers an unsequenced message that was not seen before.
func (p *Peer) receiveUnsequenced(c *command) {
	if !p.groups.add(c.word(0)) {
		p.host.count.duplicates.Add(1)
		return
	}
	p.deliver(c.channel, c.payload)
}

// deliver hands a message to the Handler, unless the peer was given up within an
// earlier call.
func (p *Peer) deliver(number uint8, payload []byte) {
	if !p.muted.Load() {
		p.handler.Received(p, number, payload)
	}
}
