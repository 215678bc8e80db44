package e2e

import (
	"net/netip"

	"github.com/kennel-stream/kennel/e2e/attack"
)

// oldClient attacks a player that neither encrypts its handshake nor knows
// session ids, so that only its address tells it from a stranger (A1, A10).
func (s *siege) oldClient() {
	strangers := neighbours(3)
	s.silent(s.attacks(
		attack.Order{Kind: "ping", From: strangers, Count: 2000, Rate: 100},
		attack.Order{Kind: "rtsp-plain", From: strangers, Count: 100, Rate: 30},
		attack.Order{Kind: "connect", From: strangers, Count: 10000, Rate: 2000},
		attack.Order{Kind: "disconnect", From: both(), Count: 2000, Rate: 200},
		attack.Order{Kind: "command", From: both(), Count: 20000, Rate: 5000},
		attack.Order{Kind: "replay-control", From: both(), Payloads: s.player.captured(), Count: 20000, Rate: 1000},
		// Its handshake is over, and so is what a neighbour can ask in its name.
		attack.Order{Kind: "rtsp-plain", From: []netip.Addr{own}, Count: 70, Rate: 30},
	))
}
