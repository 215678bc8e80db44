package host

import (
	"net/netip"
	"sync"

	"github.com/kennel-stream/kennel/moonlight/rtp"
)

// links is every link that is alive, at most one per session. Its methods say
// whose a packet is, by the rules of identity.
type links struct {
	mu        sync.RWMutex // covers what follows; identity.mu may be taken under it
	bySession map[string]*link
	byID      map[string]*link
	byPing    map[string]pinger
}

// pinger is a stream of a link.
type pinger struct {
	*link
	stream *destination
}

func newLinks() *links {
	return &links{bySession: map[string]*link{}, byID: map[string]*link{}, byPing: map[string]pinger{}}
}

// put adds a link. It closes and returns the one that the session had before,
// which may be nil.
func (ls *links) put(l *link) (replaced *link) {
	ls.mu.Lock()
	replaced = ls.bySession[l.session.ID()]
	if replaced != nil {
		ls.forget(replaced)
	}
	ls.bySession[l.session.ID()] = l
	ls.index(l)
	ls.mu.Unlock()
	if replaced != nil {
		replaced.close()
	}
	return replaced
}

// drop removes a link. It reports false for one that has been replaced or
// dropped already.
func (ls *links) drop(l *link) bool {
	ls.mu.Lock()
	present := ls.bySession[l.session.ID()] == l
	if present {
		delete(ls.bySession, l.session.ID())
	}
	ls.forget(l)
	ls.mu.Unlock()
	l.close()
	return present
}

// index and forget need the lock.
func (ls *links) index(l *link) {
	ls.byID[l.id] = l
	for _, stream := range []*destination{&l.video, &l.audio} {
		ls.byPing[stream.ping] = pinger{l, stream}
	}
}

func (ls *links) forget(l *link) {
	delete(ls.byID, l.id)
	delete(ls.byPing, l.video.ping)
	delete(ls.byPing, l.audio.ping)
}

// find returns the first link for which match is true.
func (ls *links) find(match func(*link) bool) *link {
	ls.mu.RLock()
	defer ls.mu.RUnlock()
	for _, l := range ls.bySession {
		if match(l) {
			return l
		}
	}
	return nil
}

// only returns the one link for which match is true. It returns nil if there are
// more, because a client without a secret is served only while it cannot be
// taken for another.
func (ls *links) only(match func(*link) bool) *link {
	ls.mu.RLock()
	defer ls.mu.RUnlock()
	var found *link
	for _, l := range ls.bySession {
		if !match(l) {
			continue
		}
		if found != nil {
			return nil
		}
		found = l
	}
	return found
}

// opened returns the link whose key opened an RTSP request.
func (ls *links) opened(candidate string) *link {
	ls.mu.RLock()
	defer ls.mu.RUnlock()
	return ls.byID[candidate]
}

// negotiating returns the link of a plain RTSP request. hidden is set if the
// client does not say to which host it talks, as clients do that want
// low-quality audio. It is served while it is the only one at its address that
// has not finished its handshake.
func (ls *links) negotiating(host string, hidden bool, from netip.Addr) *link {
	if hidden {
		return ls.only(func(l *link) bool { return !l.encrypted && !l.played.Load() && l.launchedFrom(from) })
	}
	return ls.find(func(l *link) bool { return l.negotiates(host, from) })
}

// connecting returns the link of an ENet connection, which must wait for one.
func (ls *links) connecting(data uint32, from netip.Addr) *link {
	matches := func(wantProof bool) func(*link) bool {
		return func(l *link) bool {
			match, proven := l.connects(data, from)
			return match && proven == wantProof && l.waitsForControl()
		}
	}
	if l := ls.find(matches(true)); l != nil {
		return l
	}
	return ls.only(matches(false))
}

// pinged notes a ping for one of the streams. It returns false for a ping that
// belongs to nobody or does not count. Only a stream that moves allocates.
func (ls *links) pinged(stream func(*link) *destination, p rtp.Ping, from netip.AddrPort) bool {
	if p.Legacy {
		return ls.pingedPlainly(stream, from)
	}
	ls.mu.RLock()
	defer ls.mu.RUnlock()
	l, ok := ls.byPing[string(p.Payload[:])]
	return ok && l.stream == stream(l.link) && l.pinged(l.stream, p, from)
}

func (ls *links) pingedPlainly(stream func(*link) *destination, from netip.AddrPort) bool {
	ls.mu.RLock()
	defer ls.mu.RUnlock()
	var found *link
	for _, l := range ls.bySession {
		match, known := l.pingsPlainly(stream(l), from)
		if known {
			return true
		}
		if !match {
			continue
		}
		if found != nil {
			return false // two clients could mean it
		}
		found = l
	}
	if found == nil {
		return false
	}
	found.pingedPlainly(stream(found), from)
	return true
}

// all returns the links in no order.
func (ls *links) all() []*link {
	ls.mu.RLock()
	defer ls.mu.RUnlock()
	list := make([]*link, 0, len(ls.bySession))
	for _, l := range ls.bySession {
		list = append(list, l)
	}
	return list
}
