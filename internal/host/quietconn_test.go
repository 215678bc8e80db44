package host

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"testing"
	"time"
)

// TestQuietConnIsAUDPConn compares it with net's own, on every kind of socket.
func TestQuietConnIsAUDPConn(t *testing.T) {
	for _, tt := range []struct{ network, address, peer string }{
		{"udp4", "127.0.0.1:0", "127.0.0.1:0"}, {"udp6", "[::1]:0", "[::1]:0"}, {"udp", ":0", "127.0.0.1:0"}, {"udp", ":0", "[::1]:0"},
	} {
		listened, err := net.ListenPacket(tt.network, tt.address)
		if err != nil {
			t.Logf("no %s here: %v", tt.network, err)
			continue
		}
		defer listened.Close()
		conn, err := newQuietConn(listened.(*net.UDPConn))
		if err != nil {
			t.Fatal(err)
		}
		peer, err := net.ListenPacket("udp", tt.peer)
		if err != nil {
			t.Logf("no %s here: %v", tt.peer, err)
			continue
		}
		defer peer.Close()
		there := peer.LocalAddr().(*net.UDPAddr).AddrPort()
		here := netip.AddrPortFrom(there.Addr(), conn.LocalAddr().(*net.UDPAddr).AddrPort().Port())
		for _, c := range []net.PacketConn{conn, peer} {
			if err := c.SetDeadline(time.Now().Add(5 * time.Second)); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := peer.(*net.UDPConn).WriteToUDPAddrPort([]byte("ping"), here); err != nil {
			t.Fatal(err)
		}
		buf := make([]byte, 16)
		n, from, err := conn.ReadFromUDPAddrPort(buf)
		if err != nil || string(buf[:n]) != "ping" || from.Addr().Unmap() != there.Addr() || from.Port() != there.Port() {
			t.Errorf("%+v: %q from %s, %v; want it from %s", tt, buf[:n], from, err, there)
		}
		if _, err := conn.WriteToUDPAddrPort([]byte("pong"), from); err != nil {
			t.Fatal(err)
		}
		n, from, err = peer.(*net.UDPConn).ReadFromUDPAddrPort(buf)
		if err != nil || string(buf[:n]) != "pong" || from.Addr().Unmap() != here.Addr() || from.Port() != here.Port() {
			t.Errorf("%+v: %q from %s, %v; want it from %s", tt, buf[:n], from, err, here)
		}
	}
}

func TestQuietConnEnds(t *testing.T) {
	_, receiver, _ := udpPair(t, "udp4", "127.0.0.1:0")
	conn, err := newQuietConn(receiver)
	if err != nil {
		t.Fatal(err)
	}
	if err := conn.SetReadDeadline(time.Now().Add(time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	if _, _, err := conn.ReadFromUDPAddrPort(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("at its deadline: %v", err)
	}
	_ = conn.Close()
	if _, _, err := conn.ReadFromUDPAddrPort(make([]byte, 1)); !errors.Is(err, net.ErrClosed) {
		t.Errorf("closed: %v", err)
	}
	if _, err := conn.WriteToUDPAddrPort([]byte{1}, netip.MustParseAddrPort("127.0.0.1:9")); !errors.Is(err, net.ErrClosed) {
		t.Errorf("closed: %v", err)
	}
}

func TestQuietConnAllocatesNothing(t *testing.T) {
	_, receiver, at := udpPair(t, "udp4", "127.0.0.1:0")
	conn, err := newQuietConn(receiver)
	if err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 64)
	if n := testing.AllocsPerRun(100, func() {
		if _, err := conn.WriteToUDPAddrPort(buf, at); err != nil {
			t.Fatal(err)
		}
		if _, _, err := conn.ReadFromUDPAddrPort(buf); err != nil {
			t.Fatal(err)
		}
	}); n > 0 {
		t.Errorf("%v allocations per datagram", n)
	}
}
