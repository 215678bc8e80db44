package client_test

import (
	"context"
	"errors"
	"net"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kennel-stream/kennel/wayland/client"
	wlclient "github.com/kennel-stream/kennel/wayland/protocol/client"
	wlserver "github.com/kennel-stream/kennel/wayland/protocol/server"
	"github.com/kennel-stream/kennel/wayland/server"
)

// patience bounds all waiting in tests.
const patience = 10 * time.Second

// world is a compositor and one client of it. The fields below display belong
// to its loop.
type world struct {
	t       testing.TB
	display *server.Display
	conn    *client.Conn
	globals map[string]uint32 // numbers by name

	surfaces []*wlserver.WlSurface
	keyboard *wlserver.WlKeyboard
	pointer  *wlserver.WlPointer
	device   *wlserver.WlDataDevice
	pools    []int // sizes of files that came
}

// newWorld starts a compositor with wl_compositor 6, wl_shm 1, wl_seat 9 and
// wl_data_device_manager 3, and connects to it.
func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{t: t, display: server.NewDisplay(server.Options{}), globals: map[string]uint32{}}
	wlserver.AddWlCompositor(w.display, 6, func(_ *server.Client, r *wlserver.WlCompositor) { r.SetHandler(compositor{w}) })
	wlserver.AddWlShm(w.display, 1, func(_ *server.Client, r *wlserver.WlShm) { r.SetHandler(shm{w}) })
	wlserver.AddWlSeat(w.display, 9, func(_ *server.Client, r *wlserver.WlSeat) { r.SetHandler(seat{w}) })
	wlserver.AddWlDataDeviceManager(w.display, 3, func(_ *server.Client, r *wlserver.WlDataDeviceManager) {
		r.SetHandler(dataManager{w})
	})
	serve(t, w.display, nil)
	ours, theirs := socketpair(t)
	w.display.Adopt(theirs)
	w.conn = connect(t, ours)
	return w
}

// serve runs a display until the test ends.
func serve(t testing.TB, d *server.Display, listener *net.UnixListener) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- d.Serve(ctx, listener) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("serve: %v", err)
		}
	})
}

func connect(t testing.TB, sock *net.UnixConn) *client.Conn {
	t.Helper()
	c, err := client.NewConn(sock)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func socketpair(t testing.TB) (a, b *net.UnixConn) {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	var socks [2]*net.UnixConn
	for i, fd := range fds {
		f := os.NewFile(uintptr(fd), "socket")
		c, err := net.FileConn(f)
		_ = f.Close()
		if err != nil {
			t.Fatal(err)
		}
		socks[i] = c.(*net.UnixConn)
	}
	return socks[0], socks[1]
}

// roundtrip must succeed.
func (w *world) roundtrip() {
	w.t.Helper()
	if err := w.conn.Roundtrip(deadline(w.t)); err != nil {
		w.t.Fatal(err)
	}
}

func deadline(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

// on runs f on the compositor's loop and waits for it.
func (w *world) on(f func()) {
	w.t.Helper()
	done := make(chan struct{})
	if !w.display.Do(func() { f(); close(done) }) {
		w.t.Fatal("the display has ended")
	}
	select {
	case <-done:
	case <-time.After(patience):
		w.t.Fatal("the loop hangs")
	}
}

// registry announces the globals.
func (w *world) registry() *wlclient.WlRegistry {
	w.t.Helper()
	r := new(wlclient.WlRegistry)
	r.SetListener(wlclient.WlRegistryListener{
		Global:       func(number uint32, name string, _ uint32) { w.globals[name] = number },
		GlobalRemove: func(number uint32) { w.globals["removed"] = number },
	})
	w.conn.GetRegistry(r, wlclient.WlRegistryInterface)
	w.roundtrip()
	return r
}

type compositor struct{ w *world }

func (h compositor) CreateSurface(_ *wlserver.WlCompositor, id *wlserver.WlSurface) {
	id.SetHandler(surface{})
	h.w.surfaces = append(h.w.surfaces, id)
}
func (h compositor) CreateRegion(*wlserver.WlCompositor, *wlserver.WlRegion) {}

// surface answers frames at once and finds fault with a transform of 9.
type surface struct{ wlserver.WlSurfaceHandler }

func (surface) Destroy(*wlserver.WlSurface)                                  {}
func (surface) Attach(*wlserver.WlSurface, *wlserver.WlBuffer, int32, int32) {}
func (surface) SetOpaqueRegion(*wlserver.WlSurface, *wlserver.WlRegion)      {}
func (surface) Commit(*wlserver.WlSurface)                                   {}
func (surface) Frame(_ *wlserver.WlSurface, callback *wlserver.WlCallback) {
	callback.SendDone(42)
	callback.Destroy()
}

func (surface) SetBufferTransform(r *wlserver.WlSurface, t wlserver.WlOutputTransform) {
	if t == 9 {
		r.PostError(wlserver.WlSurfaceErrorInvalidTransform, "there is no transform %d", t)
	}
}

type shm struct{ w *world }

func (h shm) CreatePool(_ *wlserver.WlShm, _ *wlserver.WlShmPool, fd int, _ int32) {
	var st unix.Stat_t
	if unix.Fstat(fd, &st) == nil {
		h.w.pools = append(h.w.pools, int(st.Size))
	}
	_ = unix.Close(fd)
}
func (h shm) Release(*wlserver.WlShm) {}

type seat struct{ w *world }

func (h seat) GetPointer(_ *wlserver.WlSeat, id *wlserver.WlPointer) {
	h.w.pointer = id
}

func (h seat) GetKeyboard(_ *wlserver.WlSeat, id *wlserver.WlKeyboard) {
	h.w.keyboard = id
}
func (h seat) GetTouch(*wlserver.WlSeat, *wlserver.WlTouch) {}
func (h seat) Release(*wlserver.WlSeat)                     {}

type dataManager struct{ w *world }

func (h dataManager) CreateDataSource(*wlserver.WlDataDeviceManager, *wlserver.WlDataSource) {}
func (h dataManager) GetDataDevice(_ *wlserver.WlDataDeviceManager, id *wlserver.WlDataDevice, _ *wlserver.WlSeat) {
	h.w.device = id
}
