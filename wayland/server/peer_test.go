package server_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	wlserver "github.com/kennel-stream/kennel/wayland/protocol/server"
	"github.com/kennel-stream/kennel/wayland/server"
	"github.com/kennel-stream/kennel/wayland/wire"
)

// patience bounds all waiting in tests.
const patience = 10 * time.Second

// serve runs a display until the test ends.
func serve(t testing.TB, d *server.Display) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- d.Serve(ctx, nil) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("serve: %v", err)
		}
	})
}

// on runs f on the loop of d and waits for it.
func on(t testing.TB, d *server.Display, f func()) {
	t.Helper()
	done := make(chan struct{})
	if !d.Do(func() { f(); close(done) }) {
		t.Fatal("the display has ended")
	}
	select {
	case <-done:
	case <-time.After(patience):
		t.Fatal("the loop hangs")
	}
}

// socketpair returns two ends of a connection.
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

// peer is a client that speaks the wire protocol by hand.
type peer struct {
	t    testing.TB
	sock *net.UnixConn
	conn *wire.Conn
	last uint32 // newest object id
}

// dial connects a peer to d.
func dial(t testing.TB, d *server.Display) *peer {
	t.Helper()
	ours, theirs := socketpair(t)
	d.Adopt(theirs)
	return adopt(t, ours)
}

// adopt makes a peer of a connected socket.
func adopt(t testing.TB, ours *net.UnixConn) *peer {
	t.Helper()
	_ = ours.SetDeadline(time.Now().Add(patience))
	conn, err := wire.NewConn(ours, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = conn.Shutdown()
		conn.ReleaseRead()
		conn.ReleaseWrite()
	})
	return &peer{t: t, sock: ours, conn: conn, last: 1}
}

// fd is an argument that is sent as a descriptor.
type fd int

// send queues a request; arguments are int (any word), string and fd.
func (p *peer) send(object uint32, opcode uint16, args ...any) {
	p.t.Helper()
	p.conn.Begin(object, opcode)
	for _, a := range args {
		switch a := a.(type) {
		case int:
			p.conn.Uint(uint32(a))
		case uint32:
			p.conn.Uint(a)
		case string:
			p.conn.String(a)
		case fd:
			p.conn.FD(int(a))
		default:
			p.t.Fatalf("argument of type %T", a)
		}
	}
	if err := p.conn.End(); err != nil {
		p.t.Fatal(err)
	}
}

// id returns the next object id.
func (p *peer) id() uint32 {
	p.last++
	return p.last
}

// flush sends what is queued.
func (p *peer) flush() error {
	for {
		pending, err := p.conn.Flush()
		if err != nil || !pending {
			return err
		}
		if err := p.conn.WaitWritable(); err != nil {
			return err
		}
	}
}

// event is one event with its body.
type event struct {
	object uint32
	opcode uint16
	body   []byte
}

// words returns the body as integers.
func (e event) words() []uint32 {
	var list []uint32
	var d wire.Decoder
	d.Reset(e.body, nil)
	for range len(e.body) / 4 {
		list = append(list, d.Uint())
	}
	return list
}

// read returns the next event, or the error that ended the connection.
func (p *peer) read() (event, error) {
	if err := p.flush(); err != nil && !errors.Is(err, unix.EPIPE) {
		return event{}, err
	}
	for {
		m, ok, err := p.conn.Next()
		if err != nil {
			return event{}, err
		}
		if ok {
			return event{m.Object, m.Opcode, append([]byte(nil), m.Body...)}, nil
		}
		if err := p.conn.Fill(); err != nil {
			return event{}, err
		}
	}
}

// sync makes a roundtrip and returns the events that came before its end,
// without wl_display.delete_id of the callback.
func (p *peer) sync() []event {
	p.t.Helper()
	callback := p.id()
	p.send(1, 0, callback)
	var list []event
	for {
		e, err := p.read()
		if err != nil {
			p.t.Fatalf("disconnected: %v", err)
		}
		if e.object == 1 && e.opcode == 0 {
			p.t.Fatalf("protocol error: %v", fault(e))
		}
		if e.object == callback {
			if e, err = p.read(); err != nil || e.object != 1 || e.opcode != 1 {
				p.t.Fatalf("no delete_id after done: %+v, %v", e, err)
			}
			p.last--
			return list
		}
		list = append(list, e)
	}
}

// protocolError is a wl_display.error.
type protocolError struct {
	object, code uint32
	message      string
}

