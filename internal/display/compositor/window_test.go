package compositor

import (
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kennel-stream/kennel/internal/display"
	"github.com/kennel-stream/kennel/internal/display/keymap"
)

func TestWindowIsConfiguredToTheOutputAndShown(t *testing.T) {
	s := startSession(t, 320, 200)
	c := s.dial()
	w := c.open()
	if w.width != 320 || w.height != 200 {
		t.Fatalf("configured to %dx%d", w.width, w.height)
	}
	c.send(w.toplevel, 3, "org.example.Game")
	c.send(w.toplevel, 2, "A title")
	w.fill(320, 200, 0xff123456, formatXRGB)
	w.show()
	if e := s.await(display.EventMapped); e.AppID != "org.example.Game" || e.Title != "A title" {
		t.Errorf("mapped %+v", e)
	}
	s.sink.until("the window", func() bool { return s.sink.at(0, 0) == 0xff123456 && s.sink.at(319, 199) == 0xff123456 })
	c.must(w.buffer, 0) // release
	c.send(w.toplevel, 2, "Another")
	if e := s.await(display.EventTitle); e.Title != "Another" {
		t.Errorf("title %+v", e)
	}
}

func TestDamageOnlyIsRead(t *testing.T) {
	s := startSession(t, 64, 64)
	w := s.dial().openFilled(0xff0000ff)
	s.sink.until("first", func() bool { return s.sink.at(63, 63) == 0xff0000ff })
	for i := range 6 { // the second and later ones take the direct way
		colour := 0xff00ff00 + uint32(i)
		paint(w.pix, colour)
		w.c.send(w.surface, 1, w.buffer, 0, 0)
		w.c.send(w.surface, 9, 8, 8, 4, 4)
		w.c.send(w.surface, 6)
		s.sink.until("damage", func() bool { return s.sink.at(8, 8) == colour && s.sink.at(11, 11) == colour })
		if s.sink.at(7, 8) != 0xff0000ff || s.sink.at(12, 11) != 0xff0000ff {
			t.Fatal("pixels outside of the damage changed")
		}
	}
	if s.statistics().Direct == 0 {
		t.Error("no picture was read straight into the output")
	}
}

func TestAttachNullUnmaps(t *testing.T) {
	s := startSession(t, 64, 64)
	c := s.dial()
	w := c.openFilled(0xff0000ff)
	s.sink.until("shown", func() bool { return s.sink.at(1, 1) == 0xff0000ff })
	c.send(w.surface, 1, 0, 0, 0)
	c.send(w.surface, 6)
	s.sink.until("gone", func() bool { return s.sink.at(1, 1) == 0xff000000 })
	// It may map again, beginning with an initial commit.
	c.send(w.surface, 6)
	w.ack() // an older one, that told the window to be active
	w.ack()
	w.show()
	s.sink.until("back", func() bool { return s.sink.at(1, 1) == 0xff0000ff })
}

func TestBufferDestroyedWhileAttached(t *testing.T) {
	s := startSession(t, 64, 64)
	c := s.dial()
	w := c.open()
	w.fill(64, 64, 0xff0000ff, formatXRGB)
	c.send(w.surface, 1, w.buffer, 0, 0)
	c.send(w.buffer, 0)
	c.send(w.pool, 1)
	c.send(w.surface, 6)
	s.sink.until("shown", func() bool { return s.sink.at(1, 1) == 0xff0000ff })
	if !c.roundtrip() {
		t.Error("the client was disconnected")
	}
}

func TestNewestWindowIsOnTopAndFocusReturns(t *testing.T) {
	s := startSession(t, 64, 64)
	a, b := s.dial(), s.dial()
	seat, keys := a.bind("wl_seat", 0), a.id()
	a.send(seat, 1, keys)
	wa := a.openFilled(0xff0000ff)
	a.must(keys, 1)
	wb := b.openFilled(0xff00ff00)
	s.sink.until("b on top", func() bool { return s.sink.at(1, 1) == 0xff00ff00 })
	a.must(keys, 2) // leave
	b.send(wb.toplevel, 0)
	b.send(wb.xdg, 0)
	b.send(wb.surface, 0)
	s.sink.until("a again", func() bool { return s.sink.at(1, 1) == 0xff0000ff })
	if e := a.must(keys, 1); e.word(1) != wa.surface {
		t.Errorf("focus came back to object %d", e.word(1))
	}
}

