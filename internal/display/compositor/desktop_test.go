package compositor

import (
	"encoding/binary"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/kennel-stream/kennel/internal/display"
)

// TestWhatToolkitsLookFor names the globals without which some program of the
// documented ones falls back to less, or does not start.
func TestWhatToolkitsLookFor(t *testing.T) {
	c := startSession(t, 64, 64).dial()
	for _, name := range []string{
		"wl_compositor", "wl_subcompositor", "wl_shm", "wl_data_device_manager", "wl_output", "wl_seat", "xdg_wm_base",
		"zxdg_output_manager_v1", "wp_viewporter", "wp_presentation", "zxdg_decoration_manager_v1", "zwp_relative_pointer_manager_v1",
		"zwp_pointer_constraints_v1", "zwp_primary_selection_device_manager_v1", "zwp_text_input_manager_v3",
		"wp_fractional_scale_manager_v1", "wp_cursor_shape_manager_v1", "xdg_activation_v1",
	} {
		if _, ok := c.globals[name]; !ok {
			t.Errorf("%s is not offered", name)
		}
	}
}

func TestFullScreenIsForThoseWhoAsk(t *testing.T) {
	s := startSession(t, 64, 48)
	c := s.dial()
	w := c.openFilled(0xff0000ff)
	s.sink.until("window", func() bool { return s.sink.at(50, 40) == 0xff0000ff })
	c.must(w.toplevel, 0) // it is active now
	c.send(w.toplevel, 11, 0)
	const maximized, fullscreen, activated = 1, 2, 4
	states := func() (states []uint32) {
		e := c.must(w.toplevel, 0)
		if e.word(0) != 64 || e.word(1) != 48 {
			t.Errorf("configured to %v", e.body)
		}
		for i := range e.word(2) / 4 {
			states = append(states, e.word(3+int(i)))
		}
		return states
	}
	if got := states(); !slices.Equal(got, []uint32{maximized, fullscreen, activated}) {
		t.Errorf("asked for the full screen: states %v", got)
	}
	c.send(w.toplevel, 12)
	if got := states(); !slices.Equal(got, []uint32{maximized, activated}) {
		t.Errorf("asked for less: states %v", got)
	}
}

func TestConfinedPointerStaysOnItsSurface(t *testing.T) {
	s := startSession(t, 100, 100)
	c := s.dial()
	seat, constraints, pointer := c.bind("wl_seat", 0), c.bind("zwp_pointer_constraints_v1", 0), c.id()
	c.send(seat, 0, pointer)
	w := c.openFilled(0xff0000ff)
	child := w.second()
	c.send(child.toplevel, 1, w.toplevel)
	c.send(child.surface, 6)
	child.ack()
	child.fill(20, 10, 0xff00ff00, formatXRGB)
	child.show()
	s.sink.until("child", func() bool { return s.sink.at(40, 45) == 0xff00ff00 })
	s.input(moveTo(50, 50, 100, 100))
	if e := c.must(pointer, 0); e.word(1) != child.surface {
		t.Fatalf("the pointer is on object %d", e.word(1))
	}
	confined := c.id()
	c.send(constraints, 2, confined, child.surface, pointer, 0, 2)
	c.must(confined, 0)
	s.input(display.Input{Kind: display.InputMotionRelative, X: 40, Y: -30})
	if e := c.must(pointer, 2); e.word(1) != 19<<8 || e.word(2) != 0 {
		t.Errorf("moved to %d, %d", int32(e.word(1))>>8, int32(e.word(2))>>8)
	}
	c.send(confined, 0)
	if !c.roundtrip() {
		t.Fatal("disconnected")
	}
	s.input(display.Input{Kind: display.InputMotionRelative, X: 20})
	if e := c.must(pointer, 0); e.word(1) != w.surface {
		t.Errorf("set free, the pointer is on object %d", e.word(1))
	}
}

