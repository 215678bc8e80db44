package host

import (
	"context"
	"errors"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/kennel-stream/kennel/internal/evidence"
	"github.com/kennel-stream/kennel/moonlight/control"
	"github.com/kennel-stream/kennel/moonlight/enet"
	"github.com/kennel-stream/kennel/moonlight/rtsp"
)

// accept decides on an ENet connection.
func (h *Host) accept(r enet.ConnectRequest) (enet.Handler, bool) {
	l := h.links.connecting(r.Data, r.Addr.Addr())
	if l == nil {
		h.floods.addFrom("control connection of a stranger", r.Addr)
		return nil, false
	}
	l.mu.Lock()
	version := control.Legacy
	if l.announced.EncryptionEnabled&rtsp.EncryptControl != 0 {
		version = control.V2
	}
	l.mu.Unlock()
	opener, err := control.NewOpener(l.key, control.Client, version)
	if err != nil {
		h.log.Error("control link refused", "session", l.session.ID(), "error", err)
		return nil, false
	}
	sealer, err := control.NewSealer(l.key, control.Host, version)
	if err != nil {
		h.log.Error("control link refused", "session", l.session.ID(), "error", err)
		return nil, false
	}
	if l.asked.CompareAndSwap(false, true) {
		l.session.Trace().Began(evidence.StageControl)
	}
	return &controlLink{host: h, link: l, version: version, opener: opener, sealer: sealer, buf: make([]byte, 0, 2*control.MaxPayload)}, true
}

// controlLink handles the messages of one connected client. Its methods are
// called on the goroutine of the ENet host and never block.
type controlLink struct {
	host    *Host
	link    *link
	version control.Version
	opener  *control.Opener
	sealer  *control.Sealer
	claimed bool
	buf     []byte // its memory is reused for every message
	unknown atomic.Uint64
}

var _ enet.Authenticator = (*controlLink)(nil)

// Authentic reports whether a message proves that the client has moved. The
// numbers of Legacy messages prove nothing, so that a captured one could be sent
// again: such a client keeps its address, and only the port may change.
func (c *controlLink) Authentic(_ *enet.Peer, from netip.AddrPort, payload []byte) bool {
	if c.link.isGone() || c.version == control.Legacy && !c.link.launchedFrom(from.Addr()) {
		return false
	}
	return c.opener.Authentic(c.buf[:0], payload)
}

// Moved lets the media streams follow.
func (c *controlLink) Moved(_ *enet.Peer, to netip.AddrPort) {
	c.link.controlAt(to)
	c.host.floods.addFrom("control link moved to another address", to)
}

// Connected notes the connection. It is the client's only after a message over
// it has opened, because whoever knows the connect data can confirm a connection.
func (c *controlLink) Connected(p *enet.Peer) {
	l := c.link
	switch {
	case l.knock(p):
	case l.isGone():
		c.dismissReplaced(p)
	default:
		p.Reset()
	}
}

// dismissReplaced tells a client that was replaced while it connected.
func (c *controlLink) dismissReplaced(p *enet.Peer) {
	m := control.Termination{Result: control.HostReason(evidence.NumberTakenOver)}
	if sealed, err := c.sealer.Seal(nil, m.Type(), m.Append(nil)); err == nil {
		_ = p.Send(control.ChannelGeneric, enet.Reliable, sealed) // a queue that is new has room
	}
	p.Disconnect(0)
}

// Received opens a message and acts on it. Messages that do not open are
// counted, because a flood of them must not flood the log. Nothing counts from a
// client whose link was replaced: the session is another's by now.
func (c *controlLink) Received(p *enet.Peer, _ uint8, payload []byte) {
	if c.link.isGone() {
		c.host.floods.add("control message on a link that is over", c.link.session.ID())
		return
	}
	m, err := c.opener.Open(c.buf[:0], payload)
	if err != nil {
		c.host.floods.add("control message refused: "+refusal(err), c.link.session.ID())
		return
	}
	if !c.claimed && !c.claim(p) {
		return
	}
	switch m.Type {
	case control.TypeRequestIDR, control.TypeInvalidateFrames:
		c.link.stats.keyFrameRequests.Add(1)
		c.link.session.Keyframe()
	case control.TypeInput:
		c.input(m.Payload)
	}
}