func TestFrameCallbacksComeAtTicks(t *testing.T) {
	clk := newFakeClock()
	s := startSessionClock(t, 64, 64, clk)
	c := s.dial()
	w := c.openFilled(0xff0000ff)
	s.sink.until("shown", func() bool { return s.sink.at(1, 1) == 0xff0000ff })
	cb := c.id()
	c.send(w.surface, 3, cb)
	c.send(w.surface, 6)
	// A surface without buffer gets its callback as well.
	bare, bareCB := c.id(), c.id()
	c.send(w.compositor, 0, bare)
	c.send(bare, 3, bareCB)
	c.send(bare, 6)
	if !c.roundtrip() {
		t.Fatal("disconnected")
	}
	for _, e := range c.events {
		if e.object == cb || e.object == bareCB {
			t.Fatal("frame callback before the tick")
		}
	}
	clk.advance(20 * time.Millisecond)
	c.must(cb, 0)
	c.must(bareCB, 0)
}

func TestScenesFollowTheRefreshClock(t *testing.T) {
	clk := newFakeClock()
	s := startSessionClock(t, 64, 64, clk)
	c := s.dial()
	w := c.openFilled(0xff000001)
	s.sink.until("at once", func() bool { return s.sink.at(1, 1) == 0xff000001 })
	for i := range uint32(5) {
		paint(w.pix, 0xff000002+i)
		w.show()
	}
	if !c.roundtrip() || s.sink.at(1, 1) != 0xff000001 {
		t.Fatal("a second scene in one refresh interval")
	}
	clk.advance(20 * time.Millisecond)
	s.sink.until("the newest at the tick", func() bool { return s.sink.at(1, 1) == 0xff000006 })
	if n := s.statistics().Scenes; n != 2 {
		t.Errorf("%d scenes, want 2", n)
	}
}

// TestLateClientCatchesUp: a client that follows its frame callbacks is shown
// at once again after a commit that came too late for its refresh interval.
func TestLateClientCatchesUp(t *testing.T) {
	const interval = 17 * time.Millisecond
	clk := newFakeClock()
	s := startSessionClock(t, 64, 64, clk)
	c := s.dial()
	w := c.openFilled(0xff000001)
	s.sink.until("at once", func() bool { return s.sink.at(1, 1) == 0xff000001 })
	commit := func(colour uint32) (callback uint32) {
		callback = c.id()
		paint(w.pix, colour)
		c.send(w.surface, 3, callback)
		w.show()
		if !c.roundtrip() {
			t.Fatal("disconnected")
		}
		return callback
	}
	late := commit(0xff000002)
	clk.advance(interval)
	s.sink.until("at the tick", func() bool { return s.sink.at(1, 1) == 0xff000002 })
	if !c.roundtrip() {
		t.Fatal("disconnected")
	}
	for _, e := range c.events {
		if e.object == late {
			t.Error("the callback came at the tick that showed the commit")
		}
	}
	for i := range uint32(3) {
		clk.advance(interval)
		c.must(late, 0)
		late = commit(0xff000003 + i)
		s.sink.until("at once again", func() bool { return s.sink.at(1, 1) == 0xff000003+i })
	}
}