func TestPrimarySelectionGoesToTheNextWindow(t *testing.T) {
	s := startSession(t, 100, 100)
	device := func(c *raw) (manager, device uint32) {
		seat := c.bind("wl_seat", 0)
		manager, device = c.bind("zwp_primary_selection_device_manager_v1", 0), c.id()
		c.send(manager, 1, device, seat)
		return manager, device
	}
	from := s.dial()
	manager, fromDevice := device(from)
	from.openFilled(0xff0000ff)
	s.sink.until("window", func() bool { return s.sink.at(50, 50) == 0xff0000ff })
	source := from.id()
	from.send(manager, 0, source)
	from.send(source, 0, "text/plain")
	from.send(fromDevice, 0, source, 1)
	if !from.roundtrip() {
		t.Fatal("disconnected")
	}
	to := s.dial()
	_, toDevice := device(to)
	to.openFilled(0xff00ff00)
	offer := to.must(toDevice, 0).word(0)
	if e := to.must(offer, 0); !strings.HasPrefix(string(e.body[4:]), "text/plain\x00") {
		t.Errorf("offered %q", e.body)
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	to.send(offer, 0, "text/plain", file(w.Fd()))
	_ = w.Close()
	from.must(source, 0) // send
	if len(from.fds) != 1 {
		t.Fatalf("%d descriptors came", len(from.fds))
	}
	theirs := os.NewFile(uintptr(from.fds[0]), "pipe")
	from.fds = nil
	_, _ = theirs.WriteString("kennel")
	_ = theirs.Close()
	got := make([]byte, 6)
	if _, err := r.Read(got); err != nil || string(got) != "kennel" {
		t.Errorf("pasted %q, %v", got, err)
	}
}

func TestActivationRaisesWithAToken(t *testing.T) {
	s := startSession(t, 100, 100)
	low, high := s.dial(), s.dial()
	lowActivation, highActivation := low.bind("xdg_activation_v1", 0), high.bind("xdg_activation_v1", 0)
	w := low.openFilled(0xff0000ff)
	s.sink.until("window", func() bool { return s.sink.at(50, 50) == 0xff0000ff })
	high.openFilled(0xff00ff00)
	s.sink.until("another one above", func() bool { return s.sink.at(50, 50) == 0xff00ff00 })
	token := func(c *raw, activation uint32) string {
		id := c.id()
		c.send(activation, 1, id)
		c.send(id, 3)
		e := c.must(id, 0)
		return string(e.body[4 : 4+binary.NativeEndian.Uint32(e.body)-1])
	}
	// One of its own, without the keyboard, is worth nothing.
	low.send(lowActivation, 2, token(low, lowActivation), w.surface)
	if !low.roundtrip() {
		t.Fatal("disconnected")
	}
	s.statistics()
	if s.sink.at(50, 50) != 0xff00ff00 {
		t.Fatal("a window raised itself")
	}
	low.send(lowActivation, 2, token(high, highActivation), w.surface)
	s.sink.until("raised with a token", func() bool { return s.sink.at(50, 50) == 0xff0000ff })
}

func TestFractionalScaleIsOne(t *testing.T) {
	c := startSession(t, 64, 64).dial()
	manager := c.bind("wp_fractional_scale_manager_v1", 0)
	w := c.open()
	scale := c.id()
	c.send(manager, 1, scale, w.surface)
	if e := c.must(scale, 0); e.word(0) != 120 {
		t.Errorf("preferred scale %d/120", e.word(0))
	}
	c.send(manager, 1, c.id(), w.surface)
	if f := c.dies(); f == nil || f.object != manager || f.code != 0 {
		t.Errorf("a second one: %v", f)
	}
}

func TestTextInputGetsWhatNoKeyHas(t *testing.T) {
	s := startSession(t, 64, 64)
	c := s.dial()
	seat, manager, field := c.bind("wl_seat", 0), c.bind("zwp_text_input_manager_v3", 0), c.id()
	c.send(manager, 1, field, seat)
	w := c.openFilled(0xff0000ff)
	if e := c.must(field, 0); e.word(0) != w.surface {
		t.Errorf("entered object %d", e.word(0))
	}
	c.send(field, 1)
	c.send(field, 7)
	if !c.roundtrip() {
		t.Fatal("disconnected")
	}
	s.text("日本")
	if e := c.must(field, 3); !strings.HasPrefix(string(e.body[4:]), "日本\x00") {
		t.Errorf("text %q", e.body)
	}
	if e := c.must(field, 5); e.word(0) != 1 {
		t.Errorf("done %d, want the number of commits", e.word(0))
	}
}
