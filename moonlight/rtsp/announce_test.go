package rtsp

import (
	"errors"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// captured is what a client of 2026 sent to a host that offers no encryption.
func captured(t testing.TB) ([]byte, *Announce) {
	t.Helper()
	text, err := os.ReadFile("testdata/announce-h264.sdp")
	if err != nil {
		t.Fatal(err)
	}
	return text, &Announce{
		Features: ClientFECStatus | ClientSessionID,
		// The client says encryptionEnabled:0, and encrypts audio all the same.
		EncryptionEnabled: EncryptAudio,
		Width:             1280, Height: 720, FPS: 60, RefreshRateX100: 6000,
		ColorSpace: Rec709, SlicesPerFrame: 1, MaxReferenceFrames: 1,
		PacketSize: 1392, BitrateKbps: 8000, ConfiguredBitrateKbps: 10000, MinFECPackets: 2,
		VideoQoS: true, AudioQoS: true, ReliableUDP: 13,
		Channels: 2, ChannelMask: 3, PacketDuration: 5 * time.Millisecond,
	}
}

func TestParseAnnounceOfAClient(t *testing.T) {
	text, want := captured(t)
	got, err := ParseAnnounce(text)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestMarshalWritesAsAClient(t *testing.T) {
	text, a := captured(t)
	got, err := a.Marshal(netip.MustParseAddr("127.0.0.1"), 48100)
	if err != nil {
		t.Fatal(err)
	}
	want := strings.Replace(string(text), "encryptionEnabled:0 ", "encryptionEnabled:4 ", 1)
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Error(diff)
	}
}

func TestParseAnnounceDefaults(t *testing.T) {
	got, err := ParseAnnounce([]byte("a=x-nv-video[0].clientViewportWd:640\na=x-nv-video[0].clientViewportHt:480\n" +
		"a=x-nv-video[0].maxFPS:30\na=x-nv-video[0].packetSize:1024\na=x-nv-vqos[0].bw.maximumBitrateKbps:-100\n" +
		"a=x-ml-video.configuredBitrateKbps:500\na=x-nv-audio.surround.numChannels:6"))
	want := &Announce{
		Width: 640, Height: 480, FPS: 30, PacketSize: 1024, ConfiguredBitrateKbps: 500,
		SlicesPerFrame: 1, MaxReferenceFrames: 1, Channels: 6, ChannelMask: 0x3f, PacketDuration: 5 * time.Millisecond,
	}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Error(err, diff)
	}
}

func TestParseAnnounceNamesTheAttribute(t *testing.T) {
	text, _ := captured(t)
	for _, c := range []struct{ old, changed, name string }{
		{"clientViewportWd:1280", "clientViewportWd:0", attrWidth},
		{"clientViewportHt:720", "clientViewportHt:99999999999999999999", attrHeight},
		{"maxFPS:60", "maxFPS:sixty", attrFPS},
		{"maxFPS:60", "maxFPS", attrFPS},
		{"packetSize:1392", "packetSize:-1", attrPacketSize},
		{"a=x-nv-video[0].packetSize", "a=other", attrPacketSize},
		{"bitStreamFormat:0", "bitStreamFormat:3", attrFormat},
		{"numChannels:2", "numChannels:3", attrChannels},
		{"encoderCscMode:2", "encoderCscMode:6", attrColor},
		{"packetDuration:5", "packetDuration:0", attrPacketDuration},
		{"featureFlags:3", "featureFlags:-3", attrClientFeatures},
		{"maximumBitrateKbps:8000 \r\na=x-ml-video.configuredBitrateKbps:10000", "maximumBitrateKbps:0", attrMaximumBitrate},
	} {
		changed := strings.Replace(string(text), c.old, c.changed, 1)
		if changed == string(text) {
			t.Fatalf("%q is not in the text", c.old)
		}
		_, err := ParseAnnounce([]byte(changed))
		var attribute *AttributeError
		if !errors.As(err, &attribute) || attribute.Name != c.name || !errors.Is(err, ErrMalformed) || !strings.Contains(err.Error(), c.name) {
			t.Errorf("%s: got %v", c.changed, err)
		}
	}
}

func TestParseAnnounceIsBounded(t *testing.T) {
	if _, err := ParseAnnounce(make([]byte, maxSDP+1)); !errors.Is(err, ErrTooLarge) {
		t.Errorf("a long text: got %v", err)
	}
	var many strings.Builder
	for i := range maxAttributes + 1 {
		many.WriteString("a=" + strings.Repeat("n", i%50) + string(rune('a'+i/50)) + ":1\n")
	}
	if _, err := ParseAnnounce([]byte(many.String())); !errors.Is(err, ErrTooLarge) {
		t.Errorf("many attributes: got %v", err)
	}
}

func TestMarshalRefusesWhatNobodyTakes(t *testing.T) {
	_, a := captured(t)
	a.Channels = 5
	if _, err := a.Marshal(netip.MustParseAddr("::1"), 1); !errors.Is(err, ErrMalformed) {
		t.Errorf("got %v", err)
	}
}

func TestAnnounceRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		number := func(name string, least, most int) int { return rapid.IntRange(least, most).Draw(t, name) }
		yes := func(name string) bool { return rapid.Bool().Draw(t, name) }
		want := &Announce{
			Features: ClientFeatures(number("features", 0, 3)), EncryptionEnabled: Encryption(number("encryption", 0, 7)),
			Width: number("width", 16, 16384), Height: number("height", 16, 16384), FPS: number("fps", 1, 1000),
			RefreshRateX100: number("refresh", 0, 50000), Format: VideoFormat(number("format", 0, 2)),
			HDR: yes("hdr"), Chroma444: yes("444"), ColorSpace: ColorSpace(number("color", 0, 2)), FullRange: yes("range"),
			SlicesPerFrame: number("slices", 1, 255), MaxReferenceFrames: number("references", 0, 16),
			PacketSize: number("packet", 64, 9000), BitrateKbps: number("rate", 1, 500_000),
			ConfiguredBitrateKbps: number("configured", 0, 500_000), MinFECPackets: number("fec", 0, 255),
			VideoQoS: yes("video qos"), AudioQoS: yes("audio qos"), ReliableUDP: number("reliable", 0, 20),
			Channels: rapid.SampledFrom([]int{2, 6, 8}).Draw(t, "channels"), ChannelMask: rapid.Uint32().Draw(t, "mask"),
			HighQualityAudio: yes("quality"), PacketDuration: time.Duration(number("duration", 1, 60)) * time.Millisecond,
		}
		text, err := want.Marshal(netip.IPv6Loopback(), 47998)
		if err != nil {
			t.Fatal(err)
		}
		got, err := ParseAnnounce(text)
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Fatal(err, diff)
		}
	})
}
