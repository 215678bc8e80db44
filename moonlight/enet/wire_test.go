package enet

import (
	"encoding/hex"
	"net/netip"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

var stranger = netip.MustParseAddrPort("198.51.100.7:5000")

// wireHost is a host without a socket: tests hand it datagrams and times.
type wireHost struct {
	*Host
	sent [][]byte
}

func newWireHost(o HostOptions) *wireHost {
	h := &wireHost{Host: NewHost(nil, o)}
	h.write = func(datagram []byte, to netip.AddrPort) error {
		h.sent = append(h.sent, append([]byte(nil), datagram...))
		return nil
	}
	return h
}

// exchange hands a datagram in and returns what is sent for it, in hexadecimal.
func (h *wireHost) exchange(t testing.TB, at time.Duration, text string) []string {
	t.Helper()
	h.receive(at, stranger, decode(t, text))
	return h.due(at)
}

func decode(t testing.TB, text string) []byte {
	t.Helper()
	data, err := hex.DecodeString(clean(text))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func (h *wireHost) due(at time.Duration) (out []string) {
	h.collect(at)
	h.serve(at)
	for _, datagram := range h.sent {
		out = append(out, hex.EncodeToString(datagram))
	}
	h.sent = nil
	return out
}

const (
	// The request of a GameStream client, worked out by hand from
	// moonlight-protocol section 5.4: to nobody (FFF) with a time, CONNECT, channel
	// FF, number 1, index 0, no sessions, MTU 900, window 65536, 48 channels, no
	// bandwidths, throttle 5000 2 2, connect id, data.
	goldenConnect = "8fff 1234  82 ff 0001  0000 ff ff 00000384 00010000 00000030 00000000 00000000" +
		"00001388 00000002 00000002  a1b2c3d4 0000cafe"
	// The answer at 0 ms: index 0, session ids 0 and 0.
	goldenVerify = "8000 0000  83 ff 0001  0000 00 00 00000384 00010000 00000030 00000000 00000000" +
		"00001388 00000002 00000002  a1b2c3d4"
	// The client's acknowledgement, with the answer's time.
	goldenAck = "0000  01 ff 0001  0001 0000"
)

func clean(text string) string { return strings.ReplaceAll(text, " ", "") }

func wantSent(t *testing.T, got []string, want ...string) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("sent %q, want %q", got, want)
	}
	for i := range got {
		if got[i] != clean(want[i]) {
			t.Fatalf("sent\n%s, want\n%s", got[i], clean(want[i]))
		}
	}
}

func TestGoldenHandshake(t *testing.T) {
	calls := make(recorder, 8)
	h := newWireHost(HostOptions{Accept: acceptAll(calls)})
	wantSent(t, h.exchange(t, 0, goldenConnect), goldenVerify)
	wantSent(t, h.exchange(t, 0, goldenConnect), goldenVerify) // a replay gets the same answer
	if s := h.Stats(); s.Peers != 1 || s.ConnectReplays != 1 {
		t.Errorf("stats %+v", s)
	}
	wantSent(t, h.exchange(t, time.Millisecond, goldenAck))
	if e := calls.next(t); e.kind != "connected" || e.peer.Data() != 0xCAFE {
		t.Fatalf("handler heard %+v", e)
	}
	wantSent(t, h.exchange(t, time.Millisecond, goldenConnect)) // and none once it is confirmed
	// A reliable message and a ping in one datagram; each is acknowledged by the
	// datagram's time.
	wantSent(t, h.exchange(t, 2*time.Millisecond, "8000 4321  86 02 0001 0003 616263  85 ff 0002"),
		"0000  01 02 0001 0001 4321  01 ff 0002 0002 4321")
	if e := calls.next(t); e.payload != "abc" || e.channel != 2 {
		t.Errorf("handler heard %+v", e)
	}
	// The same message again is acknowledged again, and not delivered.
	wantSent(t, h.exchange(t, 3*time.Millisecond, "8000 4322  86 02 0001 0003 616263"), "0000 01 02 0001 0001 4322")
	wantSent(t, h.exchange(t, 4*time.Millisecond, "8000 5000  84 ff 0003 00000007"), "0000 01 ff 0003 0003 5000")
	if e := calls.next(t); e.reason != ReasonRemote || e.peer.RemoteData() != 7 {
		t.Errorf("handler heard %+v", e)
	}
	// Its acknowledgement was lost: the peer that is gone gets another.
	wantSent(t, h.exchange(t, 5*time.Millisecond, "8000 5001  84 ff 0003 00000007"), "0000 01 ff 0003 0003 5001")
	// The next connection in the same place has other session ids.
	again := strings.Replace(goldenConnect, "a1b2c3d4", "00000001", 1)
	got := h.exchange(t, 6*time.Millisecond, again)
	want := strings.Replace(strings.Replace(goldenVerify, "8000 0000", "9000 0006", 1), "0000 00 00", "0000 01 01", 1)
	wantSent(t, got, strings.Replace(want, "a1b2c3d4", "00000001", 1))
}

