package host

import (
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kennel-stream/kennel/internal/session"
	"github.com/kennel-stream/kennel/moonlight/control"
	"github.com/kennel-stream/kennel/moonlight/enet"
	"github.com/kennel-stream/kennel/moonlight/rtsp"
)

// link binds one launch or resume of a client to its session. Whatever the
// client sends is matched to its link by a secret of the link's own: the key,
// the ping payload, the connect data, or the address in the session URL.
type link struct {
	session *session.Session
	client  string
	key     [16]byte
	keyID   int32
	// encrypted is set when the session URL says rtspenc.
	encrypted bool
	// address is the made-up host in a plain session URL, by which a plain RTSP
	// request is matched.
	address netip.Addr
	// ping is the payload of the client's UDP pings, 16 hex digits.
	ping string
	// connectData is what the client's ENet connection presents. Never 0.
	connectData uint32
	made        time.Time

	// video is where pictures go: the source of the last matching ping.
	video atomic.Pointer[netip.AddrPort]
	// firstPing is closed at the first ping of the video stream.
	firstPing chan struct{}
	pinged    atomic.Bool
	// audio and firstAudio are the same for the sound.
	audio      atomic.Pointer[netip.AddrPort]
	firstAudio chan struct{}
	audible    atomic.Bool
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

func newLink(s *session.Session, client string, key [16]byte, keyID int32, encrypted bool) (*link, error) {
	var random [8 + 4 + 4]byte
	if _, err := rand.Read(random[:]); err != nil {
		return nil, fmt.Errorf("make the secrets of a stream: %w", err)
	}
	// 240.0.0.0/4 is reserved (RFC 1112): no client can mistake it for a host.
	a := random[12:16]
	return &link{
		session: s, client: client, key: key, keyID: keyID, encrypted: encrypted,
		ping: hex.EncodeToString(random[:8]), connectData: binary.BigEndian.Uint32(random[8:12]) | 1,
		address: netip.AddrFrom4([4]byte{240 | a[0]&7, a[1], a[2], a[3] | 1}),
		made:    time.Now(), firstPing: make(chan struct{}), firstAudio: make(chan struct{}), gone: make(chan struct{}),
	}, nil
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

// pingFrom notes where the client's video pings come from.
func (l *link) pingFrom(addr netip.AddrPort) {
	follow(&l.video, addr)
	if l.pinged.CompareAndSwap(false, true) {
		close(l.firstPing)
	}
}

// audioPingFrom notes where the client's audio pings come from.
func (l *link) audioPingFrom(addr netip.AddrPort) {
	follow(&l.audio, addr)
	if l.audible.CompareAndSwap(false, true) {
		close(l.firstAudio)
	}
}

func follow(at *atomic.Pointer[netip.AddrPort], addr netip.AddrPort) {
	if old := at.Load(); old == nil || *old != addr {
		// A copy of its own, so that only a changed address allocates.
		moved := addr
		at.Store(&moved)
	}
}

// links is every link that is alive, at most one per session.
type links struct {
	mu        sync.RWMutex // covers what follows
	bySession map[string]*link
	byPing    map[string]*link
}

func newLinks() *links {
	return &links{bySession: map[string]*link{}, byPing: map[string]*link{}}
}

// put adds a link. One that the session already has is replaced and closed.
func (ls *links) put(l *link) {
	ls.mu.Lock()
	old := ls.bySession[l.session.ID()]
	if old != nil {
		delete(ls.byPing, old.ping)
	}
	ls.bySession[l.session.ID()] = l
	ls.byPing[l.ping] = l
	ls.mu.Unlock()
	if old != nil {
		old.close()
	}
}

// drop removes a link. It reports false for one that has been replaced or
// dropped already.
func (ls *links) drop(l *link) bool {
	ls.mu.Lock()
	present := ls.bySession[l.session.ID()] == l
	if present {
		delete(ls.bySession, l.session.ID())
	}
	delete(ls.byPing, l.ping)
	ls.mu.Unlock()
	l.close()
	return present
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

// pinged returns the link of a ping payload. The lookup does not allocate.
func (ls *links) pinged(payload []byte) *link {
	ls.mu.RLock()
	defer ls.mu.RUnlock()
	return ls.byPing[string(payload)]
}

// only returns the one link for which match is true, nil when there are more:
// a client that names itself in no way is served only while it cannot be
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
