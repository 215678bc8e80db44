package host

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kennel-stream/kennel/moonlight/rtp"
)

func udpPair(t testing.TB, network, address string) (*burst, *net.UDPConn, netip.AddrPort) {
	t.Helper()
	open := func() *net.UDPConn {
		c, err := net.ListenPacket(network, address)
		if err != nil {
			t.Skipf("no %s here: %v", network, err)
		}
		t.Cleanup(func() { _ = c.Close() })
		return c.(*net.UDPConn)
	}
	receiver := open()
	_ = receiver.SetReadBuffer(4 << 20)
	d, err := newDatagrams(open())
	if err != nil {
		t.Fatal(err)
	}
	return newBurst(d), receiver, receiver.LocalAddr().(*net.UDPAddr).AddrPort()
}

func videoPacketizer(t testing.TB, key *[16]byte) *rtp.VideoPacketizer {
	t.Helper()
	p, err := rtp.NewVideoPacketizer(rtp.VideoConfig{PacketSize: 1024, FECPercent: 20, MinParity: 2, Key: key})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func packetize(t testing.TB, p *rtp.VideoPacketizer, length int) (rtp.Batch, []byte) {
	t.Helper()
	data := make([]byte, length)
	for i := range data {
		data[i] = byte(rand.Uint32())
	}
	batch, err := p.Packetize(rtp.Frame{Data: data, Timestamp: 1})
	if err != nil {
		t.Fatal(err)
	}
	return batch, data
}

func TestDatagramsArriveWhole(t *testing.T) {
	for _, tt := range []struct {
		network, address string
		plain            bool
	}{{"udp4", "127.0.0.1:0", false}, {"udp4", "127.0.0.1:0", true}, {"udp6", "[::1]:0", false}, {"udp", ":0", false}} {
		b, receiver, to := udpPair(t, tt.network, tt.address)
		if tt.network == "udp" {
			// A socket for both: clients of IPv4 are known by their plain address.
			to = netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), to.Port())
		}
		b.plain = tt.plain
		frame, _ := packetize(t, videoPacketizer(t, nil), 150_000)
		if err := b.sendFrame(frame, to); err != nil {
			t.Fatal(err)
		}
		buf := make([]byte, 2000)
		for i := range frame.Len() {
			if err := receiver.SetReadDeadline(time.Now().Add(5 * time.Second)); err != nil {
				t.Fatal(err)
			}
			n, err := receiver.Read(buf)
			if err != nil || !bytes.Equal(buf[:n], frame.Datagram(i)) {
				t.Fatalf("%+v: datagram %d of %d has %d bytes, %v", tt, i, frame.Len(), n, err)
			}
		}
	}
}

// batches receives count datagrams as the kernel hands them on: what was sent
// as one batch arrives as one, and a link may lose it as one.
func batches(t *testing.T, receiver *net.UDPConn, count, stride int) (list [][]byte) {
	t.Helper()
	for buf := make([]byte, 1<<16); count > 0; {
		if err := receiver.SetReadDeadline(time.Now().Add(5 * time.Second)); err != nil {
			t.Fatal(err)
		}
		n, err := receiver.Read(buf)
		if err != nil || n%stride != 0 {
			t.Fatalf("%d bytes, %v; %d datagrams are missing", n, err, count)
		}
		list = append(list, bytes.Clone(buf[:n]))
		count -= n / stride
	}
	return list
}

// TestLossOfOneBatchCostsNoFrame sends frames to a socket that takes batches
// whole, loses one batch of each frame in turn, and decodes the rest.
func TestLossOfOneBatchCostsNoFrame(t *testing.T) {
	key := [16]byte{1}
	for _, key := range []*[16]byte{nil, &key} {
		for _, length := range []int{300, 1500, 3000, 20_000, 100_000} {
			t.Run(fmt.Sprintf("%d bytes, encrypted %t", length, key != nil), func(t *testing.T) { loseBatches(t, key, length) })
		}
	}
}

