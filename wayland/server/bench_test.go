package server_test

import (
	"testing"
	"time"

	wlserver "github.com/kennel-stream/kennel/wayland/protocol/server"
	"github.com/kennel-stream/kennel/wayland/server"
)

// quietSurface is a handler that does nothing.
type quietSurface struct{ surface }

func (quietSurface) Attach(*wlserver.WlSurface, *wlserver.WlBuffer, int32, int32)  {}
func (quietSurface) DamageBuffer(_ *wlserver.WlSurface, x, y, width, height int32) {}
func (quietSurface) Commit(*wlserver.WlSurface)                                    {}

// startBench returns a peer with a surface that nobody notes anything of.
func startBench(b *testing.B) (w *world, p *peer, id uint32) {
	w = newWorld(b, server.Options{OutBuffer: 64 << 20})
	p = dial(b, w.display)
	_ = p.sock.SetDeadline(time.Time{})
	comp := p.bind(1, "wl_compositor", 6)
	id = p.id()
	p.send(comp, 0, id)
	p.sync()
	on(b, w.display, func() { w.surfaces[0].SetHandler(quietSurface{}) })
	return w, p, id
}

// BenchmarkRequests has a client commit a surface, as it does for each frame;
// it counts the time from the client's write to the answer of a sync.
func BenchmarkRequests(b *testing.B) {
	_, p, id := startBench(b)
	callback := p.id()
	b.ReportAllocs()
	for b.Loop() {
		for range 16 {
			p.conn.Begin(id, 1)
			p.conn.Uint(0)
			p.conn.Uint(0)
			p.conn.Uint(0)
			_ = p.conn.End()
			p.conn.Begin(id, 9)
			for range 4 {
				p.conn.Int(1)
			}
			_ = p.conn.End()
			p.conn.Begin(id, 6)
			_ = p.conn.End()
		}
		p.conn.Begin(1, 0)
		p.conn.Uint(callback)
		_ = p.conn.End()
		if err := p.flush(); err != nil {
			b.Fatal(err)
		}
		for n := 0; n < 2; { // done and delete_id
			_, ok, err := p.conn.Next()
			if err != nil {
				b.Fatal(err)
			}
			if ok {
				n++
			} else if err := p.conn.Fill(); err != nil {
				b.Fatal(err)
			}
		}
	}
}

// BenchmarkEvents sends pointer motion and a frame, as for each mouse event.
func BenchmarkEvents(b *testing.B) {
	w, p, _ := startBench(b)
	go func() {
		for p.conn.Fill() == nil {
			for {
				if _, ok, err := p.conn.Next(); !ok || err != nil {
					break
				}
			}
		}
	}()
	var pointer *wlserver.WlPointer
	on(b, w.display, func() { pointer = wlserver.NewWlPointer(w.surfaces[0].Client(), 8) })
	done := make(chan struct{}, 1)
	send := func() {
		for range 16 {
			pointer.SendMotion(1, 2, 3)
			pointer.SendButton(1, 2, 3, wlserver.WlPointerButtonStatePressed)
			pointer.SendFrame()
		}
		done <- struct{}{}
	}
	b.ReportAllocs()
	for b.Loop() {
		w.display.Do(send)
		<-done
	}
	if !pointer.Alive() {
		b.Fatal("the client was disconnected: ", pointer.Client().Reason())
	}
}

// TestCommonEventsDoNotAllocate measures on the loop, without the socket.
func TestCommonEventsDoNotAllocate(t *testing.T) {
	w := newWorld(t, server.Options{})
	p := dial(t, w.display)
	comp := p.bind(1, "wl_compositor", 6)
	p.send(comp, 0, p.id())
	p.sync()
	on(t, w.display, func() {
		c := w.surfaces[0].Client()
		pointer, keyboard := wlserver.NewWlPointer(c, 8), wlserver.NewWlKeyboard(c, 8)
		allocs := testing.AllocsPerRun(100, func() {
			pointer.SendEnter(1, w.surfaces[0], 2, 3)
			pointer.SendMotion(1, 2, 3)
			pointer.SendFrame()
			keyboard.SendKey(1, 2, 3, wlserver.WlKeyboardKeyStatePressed)
			keyboard.SendEnter(1, w.surfaces[0], nil)
		})
		if allocs != 0 {
			t.Errorf("%v allocations", allocs)
		}
	})
}
