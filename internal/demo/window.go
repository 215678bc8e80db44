package demo

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kennel-stream/kennel/internal/barcode"
	"github.com/kennel-stream/kennel/wayland/client"
	wlclient "github.com/kennel-stream/kennel/wayland/protocol/client"
)

// appID is how desktops know the app (xdg_toplevel.set_app_id).
const appID = "stream.kennel.demo"

// window is the app: one toplevel and what it hears. All of it belongs to the
// goroutine of Run.
type window struct {
	conn    *client.Conn
	options Options
	globals globals
	input   input
	started time.Time
	frame   uint32
	tag     uint32 // of the session

	surface  *wlclient.WlSurface
	xdg      *wlclient.XdgSurface
	toplevel *wlclient.XdgToplevel
	cursor   *wlclient.WlSurface
	callback *wlclient.WlCallback // of the frame that is under way

	wanted  rect // size of the last xdg_toplevel.configure, 0 for no wish
	painter *painter
	chain   swapchain
	shown   []rect // moving parts of the picture committed last

	configured bool // the first configure has come
	due        bool // a picture should be drawn
	closed     bool
}

func newWindow(conn *client.Conn, o Options, tag uint32) *window {
	return &window{conn: conn, options: o, tag: tag, started: time.Now()}
}

// open makes the window; it is mapped by the first picture.
func (w *window) open(ctx context.Context) error {
	if err := w.bind(ctx); err != nil {
		return err
	}
	g := &w.globals
	w.chain = swapchain{shm: g.shm}
	if g.linear {
		w.chain.dmabuf = g.dmabuf
		w.options.Log("pictures are handed over as GPU buffers")
	} else if w.options.GPU {
		w.options.Log("GPU buffers are not taken: pictures are copied")
	}
	w.surface = g.compositor.CreateSurface()
	w.xdg = g.wmBase.GetXdgSurface(w.surface)
	w.xdg.SetListener(wlclient.XdgSurfaceListener{Configure: w.configure})
	w.toplevel = w.xdg.GetToplevel()
	w.toplevel.SetListener(wlclient.XdgToplevelListener{
		Configure: func(width, height int32, _ []byte) { w.wanted.w, w.wanted.h = int(width), int(height) },
		Close:     func() { w.closed = true },
	})
	w.toplevel.SetTitle(w.options.Title)
	w.toplevel.SetAppId(appID)
	if g.decoration != nil {
		g.decoration.GetToplevelDecoration(w.toplevel).SetMode(wlclient.ZxdgToplevelDecorationV1ModeServerSide)
	}
	w.surface.Commit()
	return w.conn.Flush()
}

func (w *window) close() {
	w.chain.retire()
}

// configure takes on what the compositor wishes. The picture of the new size
// is drawn at once: the compositor waits for it.
func (w *window) configure(serial uint32) {
	w.xdg.AckConfigure(serial)
	width, height := w.wanted.w, w.wanted.h
	if width <= 0 {
		width = w.options.Width
	}
	if height <= 0 {
		height = w.options.Height
	}
	width, height = min(width, maxSide), min(height, maxSide)
	if w.painter == nil || w.painter.width != width || w.painter.height != height {
		w.options.Log(fmt.Sprintf("window of %dx%d", width, height))
		w.painter = newPainter(width, height, w.options.Title)
		w.painter.busy = w.options.Busy
		w.chain.retire()
		w.shown = []rect{{0, 0, width, height}}
	}
	w.configured, w.due = true, true
}

// update draws if a picture is due and there is a free buffer. Without one
// the next release is the next chance.
func (w *window) update() error {
	if !w.configured || !w.due {
		return nil
	}
	b, err := w.chain.next(w.painter.width, w.painter.height)
	if b == nil || err != nil {
		return err
	}
	w.due = false
	w.frame++
	s := &state{
		now: time.Now(), elapsed: time.Since(w.started), heard: w.input.heard,
	}
	r := &s.reading
	w.input.fill(r)
	r.Frame, r.SessionTag, r.MonotonicNanos = w.frame, w.tag, monotonic()
	r.Flash = barcode.Flashing(r.MonotonicNanos)
	r.Width, r.Height = uint16(w.painter.width), uint16(w.painter.height)
	b.moving = w.painter.draw(&b.canvas, b.moving, s)
	w.commit(b)
	return nil
}

// commit shows a picture and asks to be told when to draw the next one.
func (w *window) commit(b *buffer) {
	b.busy = true
	w.surface.Attach(b.wl, 0, 0)
	// Against what is on the screen now: where that had something, and where
	// this has something.
	for _, list := range [2][]rect{w.shown, b.moving} {
		for _, r := range list {
			if r = r.clip(w.painter.width, w.painter.height); !r.empty() {
				w.surface.DamageBuffer(int32(r.x), int32(r.y), int32(r.w), int32(r.h))
			}
		}
	}
	w.shown = append(w.shown[:0], b.moving...)
	if w.callback == nil {
		w.callback = w.surface.Frame()
		w.callback.SetListener(wlclient.WlCallbackListener{Done: func(uint32) {
			w.callback, w.due = nil, true
		}})
	}
	w.surface.Commit()
}

// monotonic is CLOCK_MONOTONIC in nanoseconds.
func monotonic() uint64 {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &t); err != nil {
		return 0
	}
	return uint64(t.Nano())
}
