package enet

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"
)

// elsewhere is an address from which the peer of these tests never sends.
var elsewhere = netip.MustParseAddrPort("203.0.113.66:5000")

// forgeries are datagrams for the peer of goldenConnect, with its peer id, its
// session id and its next sequence numbers, but without a proof.
var forgeries = []string{
	"8000 5000  84 ff 0002 00000007",               // DISCONNECT that asks for an acknowledgement
	"0000  44 ff 0000 00000007",                    // DISCONNECT, unsequenced
	"8000 5000  85 ff 0002",                        // PING
	"8000 5000  86 02 0001 0003 616263",            // the next reliable message
	"0000  07 02 0000 0001 0001 61",                // the next unreliable message
	"0000  49 02 0000 0001 0001 61",                // the next unsequenced message
	"0000  01 03 0001 0001 0001",                   // acknowledges what the host has sent
	"8000 5000  8a ff 0002 00000000 00000000",      // BANDWIDTH
	"8000 5000  85 ff 0002 86 02 0001 0003 616263", // two at once
	"8000 5000  86 02 0001 0001 61 86 02 0002 0001 61 86 02 0003 0001 61" +
		"86 02 0004 0001 61 86 02 0005 0002 2161", // its proof comes after more tries than are made
}

func TestStrangersChangeNothing(t *testing.T) {
	for _, provable := range []bool{true, false} {
		calls := make(recorder, 8)
		var handler Handler = calls
		if provable {
			handler = proving{calls}
		}
		for _, forged := range forgeries {
			h := newWireHost(HostOptions{Accept: acceptAll(handler)})
			h.exchange(t, 0, goldenConnect)
			h.exchange(t, time.Millisecond, goldenAck)
			p := calls.next(t).peer
			if err := p.Send(3, Reliable, []byte{0xAA}); err != nil {
				t.Fatal(err)
			}
			h.due(2 * time.Millisecond)
			h.receive(3*time.Millisecond, elsewhere, decode(t, forged))
			wantSent(t, h.due(3*time.Millisecond))
			if s := h.Stats(); s.Strangers != 1 || s.Roams != 0 || s.Peers != 1 || p.Addr() != stranger || len(p.unacked) != 1 {
				t.Errorf("after %s: %+v, the peer is at %v with %d unacknowledged", forged, s, p.Addr(), len(p.unacked))
			}
			// The peer's own message with the same number still counts.
			wantSent(t, h.exchange(t, 4*time.Millisecond, "8000 4321  86 02 0001 0003 616263"), "0000 01 02 0001 0001 4321")
			if e := calls.next(t); e.payload != "abc" || len(calls) != 0 {
				t.Errorf("after %s the handler heard %+v and %d more", forged, e, len(calls))
			}
		}
	}
}

// TestStrangersCannotConfirm: a connection under way is not the stranger's, either.
func TestStrangersCannotConfirm(t *testing.T) {
	calls := make(recorder, 8)
	h := newWireHost(HostOptions{Accept: acceptAll(proving{calls})})
	h.exchange(t, 0, goldenConnect)
	for _, forged := range append([]string{goldenAck}, forgeries...) {
		h.receive(time.Millisecond, elsewhere, decode(t, forged))
		wantSent(t, h.due(time.Millisecond))
	}
	if len(calls) != 0 {
		t.Fatalf("the handler heard %+v", <-calls)
	}
	h.exchange(t, 2*time.Millisecond, goldenAck)
	if e := calls.next(t); e.kind != "connected" || e.peer.Addr() != stranger {
		t.Errorf("the handler heard %+v at %v", e, e.peer.Addr())
	}
}

