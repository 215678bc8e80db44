package compositor

import (
	"testing"

	"github.com/kennel-stream/kennel/internal/display"
)

func TestChooseAction(t *testing.T) {
	const copying, moving, asking = 1, 2, 4
	cases := []struct{ source, target, preferred, want uint32 }{
		{copying | moving, copying | moving, moving, moving},
		{copying | moving, copying | moving, asking, copying},
		{copying, moving, moving, 0},
		{copying | asking, asking, 0, asking},
		{0, copying, copying, 0},
	}
	for _, c := range cases {
		if got := chooseAction(c.source, c.target, c.preferred); got != c.want {
			t.Errorf("source %d, target %d, preferred %d: %d, want %d", c.source, c.target, c.preferred, got, c.want)
		}
	}
}

// dragger is a client with a data device and a pointer.
type dragger struct {
	*raw
	window                         *testWindow
	seat, pointer, manager, device uint32
}

func newDragger(s *session, colour uint32) *dragger {
	c := s.dial()
	d := &dragger{raw: c, seat: c.bind("wl_seat", 0), manager: c.bind("wl_data_device_manager", 0)}
	d.pointer, d.device = c.id(), c.id()
	c.send(d.seat, 0, d.pointer)
	c.send(d.manager, 1, d.device, d.seat)
	d.window = c.openFilled(colour)
	s.sink.until("window", func() bool { return s.sink.at(90, 90) == colour })
	return d
}

// start begins a drag of text from the window, which a button holds.
func (d *dragger) start(s *session) (source uint32) {
	s.input(moveTo(10, 10, 100, 100))
	d.must(d.pointer, 0)
	s.input(display.Input{Kind: display.InputButton, Code: 0x110, Pressed: true})
	serial := d.must(d.pointer, 3).word(0)
	source = d.id()
	d.send(d.manager, 0, source)
	d.send(source, 0, "text/plain")
	d.send(source, 2, 1)
	d.send(d.device, 0, source, d.window.surface, 0, serial)
	return source
}

func TestDragIsDroppedAndFinished(t *testing.T) {
	s := startSession(t, 100, 100)
	d := newDragger(s, 0xff0000ff)
	source := d.start(s)
	d.must(d.pointer, 1) // leave: the drag has the pointer
	offer := d.must(d.device, 0).word(0)
	if e := d.must(d.device, 1); e.word(1) != d.window.surface || e.word(2) != 10<<8 || e.word(4) != offer {
		t.Errorf("enter %v", e.body)
	}
	s.input(moveTo(20, 30, 100, 100))
	if e := d.must(d.device, 3); e.word(1) != 20<<8 || e.word(2) != 30<<8 {
		t.Errorf("motion %v", e.body)
	}
	d.send(offer, 0, 1, "text/plain")
	d.send(offer, 4, 1, 1)
	if e := d.must(source, 5); e.word(0) != 1 {
		t.Errorf("action %v", e.body)
	}
	d.must(source, 0) // target
	s.input(display.Input{Kind: display.InputButton, Code: 0x110})
	d.must(d.device, 4) // drop
	d.must(source, 3)   // dnd_drop_performed
	d.send(offer, 3)
	d.must(source, 4) // dnd_finished
	s.input(moveTo(21, 31, 100, 100))
	d.must(d.pointer, 0) // the pointer is back
}

func TestDragWithoutTakerIsCancelled(t *testing.T) {
	s := startSession(t, 100, 100)
	d := newDragger(s, 0xff0000ff)
	source := d.start(s)
	d.must(d.device, 1)
	s.input(display.Input{Kind: display.InputButton, Code: 0x110})
	d.must(source, 2)
	d.must(d.device, 2) // leave
}

func TestDragBetweenClientsAndItsEndWithItsClient(t *testing.T) {
	s := startSession(t, 100, 100)
	below := newDragger(s, 0xff00ff00)
	d := newDragger(s, 0xff0000ff)
	source := d.start(s)
	d.must(d.device, 1)
	// The window goes away under the drag: the one below is entered.
	d.send(d.window.surface, 1, 0, 0, 0)
	d.send(d.window.surface, 6)
	s.sink.until("the window below", func() bool { return s.sink.at(90, 90) == 0xff00ff00 })
	s.input(moveTo(40, 40, 100, 100))
	offer := below.must(below.device, 0).word(0)
	below.must(below.device, 1)
	below.send(offer, 0, 1, "text/plain")
	d.must(source, 0)
	_ = d.conn.Close()
	below.must(below.device, 2) // leave
	s.input(display.Input{Kind: display.InputButton, Code: 0x110})
	s.input(moveTo(41, 41, 100, 100))
	below.must(below.pointer, 0)
}

func TestOnlyTheFocusedClientSetsTheSelection(t *testing.T) {
	s := startSession(t, 100, 100)
	d := newDragger(s, 0xff0000ff)
	top := newDragger(s, 0xff00ff00)
	source := d.id()
	d.send(d.manager, 0, source)
	d.send(source, 0, "text/plain")
	d.send(d.device, 1, source, 1)
	d.must(source, 2) // cancelled
	if !top.roundtrip() {
		t.Fatal("disconnected")
	}
	for _, e := range top.events {
		if e.object == top.device && e.opcode == 0 {
			t.Error("a client in the background set the selection")
		}
	}
}
