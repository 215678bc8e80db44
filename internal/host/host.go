package host

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/kennel-stream/kennel/internal/config"
	"github.com/kennel-stream/kennel/internal/connlimit"
	"github.com/kennel-stream/kennel/internal/evidence"
	"github.com/kennel-stream/kennel/internal/session"
	"github.com/kennel-stream/kennel/internal/store"
	"github.com/kennel-stream/kennel/moonlight/control"
	"github.com/kennel-stream/kennel/moonlight/enet"
	"github.com/kennel-stream/kennel/moonlight/gamestream"
	"github.com/kennel-stream/kennel/moonlight/rtsp"
)

// Options are what a Host is made of.
type Options struct {
	Config config.Config
	// Bound are the ports to listen on, Announced what clients are told.
	Bound, Announced config.PortPlan
	// UUID is how clients recognise the host across addresses.
	UUID      string
	Identity  *gamestream.Identity
	Store     *store.Store
	House     *session.House
	Catalogue *Catalogue
	// Waits is told of every pairing request that begins to wait for its PIN; it
	// must not block. It may be nil.
	Waits func(Pairing)
	// Connections bounds the connections to the HTTP, HTTPS and RTSP ports
	// together; 256 where 0.
	Connections int
	Log         *slog.Logger
}

// Host serves Moonlight clients.
type Host struct {
	o       Options
	now     atomic.Pointer[config.Config]
	log     *slog.Logger
	pins    *pins
	links   *links
	floods  *floods
	limiter *connlimit.Limiter // of the TCP ports
	api     *gamestream.Host

	enet                  *enet.Host // serves the control links while Run runs
	http, https, rtsp     net.Listener
	video, control, audio *net.UDPConn
	quiet                 struct{ video, control, audio *quietConn } // the same sockets
	streams               sync.WaitGroup                             // goroutines of single links
	settled               chan struct{}
	settle                func() // closes settled
}

// New binds every port. The error names the port that is taken, and how to
// choose another.
func New(o Options) (*Host, error) {
	h := &Host{o: o, log: o.Log, pins: newPINs(), links: newLinks(), floods: newFloods(o.Log), settled: make(chan struct{})}
	h.limiter = connlimit.New(connlimit.For(cmp.Or(o.Connections, 256)), func(port string, remote netip.AddrPort, why string) {
		h.floods.addFrom(port+" connection closed: "+why, remote)
	})
	h.settle = sync.OnceFunc(func() { close(h.settled) })
	h.SetConfig(o.Config)
	var err error
	h.api, err = gamestream.NewHost(gamestream.HostConfig{
		Identity: o.Identity, Backend: face{h}, Paired: storedClients{o.Store}, PINs: pinSource{h},
		PINTimeout: o.Config.Limits.PairTimeout.Std(), PairTimeout: pairingPhase,
		Dropped: func(from netip.AddrPort, kind string) { h.floods.addFrom(kind, from) },
	})
	if err != nil {
		return nil, err
	}
	if err := h.bind(); err != nil {
		h.closeSockets()
		return nil, err
	}
	if err := h.bypass(); err != nil {
		h.closeSockets()
		return nil, err
	}
	h.enet = enet.NewHost(h.quiet.control, enet.HostOptions{
		MaxPeers: 256, MaxChannels: control.Channels, PeerTimeout: h.o.Config.Limits.ClientTimeout.Std(), Accept: h.accept,
	})
	return h, nil
}

// SetConfig changes what the host does from now on. Ports, addresses and the
// timeouts of pairing and of silent clients stay as they were at the start.
func (h *Host) SetConfig(c config.Config) { h.now.Store(&c) }

func (h *Host) config() *config.Config { return h.now.Load() }

func (h *Host) bind() error {
	for _, l := range []struct {
		use  string
		port int
		to   *net.Listener
	}{{"http", h.o.Bound.HTTP, &h.http}, {"https", h.o.Bound.HTTPS, &h.https}, {"rtsp", h.o.Bound.RTSP, &h.rtsp}} {
		listener, err := net.Listen("tcp", net.JoinHostPort(h.o.Config.Listen.Address, strconv.Itoa(l.port)))
		if err != nil {
			return portError(l.use, "TCP", l.port, err)
		}
		*l.to = listener
	}
	for _, s := range []struct {
		use  string
		port int
		to   **net.UDPConn
	}{{"video", h.o.Bound.Video, &h.video}, {"control", h.o.Bound.Control, &h.control}, {"audio", h.o.Bound.Audio, &h.audio}} {
		conn, err := net.ListenPacket("udp", net.JoinHostPort(h.o.Config.Listen.Address, strconv.Itoa(s.port)))
		if err != nil {
			return portError(s.use, "UDP", s.port, err)
		}
		udp := conn.(*net.UDPConn)
		// The kernel caps these at its own limits.
		_ = udp.SetReadBuffer(1 << 20)
		_ = udp.SetWriteBuffer(4 << 20)
		*s.to = udp
	}
	return nil
}

// bypass makes the quiet connections of the sockets.
func (h *Host) bypass() error {
	for _, s := range []struct {
		from *net.UDPConn
		to   **quietConn
	}{{h.video, &h.quiet.video}, {h.control, &h.quiet.control}, {h.audio, &h.quiet.audio}} {
		conn, err := newQuietConn(s.from)
		if err != nil {
			return err
		}
		*s.to = conn
	}
	return nil
}