// TestCursorDoesNotTakeTheCredit: while a client keeps the rate, the cursor is
// shown with its frames and never instead of them.
func TestCursorDoesNotTakeTheCredit(t *testing.T) {
	const interval = 17 * time.Millisecond
	clk := newFakeClock()
	s := startSessionClock(t, 64, 64, clk)
	c := s.dial()
	w := c.openFilled(0xff000001)
	s.sink.until("at once", func() bool { return s.sink.at(1, 1) == 0xff000001 })
	for i := range uint32(4) {
		s.input(moveTo(10+int(i), 10, 64, 64))
		clk.advance(interval)
		s.input(moveTo(20+int(i), 10, 64, 64))
		s.statistics()
		paint(w.pix, 0xff800000+i)
		w.show()
		s.sink.until("commit at once", func() bool { return s.sink.at(1, 1) == 0xff800000+i })
		if s.sink.at(20+int(i), 10) != 0xff000000 {
			t.Error("the commit is shown without the cursor")
		}
	}
	// The client rests: the cursor goes on alone.
	s.input(moveTo(40, 40, 64, 64))
	s.statistics()
	clk.advance(2 * interval)
	s.sink.until("cursor alone", func() bool { return s.sink.at(40, 40) == 0xff000000 })
}

func TestPresentationFeedback(t *testing.T) {
	clk := newFakeClock()
	s := startSessionClock(t, 64, 64, clk)
	c := s.dial()
	presentation := c.bind("wp_presentation", 0)
	w := c.open()
	w.fill(64, 64, 0xff0000ff, formatXRGB)
	old, newer := c.id(), c.id()
	c.send(presentation, 1, w.surface, old)
	w.show()
	c.send(presentation, 1, w.surface, newer)
	w.show()
	c.must(old, 2) // discarded
	clk.advance(20 * time.Millisecond)
	e := c.must(newer, 1)
	at := int64(e.word(0))<<32 | int64(e.word(1))
	if at != clk.Now()/int64(time.Second) || e.word(6) != 1 && e.word(5) != 1 {
		t.Errorf("presented at %d s, %v", at, e.body)
	}
}

func TestKeysAndPointerReachTheClient(t *testing.T) {
	s := startSession(t, 100, 100)
	c := s.dial()
	seat, keyboard, pointer := c.bind("wl_seat", 0), c.id(), c.id()
	c.send(seat, 1, keyboard)
	c.send(seat, 0, pointer)
	w := c.openFilled(0xff0000ff)
	checkKeymap(t, c, c.must(keyboard, 0))
	if e := c.must(keyboard, 1); e.word(1) != w.surface || e.word(2) != 0 {
		t.Errorf("enter %v", e.body)
	}
	s.input(display.Input{Kind: display.InputKey, Code: keymap.KeyLeftShift, Pressed: true})
	if e := c.must(keyboard, 3); e.word(2) != keymap.KeyLeftShift || e.word(3) != 1 {
		t.Errorf("key %v", e.body)
	}
	c.must(keyboard, 4) // at enter
	if e := c.must(keyboard, 4); e.word(1) != keymap.ModShift {
		t.Errorf("modifiers %v", e.body)
	}
	s.input(display.Input{Kind: display.InputMotionAbsolute, X: 25, Y: 75, MaxX: 100, MaxY: 100})
	if e := c.must(pointer, 0); e.word(1) != w.surface || e.word(2) != 25<<8 || e.word(3) != 75<<8 {
		t.Errorf("enter %v", e.body)
	}
	s.input(display.Input{Kind: display.InputMotionRelative, X: 5, Y: -5})
	if e := c.must(pointer, 2); e.word(1) != 30<<8 || e.word(2) != 70<<8 {
		t.Errorf("motion %v", e.body)
	}
	s.input(display.Input{Kind: display.InputButton, Code: 0x110, Pressed: true})
	if e := c.must(pointer, 3); e.word(2) != 0x110 || e.word(3) != 1 {
		t.Errorf("button %v", e.body)
	}
	s.input(display.Input{Kind: display.InputAxis, Y: 120})
	if e := c.must(pointer, 9); e.word(0) != 0 || e.word(1) != 120 {
		t.Errorf("value120 %v", e.body)
	}
	if e := c.must(pointer, 4); e.word(2) != wheelStep<<8 {
		t.Errorf("axis %v", e.body)
	}
	s.input(display.Input{Kind: display.InputReleaseAll})
	if e := c.must(keyboard, 3); e.word(2) != keymap.KeyLeftShift || e.word(3) != 0 {
		t.Errorf("release %v", e.body)
	}
	if e := c.must(pointer, 3); e.word(3) != 0 {
		t.Errorf("release %v", e.body)
	}
}

