package demo

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"github.com/kennel-stream/kennel/internal/barcode"
	"github.com/kennel-stream/kennel/wayland/client"
	wlserver "github.com/kennel-stream/kennel/wayland/protocol/server"
	"github.com/kennel-stream/kennel/wayland/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// start runs the app on a desktop; the channel gets its error.
func start(t testing.TB, d *desktop) <-chan error {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	result, ended := make(chan error, 1), make(chan struct{})
	go func() {
		defer close(ended)
		result <- Run(ctx, Options{Display: d.path})
	}()
	t.Cleanup(func() {
		cancel()
		<-ended
	})
	return result
}

func wait(t testing.TB, result <-chan error) error {
	t.Helper()
	select {
	case err := <-result:
		return err
	case <-time.After(patience):
		t.Fatal("the app runs on")
		return nil
	}
}

// TestFramesFollowTheCompositor: one picture for each frame callback, none
// without, and nothing on the screen that the damage has missed.
func TestFramesFollowTheCompositor(t *testing.T) {
	t.Setenv("KENNEL_SESSION", "s-17")
	d := newDesktop(t, 640, 360)
	start(t, d)
	last := d.next()
	if last.Frame != 1 || last.width != 640 || last.height != 360 || last.Width != 640 || last.Height != 360 {
		t.Errorf("first picture = %+v", last)
	}
	if want := barcode.SessionTag("s-17"); last.SessionTag != want {
		t.Errorf("session tag = %#x, want %#x", last.SessionTag, want)
	}
	buffers := map[uint32]bool{}
	for range 30 {
		p := d.tick()
		if p.Frame != last.Frame+1 || p.MonotonicNanos <= last.MonotonicNanos {
			t.Fatalf("picture %+v after %+v", p, last)
		}
		buffers[p.buffer] = true
		last = p
	}
	if len(buffers) > maxBuffers {
		t.Errorf("%d buffers are in use, want at most %d", len(buffers), maxBuffers)
	}
	d.ping(t)
	if len(d.pics) != 0 {
		t.Error("a picture came that nobody asked for")
	}
}

func TestSizesAreFollowed(t *testing.T) {
	d := newDesktop(t, 640, 360)
	start(t, d)
	d.next()
	for _, size := range [][2]int32{{1280, 720}, {801, 601}, {1920, 1080}, {640, 360}, {640, 360}} {
		d.on(func() {
			d.width, d.height = size[0], size[1]
			d.configure()
		})
		p := d.next()
		if p.width != int(size[0]) || p.height != int(size[1]) {
			t.Fatalf("picture of %dx%d, want %v", p.width, p.height, size)
		}
		d.tick()
		d.tick()
	}
	d.on(func() {
		d.width, d.height = 0, 0 // the app's own choice
		d.configure()
	})
	if p := d.next(); p.width != 1280 || p.height != 720 {
		t.Errorf("picture of %dx%d, want 1280x720", p.width, p.height)
	}
}

// TestTinyWindow: too small for the barcode, and then for anything.
func TestTinyWindow(t *testing.T) {
	d := newDesktop(t, 20, 10)
	start(t, d)
	for _, size := range [][2]int32{{20, 10}, {1, 1}} {
		d.on(func() {
			d.width, d.height = size[0], size[1]
			d.configure()
		})
		for {
			select {
			case p := <-d.pics:
				if p.width == int(size[0]) && p.height == int(size[1]) && p.stale == 0 {
					break
				}
				continue
			case <-time.After(patience):
				t.Fatalf("no picture of %v", size)
			}
			break
		}
	}
}

func TestInputIsEchoed(t *testing.T) {
	d := newDesktop(t, 640, 360)
	start(t, d)
	d.next()
	d.on(func() {
		serial := d.display.NextSerial
		d.keyboard.SendEnter(serial(), d.surface, nil)
		for range 20 {
			d.keyboard.SendKey(serial(), 1, 30, wlserver.WlKeyboardKeyStatePressed)
			d.keyboard.SendKey(serial(), 2, 30, wlserver.WlKeyboardKeyStateReleased)
		}
		d.keyboard.SendKey(serial(), 3, 42, wlserver.WlKeyboardKeyStatePressed)
		d.keyboard.SendModifiers(serial(), 5, 0, 0, 0)
		d.pointer.SendEnter(serial(), d.surface, wire.FixedFromInt(3), wire.FixedFromInt(4))
		d.pointer.SendMotion(4, wire.FixedFromFloat(100.5), wire.FixedFromInt(-7))
		d.pointer.SendButton(serial(), 5, buttonRight, wlserver.WlPointerButtonStatePressed)
		d.pointer.SendButton(serial(), 6, buttonRight, wlserver.WlPointerButtonStateReleased)
		d.pointer.SendAxis(7, wlserver.WlPointerAxisVerticalScroll, wire.FixedFromInt(-15))
	})
	got := d.until("the input", func(p picture) bool { return p.Axes == 1 }).Reading
	want := barcode.Reading{
		KeysDown: 21, KeysUp: 20, LastKey: 42, Modifiers: 5, Buttons: 2, LastButton: buttonRight, Motions: 1, Axes: 1, PointerX: 100,
		Frame: got.Frame, MonotonicNanos: got.MonotonicNanos, SessionTag: got.SessionTag, Width: 640, Height: 360,
		Flash: got.Flash, // tells the second that it is
	}
	if got != want {
		t.Errorf("reading = %+v\nwant      %+v", got, want)
	}
	d.on(func() {
		if d.cursor == nil || d.cursor == d.surface {
			t.Error("the pointer has no cursor of the app's")
		}
	})
}

