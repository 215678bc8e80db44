package client_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kennel-stream/kennel/wayland/client"
	wlclient "github.com/kennel-stream/kennel/wayland/protocol/client"
	wlserver "github.com/kennel-stream/kennel/wayland/protocol/server"
	"github.com/kennel-stream/kennel/wayland/server"
	"github.com/kennel-stream/kennel/wayland/wire"
)

func TestRegistryFollowsGlobals(t *testing.T) {
	w := newWorld(t)
	w.registry()
	for _, name := range []string{"wl_compositor", "wl_shm", "wl_seat", "wl_data_device_manager"} {
		if w.globals[name] == 0 {
			t.Errorf("%s was not announced: %v", name, w.globals)
		}
	}
	var g *server.Global
	w.on(func() { g = wlserver.AddWlOutput(w.display, 4, func(*server.Client, *wlserver.WlOutput) {}) })
	w.roundtrip()
	number := w.globals["wl_output"]
	if number == 0 {
		t.Fatal("a new global was not announced")
	}
	w.on(func() { w.display.RemoveGlobal(g) })
	w.roundtrip()
	if w.globals["removed"] != number {
		t.Errorf("removal of global %d not heard: %v", number, w.globals)
	}
}

func TestRequestsAndEvents(t *testing.T) {
	w := newWorld(t)
	registry := w.registry()
	s := wlclient.BindWlCompositor(registry, w.globals["wl_compositor"], 5).CreateSurface()
	var scales []int32
	s.SetListener(wlclient.WlSurfaceListener{PreferredBufferScale: func(factor int32) { scales = append(scales, factor) }})
	var times []uint32
	s.Frame().SetListener(wlclient.WlCallbackListener{Done: func(ms uint32) { times = append(times, ms) }})
	w.roundtrip()
	w.on(func() { w.surfaces[0].SendPreferredBufferScale(2) }) // since version 6, and 5 is bound
	w.roundtrip()
	if len(times) != 1 || times[0] != 42 {
		t.Errorf("frame callbacks = %v, want one of 42", times)
	}
	if s.Version() != 5 || len(scales) != 0 {
		t.Errorf("version %d surface heard scales %v", s.Version(), scales)
	}
}

// TestIdsAreUsedAgain: an id must come back once the compositor has let go of
// it, and not before.
func TestIdsAreUsedAgain(t *testing.T) {
	w := newWorld(t)
	c := wlclient.BindWlCompositor(w.registry(), w.globals["wl_compositor"], 6)
	a := c.CreateSurface()
	a.Destroy()
	b := c.CreateSurface()
	if a.ID() == b.ID() {
		t.Fatalf("id %d was used again before wl_display.delete_id", a.ID())
	}
	w.roundtrip()
	most := uint32(0)
	for range 200 {
		s := c.CreateSurface()
		s.Frame()
		most = max(most, s.ID())
		s.Destroy()
		w.roundtrip()
	}
	if most > 20 {
		t.Errorf("ids rose to %d: they are not used again", most)
	}
	if a.Alive() {
		t.Error("a destroyed surface says that it lives")
	}
	a.Commit() // its id is another's by now
	w.roundtrip()
}

func TestDescriptorsBothWays(t *testing.T) {
	w := newWorld(t)
	registry := w.registry()
	file := memfd(t, "a keymap")
	wlclient.BindWlShm(registry, w.globals["wl_shm"], 1).CreatePool(file, 8)
	k := wlclient.BindWlSeat(registry, w.globals["wl_seat"], 9).GetKeyboard()
	var got []byte
	k.SetListener(wlclient.WlKeyboardListener{Keymap: func(_ wlclient.WlKeyboardKeymapFormat, fd int, size uint32) {
		got = make([]byte, size)
		if _, err := unix.Pread(fd, got, 0); err != nil {
			t.Error(err)
		}
		_ = unix.Close(fd)
	}})
	w.roundtrip()
	w.on(func() { w.keyboard.SendKeymap(wlserver.WlKeyboardKeymapFormatXkbV1, file, 8) })
	w.roundtrip()
	if !bytes.Equal(got, []byte("a keymap")) {
		t.Errorf("keymap = %q", got)
	}
	if len(w.pools) != 1 || w.pools[0] != 8 {
		t.Errorf("the compositor got files of %v bytes, want one of 8", w.pools)
	}
}