func (e protocolError) String() string {
	return fmt.Sprintf("error %d on object %d: %s", e.code, e.object, e.message)
}

func fault(e event) protocolError {
	var d wire.Decoder
	d.Reset(e.body, nil)
	return protocolError{d.Uint(), d.Uint(), d.String()}
}

// dies reads to the end of the connection and returns the last error event,
// nil if there was none.
func (p *peer) dies() *protocolError {
	p.t.Helper()
	var last *protocolError
	for {
		e, err := p.read()
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded):
			p.t.Fatal("the client was not disconnected")
		case errors.Is(err, io.EOF) || err != nil:
			return last
		case e.object == 1 && e.opcode == 0:
			f := fault(e)
			last = &f
		}
	}
}

// bind binds a global by its number.
func (p *peer) bind(number uint32, iface string, version int) uint32 {
	registry := p.id()
	p.send(1, 1, registry)
	id := p.id()
	p.send(registry, 0, number, iface, version, id)
	p.sync()
	return id
}

// world is a display with a compositor and a seat, whose requests are noted.
type world struct {
	display  *server.Display
	surfaces []*wlserver.WlSurface
	log      []string
}

// note is called on the loop.
func (w *world) note(format string, args ...any) { w.log = append(w.log, fmt.Sprintf(format, args...)) }

// taken returns the log so far.
func (w *world) taken(t testing.TB) []string {
	t.Helper()
	var list []string
	on(t, w.display, func() { list, w.log = w.log, nil })
	return list
}

// newWorld serves a display with globals: 1 wl_compositor 6, 2 wl_shm 1,
// 3 wl_data_device_manager 3, 4 wl_output 4.
func newWorld(t testing.TB, o server.Options) *world {
	w := &world{display: server.NewDisplay(o)}
	wlserver.AddWlCompositor(w.display, 100, func(c *server.Client, r *wlserver.WlCompositor) { r.SetHandler(compositor{w}) })
	wlserver.AddWlShm(w.display, 1, func(c *server.Client, r *wlserver.WlShm) { r.SetHandler(shm{w}) })
	wlserver.AddWlDataDeviceManager(w.display, 3, func(*server.Client, *wlserver.WlDataDeviceManager) {})
	wlserver.AddWlOutput(w.display, 4, func(c *server.Client, r *wlserver.WlOutput) {})
	serve(t, w.display)
	return w
}

type compositor struct{ w *world }

func (h compositor) CreateSurface(_ *wlserver.WlCompositor, id *wlserver.WlSurface) {
	h.w.surfaces = append(h.w.surfaces, id)
	id.SetHandler(surface(h))
	id.OnDestroy(func() { h.w.note("surface %d gone", id.ID()) })
}

func (h compositor) CreateRegion(*wlserver.WlCompositor, *wlserver.WlRegion) {}

// surface notes what the tests look at.
type surface struct{ w *world }

func (h surface) Destroy(r *wlserver.WlSurface) { h.w.note("destroy %d", r.ID()) }
func (h surface) Attach(r *wlserver.WlSurface, b *wlserver.WlBuffer, x, y int32) {
	h.w.note("attach %t %d,%d", b != nil, x, y)
}
func (h surface) Damage(_ *wlserver.WlSurface, x, y, width, height int32) {}
func (h surface) Frame(_ *wlserver.WlSurface, callback *wlserver.WlCallback) {
	h.w.note("frame %d", callback.ID())
	callback.SendDone(42)
	callback.Destroy()
}

func (h surface) SetOpaqueRegion(_ *wlserver.WlSurface, g *wlserver.WlRegion) {
	h.w.note("opaque %t", g != nil)
}
func (h surface) SetInputRegion(*wlserver.WlSurface, *wlserver.WlRegion)             {}
func (h surface) Commit(*wlserver.WlSurface)                                         { h.w.note("commit") }
func (h surface) SetBufferTransform(*wlserver.WlSurface, wlserver.WlOutputTransform) {}
func (h surface) SetBufferScale(*wlserver.WlSurface, int32)                          {}
func (h surface) DamageBuffer(_ *wlserver.WlSurface, x, y, width, height int32)      {}
func (h surface) Offset(_ *wlserver.WlSurface, x, y int32)                           {}

// shm gives no handlers to its pools.
type shm struct{ w *world }

func (h shm) CreatePool(_ *wlserver.WlShm, _ *wlserver.WlShmPool, file int, size int32) {
	h.w.note("pool of %d", size)
	_ = unix.Close(file)
}
func (h shm) Release(*wlserver.WlShm) {}
