package server_test

import (
	"encoding/binary"
	"errors"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	wlserver "github.com/kennel-stream/kennel/wayland/protocol/server"
	"github.com/kennel-stream/kennel/wayland/server"
	"github.com/kennel-stream/kennel/wayland/wire"
)

// TestProtocolErrors has each client break one rule. It must get the error
// and be disconnected, and a bystander must not notice.
func TestProtocolErrors(t *testing.T) {
	const badObject, badMethod, noMemory = server.ErrorInvalidObject, server.ErrorInvalidMethod, server.ErrorNoMemory
	cases := []struct {
		name  string
		crime func(p *peer, comp, surface uint32)
		code  uint32
	}{
		{"unknown object", func(p *peer, _, _ uint32) { p.send(77, 0) }, badObject},
		{"null object", func(p *peer, _, _ uint32) { p.send(0, 0) }, badObject},
		{"unknown server object", func(p *peer, _, _ uint32) { p.send(wire.ServerIDBase+9, 0) }, badObject},
		{"destroyed object", func(p *peer, _, s uint32) { p.send(s, 0); p.send(s, 6) }, badObject},
		{"unknown opcode", func(p *peer, _, s uint32) { p.send(s, 99) }, badMethod},
		{"opcode of a later version", func(p *peer, _, s uint32) { p.send(s, 10, 1, 1) }, badMethod}, // offset, since 5
		{"request on an object that has none", func(p *peer, _, _ uint32) {
			p.send(wire.ServerIDBase, 0)
		}, badMethod},
		{"short arguments", func(p *peer, _, s uint32) { p.send(s, 1, 0) }, badMethod},
		{"long arguments", func(p *peer, _, s uint32) { p.send(s, 6, 1) }, badMethod},
		{"missing descriptor", func(p *peer, _, _ uint32) { p.send(p.bind(2, "wl_shm", 1), 0, p.id(), 4096) }, badMethod},
		{"object of another interface", func(p *peer, c, s uint32) { p.send(s, 1, c, 0, 0) }, badObject},
		{"argument that is no object", func(p *peer, _, s uint32) { p.send(s, 1, 78, 0, 0) }, badObject},
		{"null where an object is needed", func(p *peer, _, _ uint32) {
			p.send(p.bind(3, "wl_data_device_manager", 3), 1, p.id(), 0)
		}, badObject},
		{"new id that is in use", func(p *peer, c, s uint32) { p.send(c, 0, s) }, badObject},
		{"new id that leaves a gap", func(p *peer, c, _ uint32) { p.send(c, 0, p.id()+5) }, badObject},
		{"new id of the server's", func(p *peer, c, _ uint32) { p.send(c, 0, uint32(wire.ServerIDBase+1)) }, badObject},
		{"new id that is null", func(p *peer, c, _ uint32) { p.send(c, 0, 0) }, badObject},
		{"new id of the display", func(p *peer, c, _ uint32) { p.send(c, 0, 1) }, badObject},
		{"sync with an id in use", func(p *peer, c, _ uint32) { p.send(1, 0, c) }, badObject},
		{"unknown global", func(p *peer, _, _ uint32) { p.sendBind(99, "wl_shm", 1) }, badObject},
		{"global zero", func(p *peer, _, _ uint32) { p.sendBind(0, "wl_shm", 1) }, badObject},
		{"global of another interface", func(p *peer, _, _ uint32) { p.sendBind(1, "wl_shm", 1) }, badObject},
		{"version zero", func(p *peer, _, _ uint32) { p.sendBind(1, "wl_compositor", 0) }, badObject},
		{"version too new", func(p *peer, _, _ uint32) { p.sendBind(1, "wl_compositor", 7) }, badObject},
		{"header too small", func(p *peer, _, _ uint32) { p.raw(1, 4<<16) }, badMethod},
		{"header not in words", func(p *peer, _, _ uint32) { p.raw(1, 10<<16) }, badMethod},
		{"message too large", func(p *peer, _, _ uint32) { p.raw(1, 5000<<16) }, badMethod},
		{"string without end", func(p *peer, _, _ uint32) {
			r := p.id()
			p.send(1, 1, r)
			p.raw(r, 28<<16, 1, 4, 0x64636261, 1, p.id())
		}, badMethod},
		{"null string", func(p *peer, _, _ uint32) {
			r := p.id()
			p.send(1, 1, r)
			p.raw(r, 24<<16, 1, 0, 1, p.id())
		}, badMethod},
		{"too many objects", func(p *peer, c, _ uint32) {
			for range 101 {
				p.send(c, 1, p.id())
			}
		}, noMemory},
	}
	w := newWorld(t, server.Options{MaxObjects: 100})
	bystander := dial(t, w.display)
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			p := dial(t, w.display)
			comp, surface := p.bind(1, "wl_compositor", 4), p.id()
			p.send(comp, 0, surface)
			p.sync()
			on(t, w.display, func() {
				wlserver.NewWlCallback(w.surfaces[len(w.surfaces)-1].Client(), 1)
			})
			c.crime(p, comp, surface)
			if got := p.dies(); got == nil || got.code != c.code {
				t.Errorf("got %v, want error %d", got, c.code)
			}
			bystander.sync()
		})
	}
}

