package e2e

import (
	"strconv"
	"testing"
)

// TestBitRates: what a client asks for bounds all datagrams of pictures and sound,
// parity counted, within a tenth. Pictures are counted at their full rate: a busy
// machine encodes fewer.
func TestBitRates(t *testing.T) {
	s, me := pairedServer(t, busyDemo)
	const fps, datagram = 60, 1040 // encrypted as well: the packets are 32 bytes shorter then
	for asked, sound := range map[int][2]float64{1000: {60, 220}, 2000: {120, 290}, 30_000: {520, 1000}} {
		r := s.probe(me, "--mode", "1280x720x60", "--bitrate", strconv.Itoa(asked), "--seconds", "4", "--keys", "0")
		pictures := float64(r.Frames.Packets) / float64(max(1, r.Frames.Received)) * datagram * 8 * fps / 1000
		t.Logf("%d kbit/s asked for: %.0f for pictures, %.0f for sound", asked, pictures, r.Audio.BitrateKbps)
		if r.Audio.BitrateKbps < sound[0] || r.Audio.BitrateKbps > sound[1] {
			t.Errorf("%d kbit/s: %.0f are sound, want %.0f to %.0f", asked, r.Audio.BitrateKbps, sound[0], sound[1])
		}
		if all := pictures + r.Audio.BitrateKbps; all > float64(asked)*1.1 {
			t.Errorf("%d kbit/s were asked for, %.0f are sent", asked, all)
		}
	}
}