func checkKeymap(t *testing.T, c *raw, e rawEvent) {
	t.Helper()
	size := int(e.word(1))
	if e.word(0) != 1 || len(c.fds) == 0 {
		t.Fatalf("keymap event %v with %d files", e.body, len(c.fds))
	}
	for _, how := range []int{unix.MAP_SHARED, unix.MAP_PRIVATE} {
		text, err := unix.Mmap(c.fds[0], 0, size, unix.PROT_READ, how)
		if err != nil {
			t.Fatalf("map keymap: %v", err)
		}
		if string(text) != keymap.Text(nil)+"\x00" {
			t.Error("keymap is not the text with a final NUL")
		}
		_ = unix.Munmap(text)
	}
	if _, err := unix.Pwrite(c.fds[0], []byte("x"), 0); err == nil {
		t.Error("a client can change the keymap of others")
	}
}

func TestCursorIsComposed(t *testing.T) {
	s := startSession(t, 100, 100)
	c := s.dial()
	seat, pointer := c.bind("wl_seat", 0), c.id()
	c.send(seat, 0, pointer)
	w := c.openFilled(0xff0000ff)
	s.sink.until("window", func() bool { return s.sink.at(50, 50) == 0xff0000ff })
	s.input(display.Input{Kind: display.InputMotionAbsolute, X: 50, Y: 50, MaxX: 100, MaxY: 100})
	s.sink.until("arrow", func() bool { return s.sink.at(50, 50) == 0xff000000 && s.sink.at(51, 53) == 0xffffffff })
	if !s.await(display.EventCursor).Visible {
		t.Error("the host hears of no cursor")
	}
	serial := c.must(pointer, 0).word(0)
	picture := &testWindow{c: c, shm: w.shm, surface: c.id()}
	c.send(w.compositor, 0, picture.surface)
	picture.fill(4, 4, 0x80008000, formatARGB) // half transparent green, premultiplied
	picture.show()
	c.send(pointer, 0, serial, picture.surface, 2, 2)
	s.sink.until("own cursor", func() bool { p := s.sink.at(48, 48); return p>>8&0xff == 0x80 && p&0xff > 0x70 && p&0xff < 0x90 })
	if s.sink.at(52, 52) != 0xff0000ff {
		t.Error("the hotspot is wrong, or the arrow is left")
	}
	c.send(pointer, 0, serial, 0, 0, 0)
	s.sink.until("hidden", func() bool { return s.sink.at(50, 50) == 0xff0000ff })
	if s.await(display.EventCursor).Visible {
		t.Error("the host still sees a cursor")
	}
}

func TestSubsurfacesWaitForTheirParent(t *testing.T) {
	s := startSession(t, 64, 64)
	c := s.dial()
	sub := c.bind("wl_subcompositor", 0)
	w := c.openFilled(0xff0000ff)
	child := &testWindow{c: c, shm: w.shm, surface: c.id()}
	role := c.id()
	c.send(w.compositor, 0, child.surface)
	c.send(sub, 1, role, child.surface, w.surface)
	c.send(role, 1, 10, 10)
	child.fill(8, 8, 0xff00ff00, formatXRGB)
	child.show()
	if !c.roundtrip() || s.sink.at(12, 12) == 0xff00ff00 {
		t.Fatal("a synchronised subsurface is shown before its parent's commit")
	}
	c.send(w.surface, 6)
	s.sink.until("child", func() bool { return s.sink.at(10, 10) == 0xff00ff00 && s.sink.at(17, 17) == 0xff00ff00 })
	if s.sink.at(18, 18) != 0xff0000ff || s.sink.at(9, 9) != 0xff0000ff {
		t.Error("the subsurface is at the wrong place")
	}
	c.send(role, 5) // desync
	paint(child.pix, 0xffff0000)
	child.show()
	s.sink.until("desynchronised", func() bool { return s.sink.at(10, 10) == 0xffff0000 })
	c.send(role, 3, w.surface) // below its parent
	c.send(w.surface, 6)
	s.sink.until("hidden below", func() bool { return s.sink.at(10, 10) == 0xff0000ff })
}

