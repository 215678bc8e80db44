package rtsp

import (
	"errors"
	"net/netip"
	"testing"
	"time"
)

func TestStreams(t *testing.T) {
	for target, want := range map[string]Stream{
		"streamid=audio/0/0": StreamAudio, "streamid=video/0/0": StreamVideo, "streamid=control/13/0": StreamControl,
		"streamid=control/1/0": StreamControl, "streamid=audio": StreamAudio,
		"streamid=mic/0/0": StreamNone, "audio/0/0": StreamNone, "": StreamNone, "streamid=none/0/0": StreamNone,
	} {
		if got := StreamOf(target); got != want {
			t.Errorf("%q: got %v, want %v", target, got, want)
		}
	}
	for s := StreamAudio; s <= StreamControl; s++ {
		if got := StreamOf(s.Target()); got != s {
			t.Errorf("%v names %v", s, got)
		}
	}
}

func TestTransport(t *testing.T) {
	for value, want := range map[string]uint16{
		"server_port=48000": 48000, "unicast;server_port=47998-47999": 47998, "unicast;X;server_port=1;a": 1,
		"": 0, "server_port=": 0, "server_port=0": 0, "server_port=65536": 0, "unicast;X-GS-ClientPort=50000-50001": 0,
	} {
		got, err := ParseTransport(value)
		if got != want || (err == nil) != (want != 0) || (err != nil && !errors.Is(err, ErrMalformed)) {
			t.Errorf("%q: got %d, %v", value, got, err)
		}
	}
}

func TestSession(t *testing.T) {
	if got := FormatSession("A1", 0); got != "A1" {
		t.Errorf("without a timeout: %q", got)
	}
	if id, err := ParseSession(FormatSession("A1", time.Minute)); id != "A1" || err != nil {
		t.Errorf("got %q, %v", id, err)
	}
	if _, err := ParseSession(";timeout = 90"); !errors.Is(err, ErrMalformed) {
		t.Errorf("no id: got %v", err)
	}
}

func TestPingPayload(t *testing.T) {
	one, two := NewPingPayload(), NewPingPayload()
	if one == two {
		t.Error("two payloads are the same")
	}
	if got, err := ParsePingPayload(one.String()); got != one || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
	for _, wrong := range []string{"", "123456789012345", "12345678901234567"} {
		if _, err := ParsePingPayload(wrong); !errors.Is(err, ErrMalformed) {
			t.Errorf("%q: got %v", wrong, err)
		}
	}
}

func TestConnectData(t *testing.T) {
	for _, text := range []string{"4022250974", "0xefbeadde", FormatConnectData(0xefbeadde)} {
		if got, err := ParseConnectData(text); got != 0xefbeadde || err != nil {
			t.Errorf("%q: got %#x, %v", text, got, err)
		}
	}
	for _, wrong := range []string{"", "4294967296", "-1", "12 "} {
		if _, err := ParseConnectData(wrong); !errors.Is(err, ErrMalformed) {
			t.Errorf("%q: got %v", wrong, err)
		}
	}
}

func TestAddress(t *testing.T) {
	for want, got := range map[string]string{
		"rtsp://127.0.0.1:48010":    Address(netip.MustParseAddrPort("127.0.0.1:48010"), false),
		"rtspenc://127.0.0.1:48010": Address(netip.MustParseAddrPort("[::ffff:127.0.0.1]:48010"), true),
		"rtspenc://[::1]:5":         Address(netip.MustParseAddrPort("[::1%lo]:5"), true),
	} {
		if got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}
