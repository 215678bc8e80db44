package compositor

import (
	"math"
	"testing"
	"time"

	"golang.org/x/sys/unix"
	"pgregory.net/rapid"

	"github.com/kennel-stream/kennel/internal/display"
)

// TestBrokenClientsAreDisconnectedAlone lets one client after the other do
// what is forbidden: it must get the error, and a bystander go on.
func TestBrokenClientsAreDisconnectedAlone(t *testing.T) {
	s := startSession(t, 64, 64)
	good := s.dial()
	bystander := good.openFilled(0xff0000ff)
	cases := []struct {
		name  string
		crime func(c *raw, w *testWindow) (object, code uint32)
	}{
		{"pool of no size", func(c *raw, w *testWindow) (uint32, uint32) {
			c.send(w.shm, 0, c.id(), file(w.fd), 0)
			return w.shm, 1
		}},
		{"pool that is a pipe", func(c *raw, w *testWindow) (uint32, uint32) {
			var pipe [2]int
			if err := unix.Pipe2(pipe[:], unix.O_CLOEXEC); err != nil {
				t.Fatal(err)
			}
			defer unix.Close(pipe[0])
			defer unix.Close(pipe[1])
			c.send(w.shm, 0, c.id(), file(pipe[0]), 4096)
			return w.shm, 2
		}},
		{"buffer larger than its pool", func(c *raw, w *testWindow) (uint32, uint32) {
			c.send(w.pool, 0, c.id(), 0, 64, 65, 256, formatXRGB)
			return w.pool, 1
		}},
		{"buffer whose size overflows", func(c *raw, w *testWindow) (uint32, uint32) {
			c.send(w.pool, 0, c.id(), 0, math.MaxInt32/4, math.MaxInt32, math.MaxInt32, formatXRGB)
			return w.pool, 1
		}},
		{"buffer before its pool", func(c *raw, w *testWindow) (uint32, uint32) {
			c.send(w.pool, 0, c.id(), -4, 4, 4, 16, formatXRGB)
			return w.pool, 1
		}},
		{"unknown format", func(c *raw, w *testWindow) (uint32, uint32) {
			c.send(w.pool, 0, c.id(), 0, 4, 4, 16, 0x12345678)
			return w.pool, 0
		}},
		{"pool that is told to shrink", func(c *raw, w *testWindow) (uint32, uint32) {
			c.send(w.pool, 2, 16)
			return w.pool, 2
		}},
		{"pool that shrinks under us", func(c *raw, w *testWindow) (uint32, uint32) {
			if err := unix.Ftruncate(w.fd, 1000); err != nil {
				t.Fatal(err)
			}
			w.show()
			return w.shm, 2
		}},
		{"pool that is shorter than it says", func(c *raw, w *testWindow) (uint32, uint32) {
			pool, buffer := c.id(), c.id()
			c.send(w.shm, 0, pool, file(w.fd), 1<<30)
			c.send(pool, 0, buffer, 1<<29, 64, 64, 256, formatXRGB)
			c.send(w.surface, 1, buffer, 0, 0)
			c.send(w.surface, 9, 0, 0, 64, 64)
			c.send(w.surface, 6)
			return w.shm, 2
		}},
		{"second role object", func(c *raw, w *testWindow) (uint32, uint32) {
			c.send(w.xdg, 1, c.id())
			return w.xdg, 2
		}},
		{"second role", func(c *raw, w *testWindow) (uint32, uint32) {
			sub, other := c.bind("wl_subcompositor", 0), c.id()
			c.send(w.compositor, 0, other)
			c.send(sub, 1, c.id(), w.surface, other)
			return sub, 0
		}},
		{"ack of a serial that never was", func(c *raw, w *testWindow) (uint32, uint32) {
			c.send(w.xdg, 4, 0xdeadbeef)
			return w.xdg, 4
		}},
		{"buffer before the first configure", func(c *raw, w *testWindow) (uint32, uint32) {
			surface, xdg, top := c.id(), c.id(), c.id()
			c.send(w.compositor, 0, surface)
			c.send(w.wm, 2, xdg, surface)
			c.send(xdg, 1, top)
			c.send(surface, 1, w.buffer, 0, 0)
			c.send(surface, 6)
			return xdg, 3
		}},
		{"commit without role object", func(c *raw, w *testWindow) (uint32, uint32) {
			surface, xdg := c.id(), c.id()
			c.send(w.compositor, 0, surface)
			c.send(w.wm, 2, xdg, surface)
			c.send(surface, 6)
			return xdg, 1
		}},
		{"own parent", func(c *raw, w *testWindow) (uint32, uint32) {
			sub, surface := c.bind("wl_subcompositor", 0), c.id()
			c.send(w.compositor, 0, surface)
			c.send(sub, 1, c.id(), surface, surface)
			return sub, 1
		}},
		{"circle of subsurfaces", func(c *raw, w *testWindow) (uint32, uint32) {
			sub, a, b := c.bind("wl_subcompositor", 0), c.id(), c.id()
			c.send(w.compositor, 0, a)
			c.send(w.compositor, 0, b)
			c.send(sub, 1, c.id(), a, b)
			c.send(sub, 1, c.id(), b, a)
			return sub, 1
		}},
		{"circle of windows", func(c *raw, w *testWindow) (uint32, uint32) {
			c.send(w.toplevel, 1, w.toplevel)
			return w.toplevel, 1
		}},
		{"popup without parent", func(c *raw, w *testWindow) (uint32, uint32) {
			pos, surface, xdg := c.id(), c.id(), c.id()
			c.send(w.wm, 1, pos)
			c.send(pos, 1, 10, 10)
			c.send(pos, 2, 0, 0, 1, 1)
			c.send(w.compositor, 0, surface)
			c.send(w.wm, 2, xdg, surface)
			c.send(xdg, 2, c.id(), 0, pos)
			return w.wm, 3
		}},
		{"popup without a place", func(c *raw, w *testWindow) (uint32, uint32) {
			pos, surface, xdg := c.id(), c.id(), c.id()
			c.send(w.wm, 1, pos)
			c.send(w.compositor, 0, surface)
			c.send(w.wm, 2, xdg, surface)
			c.send(xdg, 2, c.id(), w.xdg, pos)
			return w.wm, 5
		}},
		{"wm base before its surfaces", func(c *raw, w *testWindow) (uint32, uint32) {
			c.send(w.wm, 0)
			return w.wm, 1
		}},
		{"surface before its window", func(c *raw, w *testWindow) (uint32, uint32) {
			c.send(w.surface, 0)
			return w.surface, 4
		}},
		{"wrong scale", func(c *raw, w *testWindow) (uint32, uint32) {
			c.send(w.surface, 8, 0)
			return w.surface, 0
		}},
		{"wrong transform", func(c *raw, w *testWindow) (uint32, uint32) {
			c.send(w.surface, 7, 8)
			return w.surface, 1
		}},
		{"window geometry of no size", func(c *raw, w *testWindow) (uint32, uint32) {
			c.send(w.xdg, 3, 0, 0, 0, 10)
			return w.xdg, 5
		}},
		{"touch that is not there", func(c *raw, w *testWindow) (uint32, uint32) {
			seat := c.bind("wl_seat", 0)
			c.send(seat, 2, c.id())
			return seat, 0
		}},
	}
	for i, crime := range cases {
		t.Run(crime.name, func(t *testing.T) {
			c := s.dial()
			c.t = t
			w := c.open()
			w.fill(64, 64, 0xff00ff00, formatXRGB)
			w.show()
			if !c.roundtrip() {
				t.Fatal("disconnected before the crime")
			}
			object, code := crime.crime(c, w)
			f := c.dies()
			if f == nil || f.object != object || f.code != code {
				t.Errorf("got %v (%v), want error %d on object %d", f, c.ended, code, object)
			}
			colour := 0xff000000 + uint32(i) + 1
			paint(bystander.pix, colour)
			bystander.show()
			s.sink.until("the bystander goes on", func() bool { return s.sink.at(5, 5) == colour })
		})
	}
	if !good.roundtrip() {
		t.Error("the bystander was disconnected")
	}
}