// TestUnwantedDescriptorsAreClosed: whether nobody listens or the object has
// ended, what came must not pile up.
func TestUnwantedDescriptorsAreClosed(t *testing.T) {
	w := newWorld(t)
	k := wlclient.BindWlSeat(w.registry(), w.globals["wl_seat"], 9).GetKeyboard()
	file := memfd(t, "a keymap")
	w.roundtrip()
	send := func() {
		w.on(func() {
			for range 20 {
				w.keyboard.SendKeymap(wlserver.WlKeyboardKeymapFormatXkbV1, file, 8)
			}
		})
		w.roundtrip()
	}
	send()
	before := openFiles(t)
	send()
	k.SetListener(wlclient.WlKeyboardListener{Keymap: func(wlclient.WlKeyboardKeymapFormat, int, uint32) {
		t.Error("a destroyed keyboard was called")
	}})
	k.Release() // not flushed: the compositor still sends
	w.on(func() {
		for range 20 {
			w.keyboard.SendKeymap(wlserver.WlKeyboardKeymapFormatXkbV1, file, 8)
		}
	})
	w.roundtrip()
	if after := openFiles(t); after > before {
		t.Errorf("%d files are open, %d before", after, before)
	}
}

func TestObjectsOfTheCompositor(t *testing.T) {
	w := newWorld(t)
	registry := w.registry()
	m := wlclient.BindWlDataDeviceManager(registry, w.globals["wl_data_device_manager"], 3)
	d := m.GetDataDevice(wlclient.BindWlSeat(registry, w.globals["wl_seat"], 9))
	var offers []*wlclient.WlDataOffer
	var types []string
	var selection *wlclient.WlDataOffer
	d.SetListener(wlclient.WlDataDeviceListener{
		DataOffer: func(o *wlclient.WlDataOffer) {
			offers = append(offers, o)
			o.SetListener(wlclient.WlDataOfferListener{Offer: func(mime string) { types = append(types, mime) }})
		},
		Selection: func(o *wlclient.WlDataOffer) { selection = o },
	})
	w.roundtrip()
	offer := func() {
		w.on(func() {
			o := wlserver.NewWlDataOffer(w.device.Client(), w.device.Version())
			w.device.SendDataOffer(o)
			o.SendOffer("text/plain")
			w.device.SendSelection(o)
		})
		w.roundtrip()
	}
	for range 3 {
		offer()
		offers[len(offers)-1].Destroy()
	}
	if len(offers) != 3 || len(types) != 3 || selection != offers[2] || offers[0].ID() < wire.ServerIDBase {
		t.Errorf("%d offers, types %v, selection %v", len(offers), types, selection)
	}
	d.SetListener(wlclient.WlDataDeviceListener{})
	offer() // nobody listens: it must be entered all the same
	offer()
}

func TestProtocolErrorIsTold(t *testing.T) {
	w := newWorld(t)
	s := wlclient.BindWlCompositor(w.registry(), w.globals["wl_compositor"], 6).CreateSurface()
	s.SetBufferTransform(9)
	err := w.conn.Roundtrip(deadline(t))
	var fault *client.ProtocolError
	if !errors.As(err, &fault) {
		t.Fatalf("error = %v, want a protocol error", err)
	}
	want := client.ProtocolError{Object: s.ID(), Interface: "wl_surface", Code: uint32(wlclient.WlSurfaceErrorInvalidTransform), Message: "there is no transform 9"}
	if *fault != want {
		t.Errorf("error = %+v, want %+v", *fault, want)
	}
	if again := w.conn.Flush(); again != err {
		t.Errorf("later: %v, want the same error", again)
	}
}

