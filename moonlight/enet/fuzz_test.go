package enet

import (
	"testing"
	"time"
)

func seeds(f *testing.F) {
	for _, text := range []string{
		goldenConnect, goldenVerify, goldenAck, "8000 4321 86 02 0001 0003 616263 85 ff 0002",
		"8000 5000 84 ff 0003 00000007", "0000 07 03 0000 0001 0001 aa 49 03 0000 0001 0001 aa",
		"8000 0001 88 00 0001 0001 0001 00000002 00000000 00000002 00000000 aa", "",
	} {
		f.Add(decode(f, text))
	}
}

func FuzzDatagram(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		_, commands, err := parseDatagram(data)
		if err != nil {
			return
		}
		for len(commands) > 0 {
			_, rest, err := nextCommand(commands)
			if err != nil {
				t.Fatalf("a checked datagram has a bad command: %v", err)
			}
			commands = rest
		}
	})
}

// FuzzHost cuts its input into datagrams (a length byte in front of each) and
// hands them to a host with one peer connected, and to a client that is waiting
// for its host.
func FuzzHost(f *testing.F) {
	seeds(f)
	f.Add([]byte("\x0b\x80\x00\x43\x21\x86\x02\x00\x01\x00\x00\x00\x0a\x80\x00\x43\x21\x84\xff\x00\x03\x00\x00"))
	f.Fuzz(func(t *testing.T, data []byte) {
		h := newWireHost(HostOptions{MaxPeers: 3, Accept: acceptAll(nobody{})})
		h.exchange(t, 0, goldenConnect)
		h.exchange(t, 0, goldenAck)
		c := newWireHost(HostOptions{MaxPeers: 1})
		c.connect(0, stranger, 0xA1B2C3D4, &DialOptions{Channels: 48}, nobody{})
		at := time.Duration(0)
		for len(data) > 0 && at < 20*time.Second {
			n := min(int(data[0]), len(data)-1)
			h.receive(at, stranger, data[1:1+n])
			c.receive(at, stranger, data[1:1+n])
			h.due(at)
			c.due(at)
			data = data[1+n:]
			at += 50 * time.Millisecond
		}
		for i := range h.places {
			p := h.places[i].peer
			if p == nil {
				continue
			}
			if p.waiting > h.options.ReceiveQueue || p.waitingBytes > maximumWaiting || len(p.early) > maximumEarly {
				t.Errorf("peer keeps %d messages of %d bytes and %d early ones", p.waiting, p.waitingBytes, len(p.early))
			}
			p.Send(0, Reliable, nil)
		}
		h.due(at)
		h.due(at + time.Minute)
		if s := h.Stats(); s.Peers != 0 {
			t.Errorf("a minute of silence leaves %d peers", s.Peers)
		}
	})
}

// nobody is a Handler that does nothing.
type nobody struct{}

func (nobody) Connected(*Peer)               {}
func (nobody) Received(*Peer, uint8, []byte) {}
func (nobody) Disconnected(*Peer, Reason)    {}