func TestClientThatNeverReadsIsDisconnected(t *testing.T) {
	s := startSession(t, 64, 64)
	c := s.dial()
	seat, keyboard := c.bind("wl_seat", 0), c.id()
	c.send(seat, 1, keyboard)
	c.openFilled(0xff0000ff)
	c.must(keyboard, 1)
	for i := range 400_000 {
		s.input(display.Input{Kind: display.InputKey, Code: 30, Pressed: i%2 == 0})
		if i%10_000 == 0 && s.statistics().Clients == 0 {
			return
		}
	}
	t.Error("a client that never reads is still connected")
}

func TestManyObjectsEndTheClientOnly(t *testing.T) {
	s := startSession(t, 64, 64)
	good := s.dial()
	bystander := good.openFilled(0xff0000ff)
	c := s.dial()
	comp := c.bind("wl_compositor", 0)
	for range 100_000 {
		c.send(comp, 1, c.id()) // regions
	}
	c.dies()
	paint(bystander.pix, 0xff00ff00)
	bystander.show()
	s.sink.until("the bystander goes on", func() bool { return s.sink.at(5, 5) == 0xff00ff00 })
	for s.statistics().Clients != 1 {
		time.Sleep(time.Millisecond)
	}
}

func TestManySurfacesEndTheClient(t *testing.T) {
	s := startSession(t, 64, 64)
	c := s.dial()
	comp := c.bind("wl_compositor", 0)
	for range maxSurfaces + 1 {
		c.send(comp, 0, c.id())
	}
	if f := c.dies(); f == nil || f.object != 1 || f.code != 2 {
		t.Errorf("%v, want no_memory", f)
	}
}