func TestViewportScales(t *testing.T) {
	s := startSession(t, 64, 64)
	c := s.dial()
	viewporter := c.bind("wp_viewporter", 0)
	w := c.open()
	view := c.id()
	c.send(viewporter, 1, view, w.surface)
	w.fill(4, 4, 0xff112233, formatXRGB)
	c.send(view, 2, 64, 64)
	w.show()
	s.sink.until("scaled", func() bool { return s.sink.at(0, 0) == 0xff112233 && s.sink.at(63, 63) == 0xff112233 })
	c.send(view, 1, 0, 0, 8<<8, 8<<8) // outside of the buffer
	w.show()
	if f := c.dies(); f == nil || f.object != view || f.code != 2 {
		t.Errorf("source outside of the buffer: %v", f)
	}
}

func TestPopupIsPlacedGrabsAndIsDismissed(t *testing.T) {
	s := startSession(t, 100, 100)
	c := s.dial()
	seat, keyboard := c.bind("wl_seat", 0), c.id()
	c.send(seat, 1, keyboard)
	w := c.openFilled(0xff0000ff)
	c.must(keyboard, 1)
	pos := c.id()
	c.send(w.wm, 1, pos)
	c.send(pos, 1, 20, 10)
	c.send(pos, 2, 90, 90, 5, 5)
	c.send(pos, 3, edgeBottomLeft)
	c.send(pos, 4, edgeBottomRight)
	c.send(pos, 5, slideX|flipY)
	p := &testWindow{c: c, shm: w.shm, surface: c.id(), xdg: c.id()}
	c.send(w.compositor, 0, p.surface)
	c.send(w.wm, 2, p.xdg, p.surface)
	popup := c.id()
	c.send(p.xdg, 2, popup, w.xdg, pos)
	c.send(popup, 1, seat, 1)
	c.send(p.surface, 6)
	if e := c.must(popup, 0); e.word(0) != 80 || e.word(1) != 80 || e.word(2) != 20 || e.word(3) != 10 {
		t.Errorf("configured to %v", e.body)
	}
	c.send(p.xdg, 4, c.must(p.xdg, 0).word(0))
	p.fill(20, 10, 0xff00ff00, formatXRGB)
	p.show()
	s.sink.until("popup", func() bool { return s.sink.at(80, 80) == 0xff00ff00 && s.sink.at(99, 89) == 0xff00ff00 })
	if e := c.must(keyboard, 1); e.word(1) != p.surface {
		t.Errorf("the keyboard is on object %d", e.word(1))
	}
	// A press beside all surfaces of the client: there is none, so another
	// client's window takes the place.
	other := s.dial()
	other.openFilled(0xffff0000)
	s.sink.until("other window", func() bool { return s.sink.at(5, 5) == 0xffff0000 })
	s.input(display.Input{Kind: display.InputMotionAbsolute, X: 5, Y: 5, MaxX: 100, MaxY: 100})
	s.input(display.Input{Kind: display.InputButton, Code: 0x110, Pressed: true})
	c.must(popup, 1) // popup_done
	s.input(display.Input{Kind: display.InputButton, Code: 0x110})
}

func TestResizeReconfiguresEverything(t *testing.T) {
	s := startSession(t, 64, 64)
	c := s.dial()
	out := c.bind("wl_output", 0)
	w := c.openFilled(0xff0000ff)
	s.sink.until("shown", func() bool { return s.sink.at(63, 63) == 0xff0000ff })
	c.must(out, 1)
	if err := s.host.SendJSON(patience, display.MessageResize, display.Size{Width: 96, Height: 48}); err != nil {
		t.Fatal(err)
	}
	if e := c.must(out, 1); e.word(1) != 96 || e.word(2) != 48 {
		t.Errorf("mode %v", e.body)
	}
	for w.ack(); w.width != 96; w.ack() {
	}
	if w.height != 48 {
		t.Errorf("configured to %dx%d", w.width, w.height)
	}
	s.sink.until("new size", func() bool { return s.sink.width() == 96 && s.sink.at(40, 40) == 0xff0000ff })
	w.fill(96, 48, 0xff00ff00, formatXRGB)
	w.show()
	s.sink.until("new picture", func() bool { return s.sink.at(95, 47) == 0xff00ff00 })
}

