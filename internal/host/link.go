package host

import (
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/kennel-stream/kennel/internal/session"
	"github.com/kennel-stream/kennel/moonlight/control"
	"github.com/kennel-stream/kennel/moonlight/enet"
	"github.com/kennel-stream/kennel/moonlight/rtsp"
)

// link binds one launch or resume of a client to its session.
type link struct {
	*identity
	session *session.Session

	// played is set by the first PLAY.
	played atomic.Bool
	// asked is set by the first request for a control link.
	asked atomic.Bool
	// gone is closed when the link is replaced or its client has left.
	gone     chan struct{}
	goneOnce sync.Once

	stats linkStats

	mu        sync.Mutex // covers what follows
	announced *rtsp.Announce
	rates     rates // set with announced
	// knocking are ENet connections that have not proved yet to be the client's.
	knocking []*enet.Peer
	peer     *enet.Peer
	sealer   *control.Sealer
	sendBuf  []byte
}

// linkStats counts what the client got and asked for.
type linkStats struct {
	frames, packets, bytes, keyFrames, keyFrameRequests atomic.Uint64
}

func newLink(s *session.Session, client string, k launchKey, encrypted bool, launched netip.Addr) (*link, error) {
	i, err := newIdentity(client, k, encrypted, launched)
	if err != nil {
		return nil, err
	}
	return &link{identity: i, session: s, gone: make(chan struct{})}, nil
}

// close marks the link as over. Its streams end.
func (l *link) close() {
	l.goneOnce.Do(func() { close(l.gone) })
	l.mu.Lock()
	defer l.mu.Unlock()
	l.refuse(nil)
}

// maxKnocking bounds the connections that have proved nothing.
const maxKnocking = 4

// knock notes a new ENet connection, which takes the place of the oldest one
// that has proved nothing. It reports false if the link has no use for one.
func (l *link) knock(p *enet.Peer) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.peer != nil || l.isGone() {
		return false
	}
	if len(l.knocking) >= maxKnocking {
		l.knocking[0].Reset()
		l.knocking = slices.Delete(l.knocking, 0, 1)
	}
	l.knocking = append(l.knocking, p)
	return true
}

// claim makes a connection the client's, because a message over it was sealed
// with the launch's key. It reports false if the client has one already.
func (l *link) claim(p *enet.Peer, sealer *control.Sealer) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.peer != nil || l.isGone() {
		return false
	}
	l.peer, l.sealer = p, sealer
	l.refuse(p)
	return true
}

// refuse forgets all connections that have proved nothing, but for one; mu is
// held.
func (l *link) refuse(but *enet.Peer) {
	for _, p := range l.knocking {
		if p != but {
			p.Reset()
		}
	}
	l.knocking = nil
}

func (l *link) isGone() bool {
	select {
	case <-l.gone:
		return true
	default:
		return false
	}
}

// announce notes what the client has decided on. It reports false if the client
// had announced before.
func (l *link) announce(a *rtsp.Announce, r rates) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.announced != nil {
		return false
	}
	l.announced, l.rates = a, r
	l.identity.announce(a.Features)
	return true
}

// waitsForControl reports whether the client has negotiated and has no control
// link. The announce is only ever set once, before the client connects.
func (l *link) waitsForControl() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.announced != nil && l.peer == nil && !l.isGone()
}

func videoOf(l *link) *destination { return &l.video }
func audioOf(l *link) *destination { return &l.audio }
