package server_test

import (
	"encoding/binary"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	wlserver "github.com/kennel-stream/kennel/wayland/protocol/server"
	"github.com/kennel-stream/kennel/wayland/server"
)

// request returns the bytes of one request, for seeds.
func request(object, opcode uint32, args ...uint32) []byte {
	b := binary.NativeEndian.AppendUint32(nil, object)
	b = binary.NativeEndian.AppendUint32(b, uint32(8+4*len(args))<<16|opcode)
	for _, a := range args {
		b = binary.NativeEndian.AppendUint32(b, a)
	}
	return b
}

// FuzzServer has a client send arbitrary bytes and descriptors after it bound
// globals to the objects 3, 4, .... It must come to its end, leave nothing
// open, and not disturb another client.
func FuzzServer(f *testing.F) {
	f.Add([]byte{})
	f.Add(request(3, 0, 12))
	f.Add(append(append(request(3, 0, 12), request(12, 3, 13)...), request(12, 6)...))
	f.Add(append(request(4, 0, 12, 4096), request(12, 0, 13, 0, 1, 1, 4, 0)...))
	f.Add(append(append(request(3, 0, 12), request(7, 2, 13, 12)...), request(13, 1, 14)...))
	f.Add(append(request(5, 0, 12), request(12, 0, 4, 0x00636261)...))
	f.Add(append(request(6, 0, 12), request(12, 0, 1, 0, 0, 0)...))
	f.Add(request(1, 0, 12))
	f.Add([]byte{1, 0, 0, 0, 0, 0, 7, 0})
	w := newWorld(f, server.Options{MaxObjects: 1000})
	wlserver.AddWlSeat(w.display, 9, func(*server.Client, *wlserver.WlSeat) {})
	wlserver.AddXdgWmBase(w.display, 5, func(*server.Client, *wlserver.XdgWmBase) {})
	globals := []string{"wl_compositor", "wl_shm", "wl_data_device_manager", "wl_output", "wl_seat", "xdg_wm_base"}
	f.Fuzz(func(t *testing.T, input []byte) {
		p, bystander := dial(t, w.display), dial(t, w.display)
		p.send(1, 1, p.id())
		for i, name := range globals {
			p.send(2, 0, i+1, name, 1, p.id())
		}
		p.sync()
		read, write, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = read.Close() }()
		if len(input) > 0 {
			// An error of the client's ends the connection meanwhile.
			_, _, _ = p.sock.WriteMsgUnix(input, unix.UnixRights(int(write.Fd()), int(write.Fd())), nil)
		}
		_ = write.Close()
		_ = p.sock.CloseWrite()
		p.dies()
		_ = read.SetReadDeadline(time.Now().Add(patience))
		if _, err := read.Read(make([]byte, 1)); os.IsTimeout(err) {
			t.Error("a descriptor stays open")
		}
		bystander.sync()
	})
}