// sendBind makes a registry and binds whatever is asked.
func (p *peer) sendBind(number uint32, iface string, version int) {
	registry := p.id()
	p.send(1, 1, registry)
	p.send(registry, 0, number, iface, version, p.id())
}

// raw sends words as they are, after what is queued.
func (p *peer) raw(words ...uint32) {
	p.t.Helper()
	if err := p.flush(); err != nil {
		p.t.Fatal(err)
	}
	var b []byte
	for _, w := range words {
		b = binary.NativeEndian.AppendUint32(b, w)
	}
	if _, err := p.sock.Write(b); err != nil {
		p.t.Fatal(err)
	}
}

func TestHandlersPostErrors(t *testing.T) {
	w := newWorld(t, server.Options{})
	p := dial(t, w.display)
	comp, surface := p.bind(1, "wl_compositor", 4), p.id()
	p.send(comp, 0, surface)
	p.sync()
	on(t, w.display, func() {
		s := w.surfaces[0]
		s.PostError(wlserver.WlSurfaceErrorInvalidScale, "scale %d", -1)
		s.PostError(wlserver.WlSurfaceErrorInvalidSize, "not sent any more")
		if s.Alive() || s.Client().Alive() || !strings.Contains(s.Client().Reason(), "scale -1") {
			t.Errorf("after an error: alive %t, reason %q", s.Alive(), s.Client().Reason())
		}
	})
	got := p.dies()
	if got == nil || *got != (protocolError{surface, wlserver.WlSurfaceErrorInvalidScale, "scale -1"}) {
		t.Errorf("got %v", got)
	}
}

func TestNothingIsHandledAfterAnError(t *testing.T) {
	w := newWorld(t, server.Options{})
	p := dial(t, w.display)
	comp, surface := p.bind(1, "wl_compositor", 4), p.id()
	p.send(comp, 0, surface)
	p.send(surface, 99)
	p.send(surface, 6)
	p.dies()
	for _, l := range w.taken(t) {
		if l == "commit" {
			t.Error("a request after the error was handled")
		}
	}
}

// TestClientThatDoesNotRead must not hold up the loop.
func TestClientThatDoesNotRead(t *testing.T) {
	w := newWorld(t, server.Options{OutBuffer: 64 << 10})
	lazy, good := dial(t, w.display), dial(t, w.display)
	comp := lazy.bind(1, "wl_compositor", 6)
	lazy.send(comp, 0, lazy.id())
	lazy.sync()
	reason := ""
	start := time.Now()
	for i := 0; reason == ""; i++ {
		on(t, w.display, func() {
			for range 1000 {
				w.surfaces[0].SendPreferredBufferScale(1)
			}
			reason = w.surfaces[0].Client().Reason()
		})
		if i > 10_000 || time.Since(start) > patience {
			t.Fatal("the client is still connected")
		}
	}
	if !strings.Contains(reason, "does not read") {
		t.Errorf("disconnected because %s", reason)
	}
	good.sync()
}

// TestSlowReaderGetsEverything fills the socket, but not the queue.
func TestSlowReaderGetsEverything(t *testing.T) {
	w := newWorld(t, server.Options{OutBuffer: 8 << 20})
	p := dial(t, w.display)
	comp := p.bind(1, "wl_compositor", 6)
	p.send(comp, 0, p.id())
	p.sync()
	const events = 200_000 // 12 bytes each, more than a socket takes
	on(t, w.display, func() {
		for i := range events {
			w.surfaces[0].SendPreferredBufferScale(int32(i))
		}
	})
	for i, e := range p.sync() {
		if e.words()[0] != uint32(i) {
			t.Fatalf("event %d is %d", i, e.words()[0])
		}
		if i == events-1 {
			return
		}
	}
	t.Error("events are missing")
}

// TestFloodOfDescriptors sends more than may wait.
func TestFloodOfDescriptors(t *testing.T) {
	w := newWorld(t, server.Options{})
	p, good := dial(t, w.display), dial(t, w.display)
	var sent error
	for range 2000 {
		if _, _, sent = p.sock.WriteMsgUnix([]byte{1}, unix.UnixRights(0, 1, 2, 0, 1, 2, 0, 1), nil); sent != nil {
			break
		}
	}
	if p.dies(); sent != nil && !errors.Is(sent, unix.EPIPE) && !errors.Is(sent, unix.ECONNRESET) {
		t.Errorf("sending ended with %v", sent)
	}
	good.sync()
}
