package compositor

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/kennel-stream/kennel/internal/display"
)

// TestBrokenClientsAreDisconnectedAlone lets one client after the other do
// what is forbidden: it must get the error, and a bystander go on.
func TestBrokenClientsAreDisconnectedAlone(t *testing.T) {
	s := startSession(t, 64, 64)
	good := s.dial()
	bystander := good.openFilled(0xff0000ff)
	for i, crime := range crimes {
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
	s.await(display.EventClientGone)
	if n := s.statistics().Clients; n != 1 {
		t.Errorf("%d clients are left, want the bystander", n)
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