func TestCompositorHangsUp(t *testing.T) {
	ours, theirs := socketpair(t)
	c := connect(t, ours)
	_ = theirs.Close()
	if err := c.Roundtrip(deadline(t)); !errors.Is(err, client.ErrClosed) {
		t.Errorf("error = %v, want %v", err, client.ErrClosed)
	}
}

func TestDispatchEndsWithItsContext(t *testing.T) {
	w := newWorld(t)
	for range 3 {
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(5*time.Millisecond, cancel)
		if err := w.conn.Dispatch(ctx); !errors.Is(err, context.Canceled) {
			t.Fatalf("error = %v, want %v", err, context.Canceled)
		}
		w.roundtrip() // the connection lives on
	}
}

func TestCompositorThatNeverReads(t *testing.T) {
	ours, _ := socketpair(t)
	c := connect(t, ours)
	c.SetPatience(20 * time.Millisecond)
	registry := new(wlclient.WlRegistry)
	c.GetRegistry(registry, wlclient.WlRegistryInterface)
	var err error
	for i := 0; err == nil && i < 100000; i++ {
		for range 1000 {
			wlclient.BindWlShm(registry, 1, 1)
		}
		err = c.Flush()
	}
	if err == nil || c.Err() == nil || errors.Is(err, client.ErrClosed) {
		t.Errorf("error = %v, want one that says that nothing was read", err)
	}
}

func TestNeededObjectIsMissing(t *testing.T) {
	w := newWorld(t)
	registry := w.registry()
	m := wlclient.BindWlDataDeviceManager(registry, w.globals["wl_data_device_manager"], 3)
	m.GetDataDevice(nil)
	if err := w.conn.Roundtrip(deadline(t)); err == nil || errors.Is(err, client.ErrClosed) {
		t.Errorf("error = %v, want one about the request", err)
	}
}

func TestCloseEndsAll(t *testing.T) {
	w := newWorld(t)
	c := wlclient.BindWlCompositor(w.registry(), w.globals["wl_compositor"], 6)
	_ = w.conn.Close()
	c.CreateSurface().Commit()
	if err := w.conn.Dispatch(deadline(t)); err == nil {
		t.Error("a closed connection dispatches")
	}
}

func memfd(t testing.TB, text string) int {
	t.Helper()
	fd, err := unix.MemfdCreate("test", unix.MFD_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Close(fd) })
	if _, err := unix.Pwrite(fd, []byte(text), 0); err != nil {
		t.Fatal(err)
	}
	return fd
}

func openFiles(t testing.TB) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

// TestEventsAllocateNothing: a thousand motions must cost no more memory than
// a few, on either side.
func TestEventsAllocateNothing(t *testing.T) {
	w := newWorld(t)
	heard := w.listenToMotion()
	allocs := func(n int) float64 { return testing.AllocsPerRun(10, func() { w.move(n) }) }
	w.move(1000) // the queues have grown
	few, many := allocs(10), allocs(1000)
	if many > few+20 {
		t.Errorf("1000 motions allocate %v times, 10 do %v times", many, few)
	}
	if *heard < 11000 {
		t.Errorf("%d motions were heard", *heard)
	}
}

// BenchmarkMotion is one wl_pointer.motion from SendMotion to its listener.
func BenchmarkMotion(b *testing.B) {
	w := newWorld(b)
	w.listenToMotion()
	const batch = 1000
	for n := 0; n < b.N; n += batch {
		w.move(batch)
	}
}

func (w *world) listenToMotion() *int {
	heard := new(int)
	p := wlclient.BindWlSeat(w.registry(), w.globals["wl_seat"], 9).GetPointer()
	p.SetListener(wlclient.WlPointerListener{Motion: func(uint32, wire.Fixed, wire.Fixed) { *heard++ }})
	w.roundtrip()
	return heard
}

// move sends n motions and waits until they were heard.
func (w *world) move(n int) {
	w.on(func() {
		for i := range n {
			w.pointer.SendMotion(uint32(i), wire.FixedFromInt(i), 0)
		}
	})
	w.roundtrip()
}
