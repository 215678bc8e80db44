package compositor

import (
	"testing"
	"time"

	"github.com/kennel-stream/kennel/internal/display"
	"github.com/kennel-stream/kennel/internal/display/keymap"
)

// second makes another toplevel of the same client.
func (w *testWindow) second() *testWindow {
	c := w.c
	n := &testWindow{c: c, compositor: w.compositor, shm: w.shm, wm: w.wm, surface: c.id(), xdg: c.id(), toplevel: c.id()}
	c.send(w.compositor, 0, n.surface)
	c.send(w.wm, 2, n.xdg, n.surface)
	c.send(n.xdg, 1, n.toplevel)
	return n
}

func TestChildWindowFloatsCentredAndGoesWithAClick(t *testing.T) {
	s := startSession(t, 100, 100)
	c := s.dial()
	w := c.openFilled(0xff0000ff)
	child := w.second()
	c.send(child.toplevel, 1, w.toplevel)
	c.send(child.surface, 6)
	child.ack()
	if child.width != 0 || child.height != 0 {
		t.Errorf("a child is told to be %dx%d", child.width, child.height)
	}
	child.fill(20, 10, 0xff00ff00, formatXRGB)
	child.show()
	s.sink.until("child", func() bool { return s.sink.at(40, 45) == 0xff00ff00 && s.sink.at(59, 54) == 0xff00ff00 })
	if s.sink.at(39, 45) != 0xff0000ff || s.sink.at(60, 54) != 0xff0000ff {
		t.Error("the child is not centred")
	}
	// A click on the parent raises it with its children.
	s.input(moveTo(5, 5, 100, 100))
	s.input(display.Input{Kind: display.InputButton, Code: 0x110, Pressed: true})
	s.input(display.Input{Kind: display.InputButton, Code: 0x110})
	s.statistics()
	if s.sink.at(40, 45) != 0xff00ff00 {
		t.Error("the parent hides its child")
	}
	// Without its parent a window fills the output.
	c.send(child.toplevel, 1, 0)
	for child.ack(); child.width != 100; child.ack() {
	}
}

func TestWindowGeometryIsPlacedNotTheShadow(t *testing.T) {
	s := startSession(t, 100, 100)
	c := s.dial()
	w := c.open()
	c.send(w.xdg, 3, 10, 10, 100, 100)
	w.fill(120, 120, 0xff0000ff, formatXRGB)
	for y := range 120 {
		for x := range 120 {
			if x < 10 || y < 10 || x >= 110 || y >= 110 {
				paint(w.pix[4*(120*y+x):4*(120*y+x)+4], 0xffff0000)
			}
		}
	}
	w.show()
	s.sink.until("window", func() bool { return s.sink.at(0, 0) == 0xff0000ff && s.sink.at(99, 99) == 0xff0000ff })
}

func TestTransparentWindowIsBlended(t *testing.T) {
	s := startSession(t, 64, 64)
	c := s.dial()
	c.openFilled(0xff0000ff)
	top := s.dial()
	w := top.open()
	w.fill(64, 64, 0x80800000, formatARGB)
	w.show()
	s.sink.until("blended", func() bool { return s.sink.at(5, 5) == 0xff80007f })
	region := top.id()
	top.send(w.compositor, 1, region)
	top.send(region, 1, 0, 0, 64, 64)
	top.send(w.surface, 4, region)
	w.show()
	s.sink.until("declared opaque", func() bool { return s.sink.at(5, 5) == 0xff800000 })
}

func TestInputRegionLetsThePointerThrough(t *testing.T) {
	s := startSession(t, 100, 100)
	below, top := newDragger(s, 0xff0000ff), newDragger(s, 0xff00ff00)
	region := top.id()
	top.send(top.window.compositor, 1, region)
	top.send(region, 1, 0, 0, 50, 100)
	top.send(top.window.surface, 5, region)
	top.send(top.window.surface, 6)
	if !top.roundtrip() {
		t.Fatal("disconnected")
	}
	s.input(moveTo(20, 20, 100, 100))
	top.must(top.pointer, 0)
	s.input(moveTo(80, 20, 100, 100))
	top.must(top.pointer, 1)
	if e := below.must(below.pointer, 0); e.word(1) != below.window.surface {
		t.Errorf("enter %v", e.body)
	}
}

func TestHeldButtonKeepsThePointer(t *testing.T) {
	s := startSession(t, 100, 100)
	newDragger(s, 0xff0000ff)
	top := newDragger(s, 0xff00ff00)
	region := top.id()
	top.send(top.window.compositor, 1, region)
	top.send(region, 1, 0, 0, 50, 100)
	top.send(top.window.surface, 5, region)
	top.send(top.window.surface, 6)
	if !top.roundtrip() {
		t.Fatal("disconnected")
	}
	s.input(moveTo(20, 20, 100, 100))
	s.input(display.Input{Kind: display.InputButton, Code: 0x110, Pressed: true})
	s.input(moveTo(80, 20, 100, 100))
	if e := top.must(top.pointer, 2); e.word(1) != 80<<8 {
		t.Errorf("motion %v", e.body)
	}
	s.input(display.Input{Kind: display.InputButton, Code: 0x110})
	top.must(top.pointer, 1) // only now it leaves
}