func loseBatches(t *testing.T, key *[16]byte, length int) {
	b, receiver, to := udpPair(t, "udp4", "127.0.0.1:0")
	raw, err := receiver.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var refused error
	if err := raw.Control(func(fd uintptr) { refused = unix.SetsockoptInt(int(fd), unix.IPPROTO_UDP, unix.UDP_GRO, 1) }); err != nil || refused != nil {
		t.Skipf("this kernel does not hand on whole batches: %v", errors.Join(err, refused))
	}
	p := videoPacketizer(t, key)
	var want, got []byte
	decoder, err := rtp.NewVideoReceiver(rtp.VideoReceiverConfig{PacketSize: 1024, Key: key, Frame: func(f *rtp.ReceivedFrame) { got = bytes.Clone(f.Data) }})
	if err != nil {
		t.Fatal(err)
	}
	sent := 2
	for lost := 0; lost < sent; lost++ {
		var frame rtp.Batch
		frame, want = packetize(t, p, length)
		if err := b.sendFrame(frame, to); err != nil {
			t.Fatal(err)
		}
		list := batches(t, receiver, frame.Len(), frame.Stride())
		sent, got = len(list), nil
		for i, batch := range list {
			for ; i != lost && len(batch) > 0; batch = batch[frame.Stride():] {
				_ = decoder.Push(batch[:frame.Stride()], time.Now())
			}
		}
		if !bytes.Equal(got, want) {
			t.Fatalf("the frame is lost with batch %d of %d: %d datagrams, %d of them parity", lost, sent, frame.Len(), frame.Parity)
		}
	}
	if length > 10_000 && sent == int(frameLen(t, length)) {
		t.Error("nothing was sent in batches")
	}
}

func frameLen(t *testing.T, length int) int {
	t.Helper()
	frame, _ := packetize(t, videoPacketizer(t, nil), length)
	return frame.Len()
}

// TestSegmentationRefused: the datagrams of a batch that the kernel refuses go
// out one by one, and so do all later ones.
func TestSegmentationRefused(t *testing.T) {
	b, receiver, to := udpPair(t, "udp4", "127.0.0.1:0")
	real := b.attempt
	calls := 0
	b.attempt = func(fd uintptr) bool {
		if calls++; calls == 1 {
			b.done, b.errno = 1, unix.EIO // the second of the messages
			return true
		}
		return real(fd)
	}
	frame, _ := packetize(t, videoPacketizer(t, nil), 20_000)
	if err := b.sendFrame(frame, to); err != nil {
		t.Fatal(err)
	}
	if !b.plain {
		t.Error("segmentation will be tried again")
	}
	_, parity := frame.Block(0)
	first := batchLimit(frame.Stride(), len(parity)/frame.Stride()) / frame.Stride() // which the stand-in swallowed
	buf := make([]byte, 2000)
	for i := first; i < frame.Len(); i++ {
		if err := receiver.SetReadDeadline(time.Now().Add(5 * time.Second)); err != nil {
			t.Fatal(err)
		}
		if n, err := receiver.Read(buf); err != nil || !bytes.Equal(buf[:n], frame.Datagram(i)) {
			t.Fatalf("datagram %d has %d bytes, %v", i, n, err)
		}
	}
}

func TestDatagramsToNobody(t *testing.T) {
	b, receiver, to := udpPair(t, "udp4", "127.0.0.1:0")
	_ = receiver.Close()
	frame, _ := packetize(t, videoPacketizer(t, nil), 2000)
	for range 3 {
		if err := b.sendFrame(frame, to); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.add(make([]byte, 1001), 1000); err == nil {
		t.Error("a cut datagram was sent")
	}
	if err := b.sendAll([][]byte{{1}}, netip.MustParseAddrPort("[2001:db8::1]:9")); err == nil {
		t.Error("a socket of IPv4 sent to IPv6")
	}
}

func TestSendingAllocatesNothing(t *testing.T) {
	b, _, to := udpPair(t, "udp4", "127.0.0.1:0")
	frame, _ := packetize(t, videoPacketizer(t, nil), 20_000)
	sound := [][]byte{make([]byte, 100), make([]byte, 112), make([]byte, 112)}
	if n := testing.AllocsPerRun(100, func() {
		if b.sendFrame(frame, to) != nil || b.sendAll(sound, to) != nil {
			t.Fatal("not sent")
		}
	}); n > 0 {
		t.Errorf("%v allocations per frame and packet of sound", n)
	}
}

// BenchmarkSendFrame sends a frame of 24 packets and their parity to a socket of
// this machine, as it happens 60 times a second at 10 Mbit/s.
func BenchmarkSendFrame(b *testing.B) {
	burst, _, to := udpPair(b, "udp4", "127.0.0.1:0")
	frame, _ := packetize(b, videoPacketizer(b, nil), 20_000)
	b.SetBytes(int64(len(frame.Slab())))
	b.ReportAllocs()
	for b.Loop() {
		if err := burst.sendFrame(frame, to); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkSendAudio sends a packet of sound, and the parity of its block with
// every fourth.
func BenchmarkSendAudio(b *testing.B) {
	burst, _, to := udpPair(b, "udp4", "127.0.0.1:0")
	block := [][]byte{make([]byte, 108), make([]byte, 120), make([]byte, 120)}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		list := block[:1]
		if i%4 == 3 {
			list = block
		}
		if err := burst.sendAll(list, to); err != nil {
			b.Fatal(err)
		}
	}
}
