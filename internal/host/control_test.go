package host

import (
	"net"
	"net/netip"
	"testing"

	"github.com/kennel-stream/kennel/internal/evidence"
	"github.com/kennel-stream/kennel/moonlight/control"
)

// TestEveryEndReachesTheClient: ends without a fault return it to its list in
// silence, an encoder's has the client's own words, every other has its own code.
func TestEveryEndReachesTheClient(t *testing.T) {
	seen := map[control.HRESULT]evidence.End{}
	for _, end := range evidence.Ends() {
		h := termination(end)
		switch {
		case end.Graceful():
			if h != control.Graceful {
				t.Errorf("%s: %#x", end, uint32(h))
			}
			continue
		case end == evidence.EndEncoderDied:
			if h.ClientCode(true) != control.ClientFrameConversion {
				t.Errorf("%s: %#x", end, uint32(h))
			}
		default:
			if n, ok := h.HostReason(); !ok || n != end.Number() {
				t.Errorf("%s: %#x", end, uint32(h))
			}
		}
		if other, twice := seen[h]; twice {
			t.Errorf("%s and %s are both %#x", end, other, uint32(h))
		}
		seen[h] = end
	}
}

// TestHardwareAddress: every address of this machine leads to its interface.
func TestHardwareAddress(t *testing.T) {
	interfaces, err := net.Interfaces()
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, i := range interfaces {
		addresses, err := i.Addrs()
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range addresses {
			p := netip.MustParsePrefix(a.String())
			if p.Addr().IsLinkLocalUnicast() {
				continue // several interfaces may have the same
			}
			seen++
			mapped := netip.AddrFrom16(p.Addr().As16())
			if got := hardwareAddress(mapped); got != i.HardwareAddr.String() {
				t.Errorf("%s is on %s with %q, not with %q", p, i.Name, i.HardwareAddr, got)
			}
		}
	}
	if seen == 0 {
		t.Skip("this machine has no address")
	}
	if got := hardwareAddress(netip.MustParseAddr("192.0.2.1")); got != "" {
		t.Errorf("an address of another machine is on %q", got)
	}
}
