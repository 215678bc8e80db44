package host

import (
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"net/netip"
	"sync"
	"sync/atomic"

	"github.com/kennel-stream/kennel/internal/connlimit"
	"github.com/kennel-stream/kennel/moonlight/rtp"
	"github.com/kennel-stream/kennel/moonlight/rtsp"
)

// identity is a client that launched: who it is and how its packets are
// recognised. RTSP, the control port and both media ports ask it, so that they
// cannot disagree. links finds the identity of a packet. These rules hold:
//
//   - A client that announced the session id feature is matched by the secrets
//     that this launch gave it, from any address.
//   - An older client repeats no secret. It is matched by the address from which
//     it launched, and its pings by that of its control link, while it is the only
//     such client there.
//   - The control link moves to another address only by a message under the
//     session's key (enet.Authenticator).
//   - A media stream moves to another port of its address by a newer ping, and to
//     another address after the control link has moved.
type identity struct {
	// client is the id of the certificate.
	client string
	key    [16]byte
	keyID  int32
	// encrypted is set when the session URL says rtspenc.
	encrypted bool
	// byAPI is set for a launch by an API, whose client is not known yet.
	byAPI bool
	// address is the made-up host in a plain session URL.
	address netip.Addr
	// id names the launch in RTSP.
	id string
	// connectData is what the client's ENet connection presents. Never 0.
	connectData uint32

	video, audio destination

	mu sync.Mutex // covers what follows, and the fields of destination that say so
	// launched is the client's address at its launch; invalid while it is unknown.
	launched netip.Addr
	// announced is set by ANNOUNCE, and sessionID when that named the feature.
	announced, sessionID bool
	// control is where the control link is; invalid before it is connected.
	control netip.AddrPort
}

// destination is where one stream of a client goes.
type destination struct {
	// ping is the payload of the client's pings for this stream, 16 hex digits.
	// Each stream has its own: pings are in the clear, and sound begins first.
	ping string
	to   atomic.Pointer[netip.AddrPort]
	// first is closed when to is set for the first time.
	first chan struct{}

	// Under identity.mu:
	counter uint32 // of the newest ping that counted
	free    bool   // the control link has moved, and the stream may follow once
}

// launchKey is what a client brings to a launch.
type launchKey struct {
	key   [16]byte
	keyID int32
}

func newIdentity(client string, k launchKey, encrypted bool, launched netip.Addr) (*identity, error) {
	var random [3*8 + 4 + 4]byte
	if _, err := rand.Read(random[:]); err != nil {
		return nil, fmt.Errorf("make the secrets of a stream: %w", err)
	}
	// 240.0.0.0/4 is reserved (RFC 1112): no client can mistake it for a host.
	a := random[28:]
	i := &identity{
		client: client, key: k.key, keyID: k.keyID, encrypted: encrypted, launched: launched.Unmap(),
		id: hex.EncodeToString(random[:8]), connectData: binary.BigEndian.Uint32(random[24:]) | 1,
		address: netip.AddrFrom4([4]byte{240 | a[0]&7, a[1], a[2], a[3] | 1}),
	}
	i.video.ping, i.audio.ping = hex.EncodeToString(random[8:16]), hex.EncodeToString(random[16:24])
	i.video.first, i.audio.first = make(chan struct{}), make(chan struct{})
	return i, nil
}

// sameHost reports whether two addresses count as one client's, as the limits on
// connections do (connlimit.Network). It is false for the zero Addr.
func sameHost(a, b netip.Addr) bool {
	return a.IsValid() && connlimit.Network(a) == connlimit.Network(b)
}

// launchedFrom reports whether the client launched from this address.
func (i *identity) launchedFrom(addr netip.Addr) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	return sameHost(i.launched, addr)
}

// negotiates reports whether a plain RTSP request is the client's, whose Host
// header names host. A client that was launched by an API is known by that
// alone, and has the address of its first request from then on.
func (i *identity) negotiates(host string, from netip.Addr) bool {
	if i.encrypted || !isAddress(host, i.address) {
		return false
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.byAPI && !i.announced {
		i.launched = from.Unmap()
	}
	return sameHost(i.launched, from)
}

// announce notes what the client can. It is called once.
func (i *identity) announce(features rtsp.ClientFeatures) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.announced, i.sessionID = true, features&rtsp.ClientSessionID != 0
}

// connects reports whether an ENet connection that presents data is the
// client's, and if so whether it proved that by its secret.
func (i *identity) connects(data uint32, from netip.Addr) (match, proven bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	switch {
	case !i.announced:
		return false, false
	case data == i.connectData:
		return true, true
	}
	return !i.sessionID && data == 0 && sameHost(i.launched, from), false
}

// controlAt notes where the control link is. Media streams may follow it there.
func (i *identity) controlAt(addr netip.AddrPort) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.control.IsValid() && i.control != addr {
		i.video.free, i.audio.free = true, true
	}
	i.control = addr
}

// pinged notes a ping that carried the client's payload, and reports whether it
// counted. One that was captured and sent again does not: its number is not new.
func (i *identity) pinged(d *destination, p rtp.Ping, from netip.AddrPort) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	at := d.to.Load()
	if at != nil {
		if int32(p.Counter-d.counter) <= 0 {
			return false
		}
		near := sameHost(at.Addr(), from.Addr()) || sameHost(i.control.Addr(), from.Addr())
		if *at != from && !near && !d.free {
			return false
		}
	}
	d.counter = p.Counter
	d.set(from)
	return true
}

// pingsPlainly reports whether a ping without a payload may be the client's,
// and if so whether its stream already goes there.
func (i *identity) pingsPlainly(d *destination, from netip.AddrPort) (match, known bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	// The control link began at the launching address, and has moved by a proof.
	if !i.announced || i.sessionID || !sameHost(i.control.Addr(), from.Addr()) {
		return false, false
	}
	at := d.to.Load()
	if at != nil && *at == from {
		return true, true
	}
	return at == nil || d.free, false
}

// pingedPlainly notes the ping of an older client.
func (i *identity) pingedPlainly(d *destination, from netip.AddrPort) {
	i.mu.Lock()
	defer i.mu.Unlock()
	d.set(from)
}

// set moves the stream; identity.mu is held. Only a changed address allocates.
func (d *destination) set(addr netip.AddrPort) {
	at := d.to.Load()
	if at != nil && *at == addr {
		return
	}
	moved := addr
	d.to.Store(&moved)
	d.free = false
	if at == nil {
		close(d.first)
	}
}
