package server_test

import (
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	wlserver "github.com/kennel-stream/kennel/wayland/protocol/server"
	"github.com/kennel-stream/kennel/wayland/server"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// listen returns a socket of a display, and the directory and name of it.
func listen(t testing.TB) (l *net.UnixListener, dir, name string) {
	t.Helper()
	dir, name = t.TempDir(), "wayland-test"
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: filepath.Join(dir, name), Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l, dir, name
}

func TestServeAcceptsAndEnds(t *testing.T) {
	w := &world{display: server.NewDisplay(server.Options{})}
	wlserver.AddWlCompositor(w.display, 6, func(_ *server.Client, r *wlserver.WlCompositor) { r.SetHandler(compositor{w}) })
	l, _, _ := listen(t)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- w.display.Serve(ctx, l) }()
	sock, err := net.DialUnix("unix", nil, l.Addr().(*net.UnixAddr))
	if err != nil {
		t.Fatal(err)
	}
	p := adopt(t, sock)
	comp := p.bind(1, "wl_compositor", 6)
	p.send(comp, 0, p.id())
	p.sync()
	reason := ""
	on(t, w.display, func() {
		c := w.surfaces[0].Client()
		c.OnDestroy(func() { w.note("client gone"); reason = c.Reason() })
		if c.Credentials().Uid != uint32(os.Getuid()) {
			t.Errorf("credentials %+v", c.Credentials())
		}
	})
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("serve: %v", err)
	}
	if diff := cmp.Diff([]string{"surface 4 gone", "client gone"}, w.log); diff != "" || reason == "" {
		t.Errorf("the end, because of %q (-want +got):\n%s", reason, diff)
	}
	if f := p.dies(); f != nil {
		t.Errorf("the end is no error of the client's: %v", f)
	}
	if w.display.Do(func() {}) {
		t.Error("Do promises to run after the end")
	}
	if err := w.display.Serve(t.Context(), l); err == nil || errors.Is(err, context.Canceled) {
		t.Errorf("second serve: %v", err)
	}
}

func TestServeReportsAClosedListener(t *testing.T) {
	l, _, _ := listen(t)
	_ = l.Close()
	if err := server.NewDisplay(server.Options{}).Serve(t.Context(), l); !errors.Is(err, net.ErrClosed) {
		t.Errorf("serve: %v", err)
	}
}

// TestAdoptDoesNotLeak adopts just before a display ends, and after it.
func TestAdoptDoesNotLeak(t *testing.T) {
	d := server.NewDisplay(server.Options{})
	before, theirs := socketpair(t)
	d.Adopt(theirs)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_ = d.Serve(ctx, nil)
	after, theirs := socketpair(t)
	d.Adopt(theirs)
	for _, sock := range []*net.UnixConn{before, after} {
		if f := adopt(t, sock).dies(); f != nil {
			t.Errorf("got %v", f)
		}
	}
}

func TestUnwantedClientsAreTurnedAway(t *testing.T) {
	refuse := false // the loop's
	w := newWorld(t, server.Options{MaxClients: 2, Authorize: func(cred *unix.Ucred) error {
		if refuse {
			return errors.New("not you")
		}
		return nil
	}})
	a, b := dial(t, w.display), dial(t, w.display)
	a.sync()
	b.sync()
	if f := dial(t, w.display).dies(); f == nil || f.code != server.ErrorNoMemory {
		t.Errorf("one client too many: %v", f)
	}
	_ = b.conn.Shutdown()
	on(t, w.display, func() { refuse = true })
	if f := dial(t, w.display).dies(); f == nil || f.code != server.ErrorImplementation || f.message != "not you" {
		t.Errorf("forbidden client: %v", f)
	}
	a.sync()
}

func TestResourcesEndInOrder(t *testing.T) {
	w := newWorld(t, server.Options{})
	p := dial(t, w.display)
	comp := p.bind(1, "wl_compositor", 6)
	for range 3 {
		p.send(comp, 0, p.id())
	}
	p.sync()
	gone := make(chan struct{})
	on(t, w.display, func() {
		c := w.surfaces[0].Client()
		w.surfaces[0].OnDestroy(func() { w.surfaces[2].Destroy() }) // out of order
		c.OnDestroy(func() { w.note("reason: %s", c.Reason()); close(gone) })
	})
	_ = p.conn.Shutdown()
	select {
	case <-gone:
	case <-time.After(patience):
		t.Fatal("the client is still there")
	}
	want := []string{"surface 4 gone", "surface 6 gone", "surface 5 gone", "reason: closed by the client"}
	if diff := cmp.Diff(want, w.taken(t)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestIdleRunsBeforeEventsGoOut has the idle function answer a commit.
func TestIdleRunsBeforeEventsGoOut(t *testing.T) {
	d := server.NewDisplay(server.Options{})
	w := &world{display: d}
	wlserver.AddWlCompositor(d, 6, func(_ *server.Client, r *wlserver.WlCompositor) { r.SetHandler(compositor{w}) })
	d.OnIdle(func() {
		if len(w.log) > 0 {
			w.surfaces[0].SendPreferredBufferScale(int32(len(w.log)))
			w.log = nil
		}
	})
	serve(t, d)
	p := dial(t, d)
	comp, surface := p.bind(1, "wl_compositor", 6), p.id()
	p.send(comp, 0, surface)
	p.send(surface, 6)
	if e, err := p.read(); err != nil || e.object != surface || e.words()[0] != 1 {
		t.Errorf("got %+v, %v", e, err)
	}
}

func TestSerialsAreNeverZero(t *testing.T) {
	d := server.NewDisplay(server.Options{})
	a := d.NextSerial()
	if b := d.NextSerial(); a != 1 || b != 2 || d.Serial() != 2 {
		t.Errorf("serials %d and %d", a, b)
	}
}

// TestWaylandInfo has a client of libwayland's look at a display.
func TestWaylandInfo(t *testing.T) {
	program, err := exec.LookPath("wayland-info")
	if err != nil {
		t.Skip("wayland-info is not installed")
	}
	d := server.NewDisplay(server.Options{})
	wlserver.AddWlCompositor(d, 6, func(*server.Client, *wlserver.WlCompositor) {})
	wlserver.AddWlOutput(d, 4, func(_ *server.Client, r *wlserver.WlOutput) {
		r.SendGeometry(1, 2, 300, 200, wlserver.WlOutputSubpixelNone, "Kennel", "test model", wlserver.WlOutputTransform90)
		r.SendMode(wlserver.WlOutputModeCurrent, 1920, 1080, 60000)
		r.SendScale(2)
		r.SendName("TEST-1")
		r.SendDone()
	})
	wlserver.AddWlSeat(d, 5, func(_ *server.Client, r *wlserver.WlSeat) {
		r.SendCapabilities(wlserver.WlSeatCapabilityPointer)
		r.SendName("seat of the test")
	})
	l, dir, name := listen(t)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); _ = d.Serve(ctx, l) }()
	defer func() { cancel(); <-done }()
	runCtx, stop := context.WithTimeout(t.Context(), patience)
	defer stop()
	cmd := exec.CommandContext(runCtx, program)
	cmd.Env = append(os.Environ(), "XDG_RUNTIME_DIR="+dir, "WAYLAND_DISPLAY="+name)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("wayland-info: %v\n%s", err, out)
	}
	for _, want := range []string{"'wl_compositor'", "version:  6", "test model", "1920", "seat of the test", "TEST-1", "capabilities: pointer"} {
		if !strings.Contains(string(out), want) {
			t.Errorf("wayland-info does not tell %q:\n%s", want, out)
		}
	}
}