func portError(use, network string, port int, err error) error {
	if errors.Is(err, syscall.EADDRINUSE) {
		return evidence.Errorf(evidence.Unavailable, "the %s port %d (%s) is in use by another program: stop it, or choose others with --port BASE or %s in [ports]", use, port, network, use)
	}
	return evidence.Errorf(evidence.Unavailable, "listen on the %s port %d (%s): %w", use, port, network, err)
}

func (h *Host) closeSockets() {
	for _, l := range []net.Listener{h.http, h.https, h.rtsp} {
		if l != nil {
			_ = l.Close()
		}
	}
	for _, c := range []*net.UDPConn{h.video, h.control, h.audio} {
		if c != nil {
			_ = c.Close()
		}
	}
}

// Run serves until ctx ends or a listener fails. The caller ends the sessions
// first (House.Close), so that their clients can still be told.
func (h *Host) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	plain := gamestream.NewServer(h.api.HTTP(), nil)
	secure := gamestream.NewServer(h.api.HTTPS(), h.api.TLSConfig())
	for _, s := range []*http.Server{plain, secure} {
		s.ErrorLog = slog.NewLogLogger(h.log.Handler(), slog.LevelDebug)
		connlimit.Serve(s)
	}
	negotiation := &rtsp.Server{
		Keys: h.candidates, Handler: h.negotiate, Received: connlimit.Received, Answered: connlimit.Answered,
		Report: func(remote netip.AddrPort, err error) { h.floods.addFrom("rtsp: "+rtspRefusal(err), remote) },
	}
	var running sync.WaitGroup
	serve := func(what string, f func() error) {
		running.Go(func() {
			if err := f(); err != nil && !errors.Is(err, http.ErrServerClosed) && ctx.Err() == nil {
				cancel(fmt.Errorf("%s: %w", what, err))
			}
		})
	}
	serve("serve http", func() error { return plain.Serve(h.limiter.Listen(h.http, "http")) })
	serve("serve https", func() error { return secure.ServeTLS(h.limiter.Listen(h.https, "https"), "", "") })
	serve("serve rtsp", func() error { return negotiation.Serve(ctx, h.limiter.Listen(h.rtsp, "rtsp")) })
	serve("serve control", func() error { return h.enet.Run(ctx) })
	serve("receive video pings", func() error { return h.receivePings(h.quiet.video, videoOf) })
	serve("receive audio pings", func() error { return h.receivePings(h.quiet.audio, audioOf) })
	running.Go(func() { h.floods.run(ctx, h.strayDatagrams) })
	<-ctx.Done()
	h.api.Close()
	stop, done := context.WithTimeout(context.WithoutCancel(ctx), 3*time.Second)
	defer done()
	_, _ = plain.Shutdown(stop), secure.Shutdown(stop)
	for _, l := range h.links.all() {
		h.links.drop(l)
	}
	h.closeSockets()
	running.Wait()
	h.streams.Wait()
	if cause := context.Cause(ctx); !errors.Is(cause, context.Canceled) {
		return cause
	}
	return nil
}

// Alive fails when the loop of the control links does not turn, or the links of
// the clients stay locked, before ctx ends.
func (h *Host) Alive(ctx context.Context) error {
	if err := h.enet.Alive(ctx); err != nil {
		return err
	}
	return session.Unlocked(ctx, &h.links.mu, "the links of clients")
}

// strayDatagrams counts the datagrams at the control port that belong to nobody.
func (h *Host) strayDatagrams() map[string]uint64 {
	s := h.enet.Stats()
	return map[string]uint64{
		"control datagram of a stranger": s.Strangers + s.UnknownPeer,
		"unreadable control datagram":    s.Malformed,
	}
}

// Dropped is how many packets, connections and requests that belong to nobody
// were dropped so far, by kind.
func (h *Host) Dropped() map[string]uint64 { return h.floods.totals() }

func rtspRefusal(err error) string {
	for _, kind := range []error{rtsp.ErrReplay, rtsp.ErrNotDecrypted, rtsp.ErrTooLarge, rtsp.ErrMalformed} {
		if errors.Is(err, kind) {
			return kind.Error()
		}
	}
	return "connection ended without an answer"
}

// Pairings lists the clients that wait for their PIN.
func (h *Host) Pairings() []Pairing { return h.pins.pending() }

// Network counts what was sent to a session's client.
type Network struct {
	Frames, Packets, Bytes, KeyFrames, KeyFrameRequests uint64
	// RTT is that of the control link, 0 when it is not known.
	RTT time.Duration
}

// Network returns the counters of a session's present link.
func (h *Host) Network(sessionID string) (Network, bool) {
	l := h.links.find(func(l *link) bool { return l.session.ID() == sessionID })
	if l == nil {
		return Network{}, false
	}
	n := Network{
		Frames: l.stats.frames.Load(), Packets: l.stats.packets.Load(), Bytes: l.stats.bytes.Load(),
		KeyFrames: l.stats.keyFrames.Load(), KeyFrameRequests: l.stats.keyFrameRequests.Load(),
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.peer != nil {
		n.RTT = l.peer.RTT()
	}
	return n, true
}