func TestKeymapIsTaken(t *testing.T) {
	d := newDesktop(t, 640, 360)
	start(t, d)
	d.next()
	fd, err := unix.MemfdCreate("keymap", unix.MFD_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = unix.Close(fd) }()
	if err := unix.Ftruncate(fd, 100); err != nil {
		t.Fatal(err)
	}
	send := func() {
		for range 10 {
			d.keyboard.SendKeymap(wlserver.WlKeyboardKeymapFormatXkbV1, fd, 100)
			d.keyboard.SendKeymap(wlserver.WlKeyboardKeymapFormatXkbV1, fd, 0)
			d.keyboard.SendKeymap(wlserver.WlKeyboardKeymapFormatXkbV1, fd, 1<<31)
			d.keyboard.SendKeymap(wlserver.WlKeyboardKeymapFormatNoKeymap, fd, 0)
		}
	}
	for range 5 { // all buffers are there after a few frames
		d.tick()
	}
	before := openFiles(t)
	d.on(send)
	for range 5 {
		d.tick()
	}
	if after := openFiles(t); after > before {
		t.Errorf("%d files are open, %d before the keymaps", after, before)
	}
}

// TestDevicesComeAndGo with the seat's capabilities and with the seat.
func TestDevicesComeAndGo(t *testing.T) {
	d := newDesktop(t, 640, 360)
	start(t, d)
	d.next()
	press := func() {
		d.keyboard.SendKey(d.display.NextSerial(), 1, 30, wlserver.WlKeyboardKeyStatePressed)
	}
	for i := range 3 {
		d.on(func() { d.seat.SendCapabilities(0) })
		d.tick()
		d.on(func() {
			d.keyboard = nil
			d.seat.SendCapabilities(wlserver.WlSeatCapabilityKeyboard | wlserver.WlSeatCapabilityPointer)
		})
		d.awaitKeyboard()
		d.on(press)
		d.until("a key of the new keyboard", func(p picture) bool { return int(p.KeysDown) == i+1 })
	}
	d.on(func() {
		d.display.RemoveGlobal(d.seatGlobal)
		d.display.RemoveGlobal(d.outputGlobal)
	})
	d.tick()
	d.on(func() {
		d.keyboard = nil
		d.addSeat()
	})
	d.awaitKeyboard()
	d.on(press)
	d.until("a key of the new seat", func(p picture) bool { return p.KeysDown == 4 })
}

// awaitKeyboard ticks until the app has asked for a keyboard.
func (d *desktop) awaitKeyboard() {
	d.t.Helper()
	d.until("a keyboard", func(picture) (there bool) {
		d.on(func() { there = d.keyboard != nil })
		return there
	})
}

// TestHeldBuffers: a compositor that keeps them all stops the app until it
// gives one back, and no frame is lost from the count.
func TestHeldBuffers(t *testing.T) {
	d := newDesktop(t, 640, 360)
	d.hold = true
	start(t, d)
	last := d.next()
	for range maxBuffers - 1 {
		last = d.tick()
	}
	d.on(d.ask) // now it has none to draw on
	d.ping(t)
	if len(d.pics) != 0 {
		t.Fatal("the app drew on a buffer that the compositor holds")
	}
	d.on(func() {
		d.released[0].wl.SendRelease()
		d.released = d.released[1:]
	})
	if p := d.next(); p.Frame != last.Frame+1 {
		t.Errorf("frame %d after %d", p.Frame, last.Frame)
	}
}

// ping waits until the app has handled all events so far.
func (d *desktop) ping(t *testing.T) {
	t.Helper()
	d.on(func() { d.wmBase.SendPing(4711) })
	select {
	case serial := <-d.pongs:
		if serial != 4711 {
			t.Errorf("pong %d, want 4711", serial)
		}
	case <-time.After(patience):
		t.Fatal("no pong")
	}
}

func TestCloseRequestEndsTheApp(t *testing.T) {
	d := newDesktop(t, 640, 360)
	result := start(t, d)
	d.next()
	d.on(func() { d.toplevel.SendClose() })
	if err := wait(t, result); err != nil {
		t.Errorf("error = %v, want none", err)
	}
}

func TestDeathOfTheDisplayIsAnError(t *testing.T) {
	d := newDesktop(t, 640, 360)
	result := start(t, d)
	d.next()
	d.stop()
	if err := wait(t, result); !errors.Is(err, client.ErrClosed) {
		t.Errorf("error = %v, want %v", err, client.ErrClosed)
	}
}

func TestContextEndsTheApp(t *testing.T) {
	d := newDesktop(t, 640, 360)
	before := openFiles(t)
	ctx, cancel := context.WithCancel(t.Context())
	result := make(chan error, 1)
	go func() { result <- Run(ctx, Options{Display: d.path}) }()
	d.next()
	d.tick()
	cancel()
	if err := wait(t, result); !errors.Is(err, context.Canceled) {
		t.Errorf("error = %v, want %v", err, context.Canceled)
	}
	d.stop() // the other end's files
	if after := openFiles(t); after > before {
		t.Errorf("%d files are open, %d before", after, before)
	}
}

func TestMissingGlobalIsNamed(t *testing.T) {
	d := newDesktop(t, 640, 360)
	d.on(func() { d.display.RemoveGlobal(d.shmGlobal) })
	if err := Run(t.Context(), Options{Display: d.path}); !errors.Is(err, errMissing) || !strings.Contains(err.Error(), "wl_shm") {
		t.Errorf("error = %v, want one that names wl_shm", err)
	}
}

func TestNoCompositor(t *testing.T) {
	err := Run(t.Context(), Options{Display: "/nonexistent/wayland-0"})
	if err == nil || !strings.Contains(err.Error(), "/nonexistent/wayland-0") {
		t.Errorf("error = %v, want one that names the socket", err)
	}
}

func openFiles(t testing.TB) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}
