package demo

import (
	"context"
	"fmt"
	"os"

	"github.com/kennel-stream/kennel/internal/barcode"
	"github.com/kennel-stream/kennel/wayland/client"
)

// Options says where and how the demo app shows itself. Zero values take the
// defaults.
type Options struct {
	// Display is the compositor: an absolute path of a socket or a name in
	// $XDG_RUNTIME_DIR. The default is what the environment says.
	Display string
	// Title is the window's title and what is written in it; "Kennel demo".
	Title string
	// Width and Height are the window's size in pixels where the compositor
	// has no wish; 1280x720. A picture holds at most 16384x16384.
	Width, Height int
	// Busy adds noise to the picture, which fills any bit rate; also when
	// $KENNEL_DEMO_BUSY is 1.
	Busy bool
	// GPU hands pictures over as GPU buffers (zwp_linux_dmabuf_v1) where the
	// compositor takes them: real ones where /dev/udmabuf makes them, else memory
	// that stands in for them; also when $KENNEL_DEMO_DMABUF is 1.
	GPU bool
	// Log, if set, is told what happens, a line at a time.
	Log func(line string)
}

// Bounds of a window in pixels.
const maxSide = 16384

func (o *Options) complete() {
	if o.Title == "" {
		o.Title = "Kennel demo"
	}
	if o.Width <= 0 {
		o.Width = 1280
	}
	if o.Height <= 0 {
		o.Height = 720
	}
	o.Width, o.Height = min(o.Width, maxSide), min(o.Height, maxSide)
	o.GPU = o.GPU || os.Getenv("KENNEL_DEMO_DMABUF") == "1"
	o.Busy = o.Busy || os.Getenv("KENNEL_DEMO_BUSY") == "1"
	if o.Log == nil {
		o.Log = func(string) {}
	}
}

// Run shows the demo app until its window is closed (nil), ctx ends, or the
// compositor goes away; then it returns their error. It draws whenever the
// compositor asks for a frame, so the rate is the compositor's. The session
// that its barcode tells is $KENNEL_SESSION. Where $PULSE_SERVER names a socket,
// it also plays.
func Run(ctx context.Context, o Options) error {
	o.complete()
	conn, err := client.Connect(ctx, o.Display)
	if err != nil {
		return fmt.Errorf("run the demo app: %w", err)
	}
	defer func() { _ = conn.Close() }()
	stop := play(ctx, o.Log)
	defer stop()
	w := newWindow(conn, o, barcode.SessionTag(os.Getenv("KENNEL_SESSION")))
	defer w.close()
	if err := w.open(ctx); err != nil {
		return fmt.Errorf("run the demo app: %w", err)
	}
	for !w.closed {
		if err := conn.Dispatch(ctx); err != nil {
			return fmt.Errorf("run the demo app: %w", err)
		}
		if err := w.update(); err != nil {
			return fmt.Errorf("run the demo app: %w", err)
		}
	}
	_ = conn.Flush()
	return nil
}
