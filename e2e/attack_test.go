package e2e

import (
	"net/netip"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/kennel-stream/kennel/e2e/attack"
	"github.com/kennel-stream/kennel/internal/probe"
	"github.com/kennel-stream/kennel/moonlight/rtp"
)

// own is the player's address, from which a neighbour behind the same NAT
// attacks.
var own = netip.MustParseAddr("127.0.0.1")

// both are a stranger's address and the player's.
func both() []netip.Addr { return append(neighbours(1), own) }

// TestAttacks attacks a host while it streams to a paired player. No stranger
// gets anything, and the player loses nothing that the same stream of a host
// which is not attacked does not lose.
func TestAttacks(t *testing.T) {
	dir := publicDir(t)
	program := buildAttacker(t, dir)
	host, free, plain := threeHosts(t, dir)
	s := newSiege(t, host, free)
	t.Run("on a client", func(t *testing.T) {
		s.begin(t, nil)
		s.run("pings", (*siege).pings)
		s.run("control", (*siege).control)
		s.run("rtsp", (*siege).rtsp)
		s.run("connections", (*siege).connections)
		s.run("garbage", (*siege).garbage)
		s.run("from a session", func(s *siege) { s.fromASession(program) })
		s.run("takeover", (*siege).takeover)
	})
	t.Run("on an old client", func(t *testing.T) {
		s.begin(t, func(o *probe.Options) { o.Legacy, o.Plain = true, true })
		s.run("everything", (*siege).oldClient)
	})
	t.Run("on pairing", func(t *testing.T) { attackPairing(t, host) })
	if plain != nil {
		s := newSiege(t, plain, free)
		t.Run("on a client of a plain user's host", func(t *testing.T) {
			s.begin(t, nil)
			s.run("from a session", func(s *siege) { s.fromASession(program) })
		})
	}
	for i, line := range strings.Split(host.log.String(), "\n") {
		if strings.ContainsAny(line, "\x1b\x07\x00") {
			t.Errorf("line %d of the log has control characters: %q", i+1, line)
		}
	}
}

// threeHosts starts a host that is attacked, one that is not, and if the tests
// run as root one of a plain user.
func threeHosts(t *testing.T, dir string) (host, free, plain *server) {
	t.Helper()
	var starting sync.WaitGroup
	starting.Go(func() { host = limited(t, "") })
	starting.Go(func() { free = startServer(t, "") })
	if os.Geteuid() == 0 {
		starting.Go(func() {
			plain = startServerAs(t, &syscall.Credential{Uid: plainUser, Gid: plainUser}, dir, "version = 1\n")
		})
	}
	starting.Wait()
	if t.Failed() {
		t.FailNow()
	}
	return host, free, plain
}

// pings tries to have picture and sound sent elsewhere (A1, and of A10 the
// captured ping).
func (s *siege) pings() {
	captured := capturedPings(s.player.pilot.Wire())
	s.silent(s.attacks(
		attack.Order{Kind: "ping", From: both(), Count: 2000, Rate: 100},
		attack.Order{Kind: "guess", From: both(), Count: 20000, Rate: 2000},
		attack.Order{Kind: "replay", From: neighbours(1), Payloads: captured, Count: 2000, Rate: 100},
		attack.Order{Kind: "replay", From: []netip.Addr{own}, Payloads: captured, Count: 2000, Rate: 100},
	))
}

// capturedPings are pings as the client sent them a while ago, and as it would
// send them to its other port.
func capturedPings(w probe.Wire) [][]byte {
	return [][]byte{
		rtp.Ping{Payload: w.VideoPing, Counter: 2}.Append(nil),
		rtp.Ping{Payload: w.AudioPing, Counter: 2}.Append(nil),
	}
}

// control tries to end, move and spoil the control link, and to take that of a
// launch (A3).
func (s *siege) control() {
	wire := s.player.pilot.Wire()
	captured := append(s.player.captured(), attack.Connect(nil, 0, 7, wire.ConnectData))
	s.silent(s.attacks(
		attack.Order{Kind: "disconnect", From: both(), Count: 2000, Rate: 200},
		attack.Order{Kind: "command", From: both(), Count: 100000, Rate: 5000},
		attack.Order{Kind: "roam", From: both(), Count: 200000, Rate: 20000},
		attack.Order{Kind: "connect", From: both(), Count: 20000, Rate: 2000},
		attack.Order{Kind: "replay-control", From: both(), Payloads: captured, Count: 20000, Rate: 1000},
	))
}

// rtsp fills the port, asks for what launches are given, and forges (A4, A10).
func (s *siege) rtsp() {
	results := s.attacks(
		attack.Order{Kind: "idle", From: []netip.Addr{own}, Port: s.ports.RTSP, Count: 40},
		attack.Order{Kind: "idle", From: neighbours(16), Port: s.ports.RTSP, Count: 256},
		attack.Order{Kind: "rtsp-plain", From: neighbours(1), Count: 70, Rate: 30},
		attack.Order{Kind: "rtsp-forge", From: both(), Count: 35, Rate: 20},
	)
	for _, r := range results {
		for _, a := range r.Answers {
			if strings.Contains(a, "X-SS-") || strings.Contains(a, " 200 ") {
				s.t.Errorf("%s was answered with %q", r.Kind, a)
			}
		}
	}
}

// connections use up what HTTP and HTTPS have (A5).
func (s *siege) connections() {
	var orders []attack.Order
	for _, port := range []int{s.ports.HTTP, s.ports.HTTPS} {
		orders = append(orders,
			attack.Order{Kind: "idle", From: neighbours(20), Port: port, Count: descriptorLimit},
			attack.Order{Kind: "idle", From: []netip.Addr{own}, Port: port, Count: 100},
			attack.Order{Kind: "drip", From: neighbours(2), Port: port, Count: 50},
			attack.Order{Kind: "half-tls", From: neighbours(2), Port: port, Count: 50},
			attack.Order{Kind: "slow-read", From: neighbours(2), Port: port, Count: 50},
		)
	}
	s.attacks(append(orders, attack.Order{Kind: "handshake", From: neighbours(4), Count: 2000, Rate: 100})...)
}

// garbage floods all UDP ports with random bytes.
func (s *siege) garbage() {
	s.silent(s.attacks(attack.Order{Kind: "garbage", From: both(), Count: 200000, Rate: 20000}))
}