// TestAProofMovesTheWholeDatagram: what is in front of the proof counts as well.
func TestAProofMovesTheWholeDatagram(t *testing.T) {
	calls := make(recorder, 8)
	h := newWireHost(HostOptions{Accept: acceptAll(proving{calls})})
	h.exchange(t, 0, goldenConnect)
	h.exchange(t, time.Millisecond, goldenAck)
	p := calls.next(t).peer
	h.receive(2*time.Millisecond, elsewhere, decode(t, "8000 4321  85 ff 0002  86 02 0001 0002 2161"))
	sent := h.due(2 * time.Millisecond)
	if len(sent) != 1 || !strings.Contains(sent[0], clean("01 ff 0002 0002 4321 01 02 0001 0001 4321")) {
		t.Errorf("sent %q", sent)
	}
	if e := calls.next(t); e.kind != "moved" || p.Addr() != elsewhere {
		t.Errorf("the handler heard %+v, and the peer is at %v", e, p.Addr())
	}
	if e := calls.next(t); e.payload != "!a" {
		t.Errorf("the handler heard %+v", e)
	}
	// The old address is a stranger's from now on.
	wantSent(t, h.exchange(t, 3*time.Millisecond, "8000 5000  84 ff 0003 00000007"))
	if s := h.Stats(); s.Roams != 1 || s.Strangers != 1 || s.Peers != 1 {
		t.Errorf("stats %+v", s)
	}
}

// FuzzStranger: no datagram from another address makes the host answer, call
// the handler, or change what it knows of the peer.
func FuzzStranger(f *testing.F) {
	seeds(f)
	for _, forged := range forgeries {
		f.Add(decode(f, forged))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		calls := make(recorder, 64)
		accept := acceptAll(calls)
		h := newWireHost(HostOptions{Accept: func(r ConnectRequest) (Handler, bool) {
			if r.Addr != stranger {
				return nil, false
			}
			return accept(r)
		}})
		h.exchange(t, 0, goldenConnect)
		h.exchange(t, time.Millisecond, goldenAck)
		p := calls.next(t).peer
		if err := p.Send(3, Reliable, []byte{0xAA}); err != nil {
			t.Fatal(err)
		}
		h.due(2 * time.Millisecond)
		h.receive(3*time.Millisecond, elsewhere, data)
		if sent := h.due(3 * time.Millisecond); len(sent) != 0 || len(calls) != 0 {
			t.Errorf("sent %q and made %d calls", sent, len(calls))
		}
		if h.places[0].peer != p || p.state != connected || p.addr != stranger || len(p.unacked) != 1 || len(p.acks) != 0 {
			t.Error("the peer has changed")
		}
		wantSent(t, h.exchange(t, 4*time.Millisecond, "8000 4321  86 02 0001 0003 616263"), "0000 01 02 0001 0001 4321")
	})
}

// TestHalfOpenConnections: requests that nobody confirms do not fill the table,
// and do not end a connection with other data.
func TestHalfOpenConnections(t *testing.T) {
	calls := make(recorder, 64)
	h := newWireHost(HostOptions{MaxPeers: 8, MaxHalfOpen: 2, Accept: acceptAll(calls)})
	other := strings.Replace(goldenConnect, "0000cafe", "0000beef", 1)
	h.exchange(t, 0, other)
	for i := range 20 {
		at := time.Duration(i+1) * time.Millisecond
		h.exchange(t, at, strings.Replace(goldenConnect, "a1b2c3d4", fmt.Sprintf("%08x", i+1), 1))
	}
	if s := h.Stats(); s.Peers != 3 || s.HalfOpen != 18 || s.Full != 0 {
		t.Errorf("stats %+v", s)
	}
	for range 18 {
		if e := calls.next(t); e.kind != "disconnected" || e.reason != ReasonReset || e.peer.Data() != 0xCAFE {
			t.Fatalf("handler heard %+v", e)
		}
	}
	h.exchange(t, 30*time.Millisecond, goldenAck)
	if e := calls.next(t); e.kind != "connected" || e.peer.Data() != 0xBEEF {
		t.Errorf("handler heard %+v", e)
	}
}