// claim makes the connection the client's, and starts its stream.
func (c *controlLink) claim(p *enet.Peer) bool {
	l := c.link
	if !l.claim(p, c.sealer) {
		p.Reset()
		return false
	}
	c.claimed = true
	l.controlAt(p.Addr())
	l.session.Trace().Done(evidence.StageControl)
	c.host.streams.Go(func() { c.host.stream(l) })
	return true
}

// refusal is the kind of an error without its numbers, so that it can be counted.
func refusal(err error) string {
	for _, kind := range []error{control.ErrReplayed, control.ErrTooOld, control.ErrAuthentication, control.ErrMalformed} {
		if errors.Is(err, kind) {
			return kind.Error()
		}
	}
	return "unreadable"
}

func (c *controlLink) input(payload []byte) {
	in, err := control.ParseInput(payload)
	if err != nil {
		c.host.floods.add("input packet refused", c.link.session.ID())
		return
	}
	c.link.session.Touch()
	handled, err := forward(in, c.link.session.Display(), c.link.session)
	if what := lost(in, err); what != "" {
		c.host.floods.add(what, c.link.session.ID())
	}
	if err == nil && !handled && c.unknown.Add(1) == 1 {
		c.link.session.Trace().Note(evidence.StageControl, "warning", "the client uses "+deviceOf(in)+", which sessions do not have yet")
	}
}

// Disconnected pauses the session: its app lives on for the client's return. A
// client that crashed may have returned by another link before the old one is
// found dead.
func (c *controlLink) Disconnected(p *enet.Peer, reason enet.Reason) {
	l := c.link
	l.mu.Lock()
	current := l.peer == p
	l.mu.Unlock()
	if !current {
		return
	}
	if !c.host.links.drop(l) {
		l.session.Trace().Note(evidence.StageControl, "disconnected", reason.String())
		return
	}
	if reason == enet.ReasonTimeout {
		l.session.Trace().Failed(evidence.StageControl, evidence.FaultControlLost, "reason", reason.String())
	} else {
		l.session.Trace().Note(evidence.StageControl, "disconnected", reason.String())
	}
	// Pausing waits for the encoder's end, which this goroutine must not.
	c.host.streams.Go(l.session.Pause)
}

// sendControl seals a message and queues it for the client.
func (l *link) sendControl(m control.HostMessage) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.peer == nil {
		return enet.ErrPeerGone
	}
	sealed, err := l.sealer.Seal(l.sendBuf[:0], m.Type(), m.Append(nil))
	if err != nil {
		return err
	}
	l.sendBuf = sealed
	return l.peer.Send(control.ChannelGeneric, enet.Reliable, sealed)
}

// farewellTimeout bounds the wait until a client has heard why its stream ends.
const farewellTimeout = time.Second

// dismiss tells the client why its stream ends, waits until the client has
// heard or ctx ends, and disconnects it.
func (l *link) dismiss(ctx context.Context, reason control.HRESULT) {
	l.mu.Lock()
	peer := l.peer
	l.mu.Unlock()
	if peer == nil {
		return
	}
	if l.sendControl(control.Termination{Result: reason}) == nil {
		// A client that is gone does not confirm. It does not hear of the
		// disconnection, either.
		_ = peer.Flushed(ctx)
	}
	peer.Disconnect(0)
}

// termination is an end as clients read it. They have words for that of an
// encoder; other failures they show as a code, which docs/operations.md lists.
func termination(end evidence.End) control.HRESULT {
	switch {
	case end.Graceful():
		return control.Graceful
	case end == evidence.EndEncoderDied:
		return control.FrameConversion
	}
	return control.HostReason(end.Number())
}