func TestDestroyedSeatIsQuiet(t *testing.T) {
	s := startSession(t, 64, 64)
	c := s.dial()
	seat, keyboard, pointer := c.bind("wl_seat", 0), c.id(), c.id()
	c.send(seat, 1, keyboard)
	c.send(seat, 0, pointer)
	c.openFilled(0xff0000ff)
	c.must(keyboard, 1)
	c.send(keyboard, 0)
	c.send(pointer, 1)
	c.send(seat, 3)
	if !c.roundtrip() {
		t.Fatal("disconnected")
	}
	c.events = nil
	s.input(display.Input{Kind: display.InputKey, Code: 30, Pressed: true})
	s.input(display.Input{Kind: display.InputMotionAbsolute, X: 1, Y: 1, MaxX: 2, MaxY: 2})
	s.statistics()
	if !c.roundtrip() {
		t.Fatal("disconnected")
	}
	for _, e := range c.events {
		if e.object == keyboard || e.object == pointer {
			t.Errorf("event %d for a released object", e.opcode)
		}
	}
}

func TestHostGoneEndsTheDisplay(t *testing.T) {
	s := startSession(t, 64, 64)
	c := s.dial()
	_ = s.host.Close()
	select {
	case err := <-s.result:
		if err != ErrHostGone {
			t.Errorf("ended with %v", err)
		}
		s.result <- nil
	case <-time.After(patience):
		t.Fatal("the display goes on without its host")
	}
	c.dies()
}

// TestRandomRequests throws valid and half valid requests at a display: it
// must neither end nor stop to serve others.
func TestRandomRequests(t *testing.T) {
	s := startSession(t, 64, 64)
	good := s.dial()
	bystander := good.openFilled(0xff0000ff)
	round := uint32(0)
	rapid.Check(t, func(rt *rapid.T) {
		c := s.dial()
		defer c.conn.Close()
		w := c.open()
		w.fill(64, 64, 0xff00ff00, formatARGB)
		sub, viewporter := c.bind("wl_subcompositor", 0), c.bind("wp_viewporter", 0)
		surfaces, subs, views := []uint32{w.surface}, []uint32{}, []uint32{}
		num := rapid.OneOf(rapid.IntRange(-3, 70), rapid.Int())
		n := func() int { return int(int32(num.Draw(rt, "n"))) }
		for range rapid.IntRange(1, 60).Draw(rt, "requests") {
			target := rapid.SampledFrom(surfaces).Draw(rt, "surface")
			switch rapid.IntRange(0, 13).Draw(rt, "request") {
			case 0:
				surfaces = append(surfaces, c.id())
				c.send(w.compositor, 0, surfaces[len(surfaces)-1])
			case 1:
				subs = append(subs, c.id())
				c.send(sub, 1, subs[len(subs)-1], target, rapid.SampledFrom(surfaces).Draw(rt, "parent"))
			case 2, 3:
				c.send(target, 1, w.buffer, 0, 0)
			case 4:
				c.send(target, 2, n(), n(), n(), n())
			case 5:
				c.send(target, 9, n(), n(), n(), n())
			case 6, 7, 8:
				c.send(target, 6)
			case 9:
				c.send(target, 7, rapid.IntRange(0, 7).Draw(rt, "transform"))
			case 10:
				c.send(target, 8, rapid.IntRange(1, 4).Draw(rt, "scale"))
			case 11:
				views = append(views, c.id())
				c.send(viewporter, 1, views[len(views)-1], target)
			case 12:
				if len(views) > 0 {
					c.send(rapid.SampledFrom(views).Draw(rt, "view"), 2, rapid.IntRange(1, 200).Draw(rt, "w"), rapid.IntRange(1, 200).Draw(rt, "h"))
				}
			case 13:
				if len(subs) > 0 {
					c.send(rapid.SampledFrom(subs).Draw(rt, "sub"), 1, n(), n())
				}
			}
		}
		c.roundtrip() // it may well have been disconnected
		round++
		paint(bystander.pix, 0xff000000+round)
		bystander.show()
		if !good.roundtrip() {
			t.Fatal("the bystander was disconnected")
		}
	})
	if s.statistics().Clients == 0 {
		t.Error("the display lost its clients")
	}
}
