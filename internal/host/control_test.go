package host

import (
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
