package demo

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kennel-stream/kennel/internal/barcode"
	wlserver "github.com/kennel-stream/kennel/wayland/protocol/server"
	"github.com/kennel-stream/kennel/wayland/server"
)

// patience bounds all waiting in tests.
const patience = 10 * time.Second

// desktop is a compositor with one window. It shows the window's picture only
// where the app says that it has changed. All fields but those above display
// belong to its loop.
type desktop struct {
	t       testing.TB
	path    string
	pics    chan picture // what was committed
	pongs   chan uint32
	stop    func()
	display *server.Display

	width, height int32
	hold          bool // buffers are not released
	serial, acked uint32
	xdg           *wlserver.XdgSurface
	toplevel      *wlserver.XdgToplevel
	surface       *wlserver.WlSurface
	wmBase        *wlserver.XdgWmBase
	seat          *wlserver.WlSeat
	keyboard      *wlserver.WlKeyboard
	pointer       *wlserver.WlPointer
	cursor        *wlserver.WlSurface
	seatGlobal    *server.Global
	outputGlobal  *server.Global
	shmGlobal     *server.Global

	attached *buf
	pending  []rect // damage
	shown    *buf
	screen   canvas
	waiting  []*wlserver.WlCallback
	released []*buf
}

// picture is what the screen shows after a commit.
type picture struct {
	barcode.Reading
	err           error // of reading the barcode from the screen
	width, height int
	buffer        uint32
	stale         int // pixels that differ from the buffer's
}

// buf is a wl_buffer.
type buf struct {
	wl            *wlserver.WlBuffer
	fd            int
	width, height int
}

func newDesktop(t testing.TB, width, height int32) *desktop {
	t.Helper()
	dir, err := os.MkdirTemp("", "demo") // a socket's path must be short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	d := &desktop{
		t: t, path: filepath.Join(dir, "wayland-0"), pics: make(chan picture, 256), pongs: make(chan uint32, 1),
		display: server.NewDisplay(server.Options{}), width: width, height: height,
	}
	d.addGlobals()
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: d.path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- d.display.Serve(ctx, listener) }()
	d.stop = func() {
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("serve: %v", err)
		}
		_ = listener.Close()
		d.stop = func() {}
	}
	t.Cleanup(func() { d.stop() })
	return d
}

func (d *desktop) addGlobals() {
	wlserver.AddWlCompositor(d.display, 6, func(_ *server.Client, r *wlserver.WlCompositor) { r.SetHandler(compositor{d}) })
	d.shmGlobal = wlserver.AddWlShm(d.display, 1, func(_ *server.Client, r *wlserver.WlShm) { r.SetHandler(shm{d}) })
	wlserver.AddXdgWmBase(d.display, 5, func(_ *server.Client, r *wlserver.XdgWmBase) {
		d.wmBase = r
		r.SetHandler(wmBase{d: d})
	})
	d.outputGlobal = wlserver.AddWlOutput(d.display, 4, func(_ *server.Client, r *wlserver.WlOutput) {
		r.SendMode(wlserver.WlOutputModeCurrent, d.width, d.height, 60_000)
		r.SendDone()
	})
	d.addSeat()
}

func (d *desktop) addSeat() {
	d.seatGlobal = wlserver.AddWlSeat(d.display, 8, func(_ *server.Client, r *wlserver.WlSeat) {
		d.seat = r
		r.SetHandler(seatHandler{d})
		r.SendCapabilities(wlserver.WlSeatCapabilityKeyboard | wlserver.WlSeatCapabilityPointer)
	})
}

// on runs f on the loop and waits for it.
func (d *desktop) on(f func()) {
	d.t.Helper()
	done := make(chan struct{})
	if !d.display.Do(func() { f(); close(done) }) {
		d.t.Fatal("the display has ended")
	}
	select {
	case <-done:
	case <-time.After(patience):
		d.t.Fatal("the loop hangs")
	}
}

// next waits for the next commit of a picture.
func (d *desktop) next() picture {
	d.t.Helper()
	select {
	case p := <-d.pics:
		if p.err != nil || p.stale != 0 {
			d.t.Fatalf("picture %+v", p)
		}
		return p
	case <-time.After(patience):
		d.t.Fatal("no picture came")
		return picture{}
	}
}

// tick asks for the next frame and waits for it.
func (d *desktop) tick() picture {
	d.t.Helper()
	d.on(d.ask)
	return d.next()
}

func (d *desktop) ask() {
	for _, cb := range d.waiting {
		cb.SendDone(uint32(time.Now().UnixMilli()))
		cb.Destroy()
	}
	d.waiting = nil
}

// until ticks until the picture tells what is expected, which input does not
// reach at once.
func (d *desktop) until(what string, ok func(picture) bool) picture {
	d.t.Helper()
	for range 200 {
		if p := d.tick(); ok(p) {
			return p
		}
	}
	d.t.Fatalf("no picture showed: %s", what)
	return picture{}
}

func (d *desktop) configure() {
	d.toplevel.SendConfigure(d.width, d.height, nil)
	d.serial = d.display.NextSerial()
	d.xdg.SendConfigure(d.serial)
}