func TestSelectionTravelsBetweenClients(t *testing.T) {
	s := startSession(t, 64, 64)
	a, b := s.dial(), s.dial()
	managerA, managerB := a.bind("wl_data_device_manager", 0), b.bind("wl_data_device_manager", 0)
	seatA, seatB := a.bind("wl_seat", 0), b.bind("wl_seat", 0)
	devA, devB := a.id(), b.id()
	a.send(managerA, 1, devA, seatA)
	b.send(managerB, 1, devB, seatB)
	a.openFilled(0xff0000ff)
	s.sink.until("a", func() bool { return s.sink.at(1, 1) == 0xff0000ff })
	source := a.id()
	a.send(managerA, 0, source)
	a.send(source, 0, "text/plain")
	a.send(devA, 1, source, 1)
	if !a.roundtrip() {
		t.Fatal("disconnected")
	}
	b.openFilled(0xff00ff00)
	offer := b.must(devB, 0).word(0)
	if e := b.must(offer, 0); string(e.body[4:14]) != "text/plain" {
		t.Errorf("offer %q", e.body)
	}
	if e := b.must(devB, 5); e.word(0) != offer || offer < 0xff000000 {
		t.Errorf("selection %#x, offer %#x", e.word(0), offer)
	}
	var pipe [2]int
	if err := unix.Pipe2(pipe[:], unix.O_CLOEXEC); err != nil {
		t.Fatal(err)
	}
	defer unix.Close(pipe[0])
	b.send(offer, 1, "text/plain", file(pipe[1]))
	_ = unix.Close(pipe[1])
	a.must(source, 1)
	if len(a.fds) == 0 {
		t.Fatal("the descriptor did not come")
	}
	if _, err := unix.Write(a.fds[0], []byte("hello")); err != nil {
		t.Fatal(err)
	}
	_ = unix.Close(a.fds[0])
	a.fds = a.fds[1:]
	buf := make([]byte, 16)
	if n, err := unix.Read(pipe[0], buf); err != nil || string(buf[:n]) != "hello" {
		t.Errorf("read %q, %v", buf[:n], err)
	}
	if n, _ := unix.Read(pipe[0], buf); n != 0 {
		t.Error("the display keeps a copy of the descriptor")
	}
}

func TestLockedPointerStaysAndMovesRelatively(t *testing.T) {
	s := startSession(t, 100, 100)
	c := s.dial()
	seat, manager, constraints := c.bind("wl_seat", 0), c.bind("zwp_relative_pointer_manager_v1", 0), c.bind("zwp_pointer_constraints_v1", 0)
	pointer, relative := c.id(), c.id()
	c.send(seat, 0, pointer)
	c.send(manager, 1, relative, pointer)
	w := c.openFilled(0xff0000ff)
	s.sink.until("window", func() bool { return s.sink.at(50, 50) == 0xff0000ff })
	s.input(display.Input{Kind: display.InputMotionAbsolute, X: 50, Y: 50, MaxX: 100, MaxY: 100})
	c.must(pointer, 0)
	lock := c.id()
	c.send(constraints, 1, lock, w.surface, pointer, 0, 2)
	c.must(lock, 0)
	c.events = nil
	s.input(display.Input{Kind: display.InputMotionRelative, X: 7, Y: -3})
	e := c.must(relative, 0)
	if e.word(2) != 7<<8 || int32(e.word(3)) != -3<<8 {
		t.Errorf("relative %v", e.body)
	}
	if !c.roundtrip() {
		t.Fatal("disconnected")
	}
	for _, e := range c.events {
		if e.object == pointer && e.opcode == 2 {
			t.Error("a locked pointer moved")
		}
	}
	s.sink.until("no cursor", func() bool { return s.sink.at(50, 50) == 0xff0000ff })
}
