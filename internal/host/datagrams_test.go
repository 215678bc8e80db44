package host

import (
	"bytes"
	"net"
	"net/netip"
	"testing"
	"time"
)

func udpPair(t testing.TB) (*datagrams, *net.UDPConn, netip.AddrPort) {
	t.Helper()
	open := func() *net.UDPConn {
		c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		return c
	}
	receiver := open()
	_ = receiver.SetReadBuffer(4 << 20)
	return &datagrams{conn: open()}, receiver, receiver.LocalAddr().(*net.UDPAddr).AddrPort()
}

func TestDatagramsArriveWhole(t *testing.T) {
	for _, plain := range []bool{false, true} {
		d, receiver, to := udpPair(t)
		d.plain.Store(plain)
		const stride, count = 1040, 150
		slab := make([]byte, stride*count)
		for i := range count {
			for j := range stride {
				slab[i*stride+j] = byte(i)
			}
		}
		if err := d.send(slab, stride, to); err != nil {
			t.Fatal(err)
		}
		buf := make([]byte, 2000)
		for i := range count {
			if err := receiver.SetReadDeadline(time.Now().Add(5 * time.Second)); err != nil {
				t.Fatal(err)
			}
			n, err := receiver.Read(buf)
			if err != nil || !bytes.Equal(buf[:n], slab[i*stride:(i+1)*stride]) {
				t.Fatalf("plain %v: datagram %d has %d bytes, %v", plain, i, n, err)
			}
		}
	}
}

func TestDatagramsToNobody(t *testing.T) {
	d, receiver, to := udpPair(t)
	_ = receiver.Close()
	for range 3 {
		if err := d.send(make([]byte, 2000), 1000, to); err != nil {
			t.Fatal(err)
		}
	}
	if err := d.send(make([]byte, 1001), 1000, to); err == nil {
		t.Error("a cut datagram was sent")
	}
}

func BenchmarkSendFrame(b *testing.B) {
	d, _, to := udpPair(b)
	slab := make([]byte, 24*1040)
	b.SetBytes(int64(len(slab)))
	b.ReportAllocs()
	for b.Loop() {
		if err := d.send(slab, 1040, to); err != nil {
			b.Fatal(err)
		}
	}
}
