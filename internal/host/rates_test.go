package host

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/kennel-stream/kennel/moonlight/rtp"
	"github.com/kennel-stream/kennel/moonlight/rtsp"
)

// announceOf is what a client announces whose user asked for that bit rate.
func announceOf(kbps, fps int, encryption rtsp.Encryption) *rtsp.Announce {
	a := &rtsp.Announce{
		Width: 1280, Height: 720, FPS: fps, PacketSize: 1024, BitrateKbps: kbps * 80 / 100, ConfiguredBitrateKbps: kbps,
		MinFECPackets: 2, Channels: 2, PacketDuration: 5 * time.Millisecond, EncryptionEnabled: encryption,
	}
	if kbps < 5000 {
		a.PacketDuration = 10 * time.Millisecond
	}
	if encryption&rtsp.EncryptVideo != 0 {
		a.PacketSize -= 32
	}
	return a
}

// wire packetizes 2 s of frames and sound as divided, and returns the bit rate
// of all datagrams in kbit/s. The frames vary by a fifth, as those of an encoder
// with a small reservoir do.
func wire(t *testing.T, a *rtsp.Announce, r rates) int {
	t.Helper()
	const seconds = 2
	var key *[16]byte
	if a.EncryptionEnabled != 0 {
		key = &[16]byte{1}
	}
	v, err := rtp.NewVideoPacketizer(rtp.VideoConfig{PacketSize: a.PacketSize, FECPercent: r.fecPercent, MinParity: r.minParity, Key: key})
	if err != nil {
		t.Fatal(err)
	}
	s, err := rtp.NewAudioPacketizer(rtp.AudioConfig{Duration: r.audio.Duration, Key: key})
	if err != nil {
		t.Fatal(err)
	}
	sent := 0
	random := rand.New(rand.NewPCG(1, 2))
	mean := r.videoKbps * 1000 / 8 / a.FPS
	frame := make([]byte, 2*mean)
	for range seconds * a.FPS {
		b, err := v.Packetize(rtp.Frame{Data: frame[:mean*8/10+random.IntN(mean*4/10+1)]})
		if err != nil {
			t.Fatal(err)
		}
		sent += len(b.Slab())
	}
	perSecond := int(time.Second / r.audio.Duration)
	opus := make([]byte, r.audio.BitrateKbps*1000/8/perSecond)
	for range seconds * perSecond {
		list, err := s.Packetize(opus)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range list {
			sent += len(d)
		}
	}
	return sent * 8 / 1000 / seconds
}

// TestRatesOnTheWire: all that is sent is what the user asked for, within a
// tenth, wherever one packet per frame allows it.
func TestRatesOnTheWire(t *testing.T) {
	for _, encryption := range []rtsp.Encryption{0, everything} {
		for _, fps := range []int{30, 60, 120} {
			for _, asked := range []int{500, 1000, 1500, 2000, 3000, 5000, 10_000, 50_000} {
				a := announceOf(asked, fps, encryption)
				r := divide(a, asked < highAudio, 20, 0)
				got := wire(t, a, r)
				_, datagram := rtp.VideoPacket(a.PacketSize, encryption != 0)
				least := datagram*8*fps/1000 + audioWire(&r.audio, encryption != 0)
				if want := max(asked, least); got < want*90/100 || got > want*110/100 {
					t.Errorf("%d fps, encrypted %t: %d kbit/s were asked for, %d are sent (at least %d): %+v", fps, encryption != 0, asked, got, least, r)
				}
			}
		}
	}
}

// TestRatesKeepParity: where there is room, the client has the parity that it
// asked for.
func TestRatesKeepParity(t *testing.T) {
	for asked, want := range map[int]rates{
		1000: {fecPercent: 0, minParity: 0}, 2000: {fecPercent: 20, minParity: 1}, 3000: {fecPercent: 20, minParity: 2}, 20_000: {fecPercent: 20, minParity: 2},
	} {
		r := divide(announceOf(asked, 60, everything), false, 20, 0)
		if r.fecPercent != want.fecPercent || r.minParity != want.minParity {
			t.Errorf("%d kbit/s: parity of %d %%, at least %d packets; want %+v", asked, r.fecPercent, r.minParity, want)
		}
	}
	if r := divide(announceOf(20_000, 60, 0), false, 20, 3000); r.videoKbps > 3000 || r.videoKbps < 1000 {
		t.Errorf("limited to 3000 kbit/s: %+v", r)
	}
	old := announceOf(10_000, 60, 0)
	old.ConfiguredBitrateKbps = 0
	if got, want := divide(old, true, 20, 0), divide(announceOf(10_000, 60, 0), true, 20, 0); got != want {
		t.Errorf("an old client gets %+v, want %+v", got, want)
	}
}

// TestAudioRates: stereo in high quality is for clients that can take it and
// do not ask for less, as Sunshine does it.
func TestAudioRates(t *testing.T) {
	for _, tt := range []struct {
		channels, kbps   int
		low, announced   bool
		want, packetTime int
	}{
		{2, 30_000, false, false, 512, 5},
		{2, 30_000, true, false, 128, 5},
		{2, 10_000, false, false, 128, 5},
		{2, 30_000, false, false, 512, 10},
		{6, 30_000, false, true, 1536, 5},
		{6, 30_000, false, false, 320, 5},
		{8, 30_000, true, false, 450, 10},
		{2, 500, true, false, 64, 10},
	} {
		t.Run(fmt.Sprintf("%+v", tt), func(t *testing.T) {
			a := announceOf(tt.kbps, 60, everything)
			a.Channels, a.HighQualityAudio = tt.channels, tt.announced
			a.PacketDuration = time.Duration(tt.packetTime) * time.Millisecond
			r := divide(a, tt.low, 20, 0)
			if err := r.audio.Check(); err != nil {
				t.Fatal(err)
			}
			if r.audio.BitrateKbps != tt.want || r.audio.Channels != tt.channels || int(r.audio.Duration.Milliseconds()) != tt.packetTime {
				t.Errorf("%+v", r.audio)
			}
		})
	}
}
