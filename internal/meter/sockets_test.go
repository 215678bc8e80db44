package meter

import (
	"net"
	"os"
	"testing"
)

// TestTargetsOfSockets: what is bound is told apart by its address, what a
// client's connection is from what listens.
func TestTargetsOfSockets(t *testing.T) {
	var want []string
	bound := func(prefix string, c interface{ Close() error }, addr net.Addr, err error) {
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		want = append(want, prefix+addr.String())
	}
	udp, err := net.ListenPacket("udp4", "127.0.0.1:0")
	bound(UDPSocket, udp, udp.LocalAddr(), err)
	udp6, err := net.ListenPacket("udp6", "[::1]:0")
	bound(UDPSocket, udp6, udp6.LocalAddr(), err)
	tcp, err := net.Listen("tcp4", "127.0.0.1:0")
	bound(Listener, tcp, tcp.Addr(), err)
	before, err := Live.Targets(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	client, err := net.Dial("tcp", tcp.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	after, err := Live.Targets(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range want {
		if after[name] != 1 {
			t.Errorf("%d times %s in %v", after[name], name, after)
		}
	}
	if after[Connection] != before[Connection]+1 {
		t.Errorf("a connection more: before %v, after %v", before, after)
	}
}

func TestSocketLines(t *testing.T) {
	for _, c := range []struct{ table, line, inode, name string }{
		{"tcp", "   0: 0100007F:BB7E 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4711 1 0 100 0 0 10 0", "4711", Listener + "127.0.0.1:47998"},
		{"tcp", "   1: 0100007F:BB7E 0100007F:1234 01 00000000:00000000 00:00000000 00000000     0        0 4712 1 0", "4712", Connection},
		{"udp", " 1169: FB0000E0:14E9 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 232409 2 0 0", "232409", Multicast + "224.0.0.251:5353"},
		{"udp6", "  557: 00000000000000000000000001000000:9285 00000000000000000000000000000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 7 2 0 0", "7", UDPSocket + "[::1]:37509"},
	} {
		if inode, name, err := parseSocket(c.table, c.line); err != nil || inode != c.inode || name != c.name {
			t.Errorf("%s: %q %q, %v", c.line, inode, name, err)
		}
	}
	for _, bad := range []string{"", "1 2 3", "0: 0100007F 0 0A 0 0 0 0 0 1", "0: 01:1 0 0A 0 0 0 0 0 1", "0: 0100007F:XX 0 0A 0 0 0 0 0 1"} {
		if inode, name, err := parseSocket("tcp", bad); err == nil {
			t.Errorf("%q was taken for %q %q", bad, inode, name)
		}
	}
}

func FuzzSocketLine(f *testing.F) {
	f.Add("tcp", "   0: 0100007F:BB7E 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4711 1 0 100 0 0 10 0")
	f.Add("udp6", "  557: 00000000000000000000000001000000:9285 0 07 0 0 0 0 0 7")
	f.Fuzz(func(t *testing.T, table, line string) { _, _, _ = parseSocket(table, line) })
}