func TestGoldenSends(t *testing.T) {
	calls := make(recorder, 8)
	h := newWireHost(HostOptions{Accept: acceptAll(calls)})
	h.exchange(t, 0, goldenConnect)
	h.exchange(t, time.Millisecond, goldenAck)
	p := calls.next(t).peer
	for _, d := range []Delivery{Unreliable, Reliable, Unreliable, Unsequenced} {
		if err := p.Send(3, d, []byte{0xAA}); err != nil {
			t.Fatal(err)
		}
	}
	wantSent(t, h.due(2*time.Millisecond),
		"8000 0002  07 03 0000 0001 0001 aa  86 03 0001 0001 aa  07 03 0001 0001 0001 aa  49 03 0000 0001 0001 aa")
	// Unacknowledged, it is sent again: after 20, 40, 60, 80 and again 80 ms.
	for _, at := range []struct{ quiet, again time.Duration }{{21, 22}, {61, 62}, {121, 122}, {201, 202}, {281, 282}} {
		wantSent(t, h.due(at.quiet*time.Millisecond))
		if got := h.due(at.again * time.Millisecond); len(got) != 1 || !strings.HasSuffix(got[0], "860300010001aa") {
			t.Fatalf("at %d ms sent %q", at.again, got)
		}
	}
	h.exchange(t, 290*time.Millisecond, "0000 01 03 0001 0001 011a")
	if p.RTT() <= 0 || p.RTT() > 10*time.Millisecond {
		t.Errorf("round trip time %v", p.RTT())
	}
	p.Disconnect(1)
	wantSent(t, h.due(300*time.Millisecond), "8000 012c  84 ff 0002 00000001")
	wantSent(t, h.exchange(t, 301*time.Millisecond, "0000 01 ff 0002 0002 012c"))
	if e := calls.next(t); e.reason != ReasonLocal {
		t.Errorf("handler heard %+v", e)
	}
}

// Datagrams that a host must survive, and where they are counted.
func TestBadDatagrams(t *testing.T) {
	const fromPeer = "8000 0001 "
	for _, test := range []struct {
		name, datagram string
		count          func(s Stats) uint64
	}{
		{"empty", "", func(s Stats) uint64 { return s.Malformed }},
		{"one byte", "80", func(s Stats) uint64 { return s.Malformed }},
		{"header without time", "8000 01", func(s Stats) uint64 { return s.Malformed }},
		{"header only", "8000 0001", func(s Stats) uint64 { return s.Malformed }},
		{"compressed", "c000 0001 85 ff 0001", func(s Stats) uint64 { return s.Malformed }},
		{"half a command", fromPeer + "86 00", func(s Stats) uint64 { return s.Malformed }},
		{"command 0", fromPeer + "80 00 0001", func(s Stats) uint64 { return s.Malformed }},
		{"command 13", fromPeer + "8d 00 0001", func(s Stats) uint64 { return s.Malformed }},
		{"length too long", fromPeer + "86 00 0001 0002 aa", func(s Stats) uint64 { return s.Malformed }},
		{"good, then bad", fromPeer + "85 ff 0001 86", func(s Stats) uint64 { return s.Malformed }},
		{"wants an answer without a time", "0000 85 ff 0001", func(s Stats) uint64 { return s.Malformed }},
		{"no such peer", "8009 0001 85 ff 0001", func(s Stats) uint64 { return s.UnknownPeer }},
		{"no such place", "8ffe 0001 85 ff 0001", func(s Stats) uint64 { return s.UnknownPeer }},
		{"wrong session", "a000 0001 85 ff 0001", func(s Stats) uint64 { return s.UnknownPeer }},
		{"ping from nobody", "8fff 0001 85 ff 0001", func(s Stats) uint64 { return s.UnknownPeer }},
		{"no such channel", fromPeer + "86 30 0001 0000", func(s Stats) uint64 { return s.Rejected }},
		{"reliable without a flag", "0000 06 00 0001 0000", func(s Stats) uint64 { return s.Rejected }},
		{"CONNECT within a connection", fromPeer + "82 ff 0001" + strings.Repeat("00", 44), func(s Stats) uint64 { return s.Rejected }},
		{"VERIFY_CONNECT to a host", fromPeer + "83 ff 0001" + strings.Repeat("00", 40), func(s Stats) uint64 { return s.Rejected }},
		{"no channels", strings.Replace(goldenConnect, "00000030", "00000000", 1), func(s Stats) uint64 { return s.Rejected }},
		{"256 channels", strings.Replace(goldenConnect, "00000030", "00000100", 1), func(s Stats) uint64 { return s.Rejected }},
		{"fragment", fromPeer + "88 00 0001 0001 0001 00000002 00000000 00000002 00000000 aa", func(s Stats) uint64 { return s.Fragments }},
		{"too far ahead", fromPeer + "86 00 7000 0000", func(s Stats) uint64 { return s.Dropped }},
	} {
		t.Run(test.name, func(t *testing.T) {
			calls := make(recorder, 8)
			h := newWireHost(HostOptions{Accept: acceptAll(calls)})
			h.exchange(t, 0, goldenConnect)
			h.exchange(t, 0, goldenAck)
			calls.next(t)
			wantSent(t, h.exchange(t, time.Millisecond, test.datagram))
			if s := h.Stats(); test.count(s) != 1 || s.Peers != 1 {
				t.Errorf("stats %+v", s)
			}
			if len(calls) != 0 {
				t.Errorf("handler heard %+v", <-calls)
			}
		})
	}
	h := newWireHost(HostOptions{Accept: acceptAll(make(recorder, 1))})
	h.exchange(t, 0, goldenConnect)
	h.exchange(t, 0, goldenAck)
	wantSent(t, h.exchange(t, 0, "8000 0001 8a ff 0001 0000000000000000 8b ff 0002 000000000000000000000000"),
		"0000 01 ff 0001 0001 0001 01 ff 0002 0002 0001") // bandwidth and throttle change nothing
}

