package host

import (
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kennel-stream/kennel/internal/session"
	"github.com/kennel-stream/kennel/moonlight/control"
	"github.com/kennel-stream/kennel/moonlight/enet"
	"github.com/kennel-stream/kennel/moonlight/rtsp"
)

// link binds one launch or resume of a client to its session.
type link struct {
	*identity
	session *session.Session
	made    time.Time

	// played is set by the first PLAY.
	played atomic.Bool
	// gone is closed when the link is replaced or its client has left.
	gone     chan struct{}
	goneOnce sync.Once

	stats linkStats

	mu        sync.Mutex // covers what follows
	announced *rtsp.Announce
	peer      *enet.Peer
	sealer    *control.Sealer
	sendBuf   []byte
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
	return &link{identity: i, session: s, made: time.Now(), gone: make(chan struct{})}, nil
}

// close marks the link as over. Its streams end.
func (l *link) close() { l.goneOnce.Do(func() { close(l.gone) }) }

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
func (l *link) announce(a *rtsp.Announce) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.announced != nil {
		return false
	}
	l.announced = a
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