// commit takes over the attached buffer where it is damaged.
func (d *desktop) commit() {
	b := d.attached
	d.attached = nil
	if b == nil {
		if d.toplevel != nil && d.shown == nil {
			d.configure()
		}
		return
	}
	if d.acked != d.serial {
		d.t.Errorf("configure %d was answered by %d", d.serial, d.acked)
	}
	pix := make([]byte, b.width*b.height*4)
	if n, err := unix.Pread(b.fd, pix, 0); err != nil || n != len(pix) {
		d.t.Errorf("read a buffer: %d bytes, %v", n, err)
	}
	whole := canvas{pix, b.width, b.height}
	if d.screen.width != b.width || d.screen.height != b.height {
		d.screen = newCanvas(b.width, b.height)
	}
	for _, r := range d.pending {
		d.screen.restore(&whole, r)
	}
	d.pending = nil
	p := picture{width: b.width, height: b.height, buffer: b.wl.ID()}
	p.Reading, p.err = barcode.ReadBGRx(d.screen.pix, b.width*4, b.width, b.height)
	for i := range pix {
		if pix[i] != d.screen.pix[i] {
			p.stale++
		}
	}
	if old := d.shown; old != nil && old != b {
		if d.hold {
			d.released = append(d.released, old)
		} else if old.wl.Alive() {
			old.wl.SendRelease()
		}
	}
	d.shown = b
	d.pics <- p
}

type compositor struct{ d *desktop }

func (h compositor) CreateSurface(_ *wlserver.WlCompositor, id *wlserver.WlSurface) {
	id.SetHandler(surface{d: h.d})
}
func (h compositor) CreateRegion(*wlserver.WlCompositor, *wlserver.WlRegion) {}

// surface handles what the app sends; other requests would panic.
type surface struct {
	wlserver.WlSurfaceHandler
	d *desktop
}

func (h surface) window(r *wlserver.WlSurface) bool { return r == h.d.surface }

func (h surface) Attach(r *wlserver.WlSurface, b *wlserver.WlBuffer, _, _ int32) {
	if h.window(r) {
		h.d.attached = b.Handler().(*buf)
	}
}

func (h surface) DamageBuffer(r *wlserver.WlSurface, x, y, width, height int32) {
	if h.window(r) {
		h.d.pending = append(h.d.pending, rect{int(x), int(y), int(width), int(height)})
	}
}

func (h surface) Frame(_ *wlserver.WlSurface, callback *wlserver.WlCallback) {
	h.d.waiting = append(h.d.waiting, callback)
}

func (h surface) Commit(r *wlserver.WlSurface) {
	if h.window(r) {
		h.d.commit()
	}
}

type shm struct{ d *desktop }

func (shm) Release(*wlserver.WlShm) {}
func (h shm) CreatePool(_ *wlserver.WlShm, id *wlserver.WlShmPool, fd int, _ int32) {
	id.SetHandler(&pool{fd})
}

type pool struct{ fd int }

func (p *pool) Destroy(*wlserver.WlShmPool)       { _ = unix.Close(p.fd) }
func (p *pool) Resize(*wlserver.WlShmPool, int32) {}
func (p *pool) CreateBuffer(_ *wlserver.WlShmPool, id *wlserver.WlBuffer, _, width, height, _ int32, _ wlserver.WlShmFormat) {
	fd, err := unix.Dup(p.fd)
	if err != nil {
		return
	}
	id.SetHandler(&buf{id, fd, int(width), int(height)})
	id.OnDestroy(func() { _ = unix.Close(fd) })
}

// Destroy implements wl_buffer.destroy.
func (b *buf) Destroy(*wlserver.WlBuffer) {}

type wmBase struct {
	wlserver.XdgWmBaseHandler
	d *desktop
}

func (h wmBase) Pong(_ *wlserver.XdgWmBase, serial uint32) { h.d.pongs <- serial }
func (h wmBase) GetXdgSurface(_ *wlserver.XdgWmBase, id *wlserver.XdgSurface, s *wlserver.WlSurface) {
	h.d.xdg, h.d.surface = id, s
	id.SetHandler(xdgSurface{d: h.d})
}

type xdgSurface struct {
	wlserver.XdgSurfaceHandler
	d *desktop
}

func (h xdgSurface) AckConfigure(_ *wlserver.XdgSurface, serial uint32) { h.d.acked = serial }
func (h xdgSurface) GetToplevel(_ *wlserver.XdgSurface, id *wlserver.XdgToplevel) {
	h.d.toplevel = id
}

type seatHandler struct{ d *desktop }

func (h seatHandler) GetPointer(_ *wlserver.WlSeat, id *wlserver.WlPointer) {
	h.d.pointer = id
	id.SetHandler(pointerHandler(h))
}
func (h seatHandler) GetKeyboard(_ *wlserver.WlSeat, id *wlserver.WlKeyboard) { h.d.keyboard = id }
func (h seatHandler) GetTouch(*wlserver.WlSeat, *wlserver.WlTouch)            {}
func (h seatHandler) Release(*wlserver.WlSeat)                                {}

type pointerHandler struct{ d *desktop }

func (h pointerHandler) SetCursor(_ *wlserver.WlPointer, _ uint32, s *wlserver.WlSurface, _, _ int32) {
	h.d.cursor = s
}
func (h pointerHandler) Release(*wlserver.WlPointer) {}