func TestSilentClientIsReported(t *testing.T) {
	clk := newFakeClock()
	s := startSessionClock(t, 64, 64, clk)
	c := s.dial()
	w := c.openFilled(0xff0000ff)
	s.await(display.EventMapped)
	clk.advance(pingInterval)
	serial := c.must(w.wm, 0).word(0)
	s.statistics()
	clk.advance(pingInterval)
	s.await(display.EventUnresponsive)
	c.send(w.wm, 3, serial)
	s.await(display.EventResponsive)
	clk.advance(pingInterval)
	c.must(w.wm, 0)
}

func TestServerSideDecorationIsClaimed(t *testing.T) {
	s := startSession(t, 64, 64)
	c := s.dial()
	manager := c.bind("zxdg_decoration_manager_v1", 0)
	w := c.open()
	deco := c.id()
	c.send(manager, 1, deco, w.toplevel)
	if e := c.must(deco, 0); e.word(0) != 2 {
		t.Errorf("mode %d", e.word(0))
	}
	c.send(deco, 1, 1)
	if e := c.must(deco, 0); e.word(0) != 2 {
		t.Errorf("mode %d after the client asked for its own", e.word(0))
	}
}

func TestLogicalOutput(t *testing.T) {
	s := startSession(t, 64, 48)
	c := s.dial()
	out, manager := c.bind("wl_output", 0), c.bind("zxdg_output_manager_v1", 0)
	logical := c.id()
	c.send(manager, 1, logical, out)
	if e := c.must(logical, 1); e.word(0) != 64 || e.word(1) != 48 {
		t.Errorf("logical size %v", e.body)
	}
}

func TestPopupIsRepositionedAndOrdered(t *testing.T) {
	s := startSession(t, 100, 100)
	c := s.dial()
	w := c.openFilled(0xff0000ff)
	pos := c.id()
	c.send(w.wm, 1, pos)
	c.send(pos, 1, 20, 10)
	c.send(pos, 2, 10, 10, 5, 5)
	p := &testWindow{c: c, surface: c.id(), xdg: c.id()}
	c.send(w.compositor, 0, p.surface)
	c.send(w.wm, 2, p.xdg, p.surface)
	popup := c.id()
	c.send(p.xdg, 2, popup, w.xdg, pos)
	c.send(p.surface, 6)
	c.must(popup, 0)
	c.send(p.xdg, 4, c.must(p.xdg, 0).word(0))
	c.send(pos, 2, 50, 50, 0, 0)
	c.send(popup, 2, pos, 77)
	if e := c.must(popup, 2); e.word(0) != 77 {
		t.Errorf("token %d", e.word(0))
	}
	if e := c.must(popup, 0); e.word(0) != 40 || e.word(1) != 45 {
		t.Errorf("repositioned to %v", e.body)
	}
	// A popup on the popup: the lower one may not go first.
	q := &testWindow{c: c, surface: c.id(), xdg: c.id()}
	c.send(w.compositor, 0, q.surface)
	c.send(w.wm, 2, q.xdg, q.surface)
	c.send(q.xdg, 2, c.id(), p.xdg, pos)
	c.send(popup, 0)
	if f := c.dies(); f == nil || f.object != w.wm || f.code != 2 {
		t.Errorf("%v, want not_the_topmost_popup", f)
	}
}

func TestTextBatches(t *testing.T) {
	extra, n := batch([]rune("abc€é€"))
	if string(extra) != "€é" || n != 6 {
		t.Errorf("%q, %d", string(extra), n)
	}
	many := []rune("αβγδεζηθικλμνξ")
	if extra, n = batch(many); len(extra) != keymap.MaxExtra || n != keymap.MaxExtra {
		t.Errorf("%d extra, %d runes", len(extra), n)
	}
	if extra, n = batch([]rune("a\x01\x02")); len(extra) != 0 || n != 3 {
		t.Errorf("control characters: %d extra, %d runes", len(extra), n)
	}
}

// TestTextUnderCapsLock types what was asked for, whatever is locked or held.
func TestTextUnderCapsLock(t *testing.T) {
	s := startSession(t, 64, 64)
	c := s.dial()
	seat, keyboard := c.bind("wl_seat", 0), c.id()
	c.send(seat, 1, keyboard)
	c.openFilled(0xff0000ff)
	c.must(keyboard, 1)
	for _, in := range []display.Input{
		{Kind: display.InputKey, Code: keymap.KeyCapsLock, Pressed: true},
		{Kind: display.InputKey, Code: keymap.KeyCapsLock},
		{Kind: display.InputKey, Code: keymap.KeyLeftCtrl, Pressed: true},
		{Kind: display.InputText, Text: "a"},
	} {
		s.input(in)
	}
	var shifted bool
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		e := c.must(keyboard, 3)
		if e.word(2) == keymap.KeyLeftShift && e.word(3) == 1 {
			shifted = true
		}
		if e.word(2) == 30 {
			break
		}
	}
	if !shifted {
		t.Error("a small letter under caps lock needs shift")
	}
}