// The client whose acknowledgement of the handshake is lost is heard anyway.
func TestFirstMessageConfirmsTheConnection(t *testing.T) {
	calls := make(recorder, 8)
	h := newWireHost(HostOptions{Accept: acceptAll(calls)})
	h.exchange(t, 0, goldenConnect)
	wantSent(t, h.exchange(t, 0, "8000 0001 86 00 0001 0001 61"), "0000 01 00 0001 0001 0001")
	if a, b := calls.next(t), calls.next(t); a.kind != "connected" || b.payload != "a" {
		t.Errorf("handler heard %+v and %+v", a, b)
	}
	h.exchange(t, 0, goldenAck)
	if len(calls) != 0 {
		t.Errorf("handler heard %+v", <-calls)
	}
}

func TestRefusals(t *testing.T) {
	refusing := newWireHost(HostOptions{Accept: func(ConnectRequest) (Handler, bool) { return nil, false }})
	wantSent(t, refusing.exchange(t, 0, goldenConnect))
	full := newWireHost(HostOptions{MaxPeers: 1, Accept: acceptAll(make(recorder, 1))})
	full.exchange(t, 0, goldenConnect)
	wantSent(t, full.exchange(t, 0, strings.Replace(goldenConnect, "a1b2c3d4", "00000001", 1)))
	if r, f := refusing.Stats(), full.Stats(); r.Refused != 1 || f.Full != 1 {
		t.Errorf("stats %+v and %+v", r, f)
	}
}

// A request that is never confirmed gives its place back, and its Handler hears.
func TestUnconfirmedRequestEnds(t *testing.T) {
	calls := make(recorder, 8)
	h := newWireHost(HostOptions{Accept: acceptAll(calls), PeerTimeout: 2 * time.Second})
	h.exchange(t, 0, goldenConnect)
	h.due(1999 * time.Millisecond)
	if len(calls) != 0 {
		t.Fatalf("handler heard %+v", <-calls)
	}
	h.due(2 * time.Second)
	if e := calls.next(t); e.kind != "disconnected" || e.reason != ReasonTimeout || h.Stats().Peers != 0 {
		t.Errorf("handler heard %+v", e)
	}
}

func TestHandshakeRoundTrips(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		long := rapid.Uint32()
		want := handshake{
			peerID: rapid.Uint16().Draw(t, "peer"), incomingSession: rapid.Uint8().Draw(t, "in"), outgoingSession: rapid.Uint8().Draw(t, "out"),
			mtu: long.Draw(t, "mtu"), window: long.Draw(t, "window"), channels: long.Draw(t, "channels"),
			incomingBandwidth: long.Draw(t, "ib"), outgoingBandwidth: long.Draw(t, "ob"),
			interval: long.Draw(t, "interval"), acceleration: long.Draw(t, "acceleration"), deceleration: long.Draw(t, "deceleration"),
			connectID: long.Draw(t, "id"), data: long.Draw(t, "data"),
		}
		if got := parseHandshake(want.appendConnect(nil)); got != want {
			t.Fatalf("%+v came back as %+v", want, got)
		}
		want.data = 0
		if got := parseHandshake(want.appendVerify(nil)); got != want {
			t.Fatalf("%+v came back as %+v", want, got)
		}
	})
}

// Sequence numbers and groups go on where 16 bits end.
func TestNumbersWrap(t *testing.T) {
	var g groups
	for n := range 3 << 16 {
		if !g.add(uint16(n + 1)) {
			t.Fatalf("group %d is refused", n+1)
		}
		if g.add(uint16(n + 1)) {
			t.Fatalf("group %d is taken twice", n+1)
		}
	}
	late := g.highest - unsequencedWindow
	if g.add(late) {
		t.Error("a group older than the window is taken")
	}
	calls := make(recorder, 4)
	h := newWireHost(HostOptions{Accept: acceptAll(calls)})
	h.exchange(t, 0, goldenConnect)
	h.exchange(t, 0, goldenAck)
	p := calls.next(t).peer
	p.channels[0].reliable = 0xFFFE
	h.exchange(t, 0, "8000 0001 86 00 0000 0001 62 86 00 0001 0001 63 86 00 ffff 0001 61")
	for _, want := range []string{"a", "b", "c"} {
		if e := calls.next(t); e.payload != want {
			t.Errorf("got %q, want %q", e.payload, want)
		}
	}
}
