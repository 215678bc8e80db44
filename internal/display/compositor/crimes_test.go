package compositor

import (
	"math"

	"golang.org/x/sys/unix"
)

// crimes are what a client must not do; each returns the object and the code
// of the error that it must get. The window given is shown and fills the output.
var crimes = []struct {
	name  string
	crime func(c *raw, w *testWindow) (object, code uint32)
}{
	{"pool of no size", func(c *raw, w *testWindow) (uint32, uint32) {
		c.send(w.shm, 0, c.id(), file(w.fd), 0)
		return w.shm, 1
	}},
	{"pool that is a pipe", func(c *raw, w *testWindow) (uint32, uint32) {
		var pipe [2]int
		if err := unix.Pipe2(pipe[:], unix.O_CLOEXEC); err != nil {
			c.t.Fatal(err)
		}
		defer unix.Close(pipe[0])
		defer unix.Close(pipe[1])
		c.send(w.shm, 0, c.id(), file(pipe[0]), 4096)
		return w.shm, 2
	}},
	{"buffer larger than its pool", func(c *raw, w *testWindow) (uint32, uint32) {
		c.send(w.pool, 0, c.id(), 0, 64, 65, 256, formatXRGB)
		return w.pool, 1
	}},
	{"buffer whose size overflows", func(c *raw, w *testWindow) (uint32, uint32) {
		c.send(w.pool, 0, c.id(), 0, math.MaxInt32/4, math.MaxInt32, math.MaxInt32, formatXRGB)
		return w.pool, 1
	}},
	{"buffer before its pool", func(c *raw, w *testWindow) (uint32, uint32) {
		c.send(w.pool, 0, c.id(), -4, 4, 4, 16, formatXRGB)
		return w.pool, 1
	}},
	{"unknown format", func(c *raw, w *testWindow) (uint32, uint32) {
		c.send(w.pool, 0, c.id(), 0, 4, 4, 16, 0x12345678)
		return w.pool, 0
	}},
	{"pool that is told to shrink", func(c *raw, w *testWindow) (uint32, uint32) {
		c.send(w.pool, 2, 16)
		return w.pool, 2
	}},
	{"pool that shrinks under us", func(c *raw, w *testWindow) (uint32, uint32) {
		if err := unix.Ftruncate(w.fd, 1000); err != nil {
			c.t.Fatal(err)
		}
		w.show()
		return w.shm, 2
	}},
	{"pool that is shorter than it says", func(c *raw, w *testWindow) (uint32, uint32) {
		pool, buffer := c.id(), c.id()
		c.send(w.shm, 0, pool, file(w.fd), 1<<30)
		c.send(pool, 0, buffer, 1<<29, 64, 64, 256, formatXRGB)
		c.send(w.surface, 1, buffer, 0, 0)
		c.send(w.surface, 9, 0, 0, 64, 64)
		c.send(w.surface, 6)
		return w.shm, 2
	}},
	{"second role object", func(c *raw, w *testWindow) (uint32, uint32) {
		c.send(w.xdg, 1, c.id())
		return w.xdg, 2
	}},
	{"second role", func(c *raw, w *testWindow) (uint32, uint32) {
		sub, other := c.bind("wl_subcompositor", 0), c.id()
		c.send(w.compositor, 0, other)
		c.send(sub, 1, c.id(), w.surface, other)
		return sub, 0
	}},
	{"ack of a serial that never was", func(c *raw, w *testWindow) (uint32, uint32) {
		c.send(w.xdg, 4, 0xdeadbeef)
		return w.xdg, 4
	}},
	{"buffer before the first configure", func(c *raw, w *testWindow) (uint32, uint32) {
		surface, xdg, top := c.id(), c.id(), c.id()
		c.send(w.compositor, 0, surface)
		c.send(w.wm, 2, xdg, surface)
		c.send(xdg, 1, top)
		c.send(surface, 1, w.buffer, 0, 0)
		c.send(surface, 6)
		return xdg, 3
	}},
	{"commit without role object", func(c *raw, w *testWindow) (uint32, uint32) {
		surface, xdg := c.id(), c.id()
		c.send(w.compositor, 0, surface)
		c.send(w.wm, 2, xdg, surface)
		c.send(surface, 6)
		return xdg, 1
	}},
	{"own parent", func(c *raw, w *testWindow) (uint32, uint32) {
		sub, surface := c.bind("wl_subcompositor", 0), c.id()
		c.send(w.compositor, 0, surface)
		c.send(sub, 1, c.id(), surface, surface)
		return sub, 1
	}},
	{"circle of subsurfaces", func(c *raw, w *testWindow) (uint32, uint32) {
		sub, a, b := c.bind("wl_subcompositor", 0), c.id(), c.id()
		c.send(w.compositor, 0, a)
		c.send(w.compositor, 0, b)
		c.send(sub, 1, c.id(), a, b)
		c.send(sub, 1, c.id(), b, a)
		return sub, 1
	}},
	{"circle of windows", func(c *raw, w *testWindow) (uint32, uint32) {
		c.send(w.toplevel, 1, w.toplevel)
		return w.toplevel, 1
	}},
	{"popup without parent", func(c *raw, w *testWindow) (uint32, uint32) {
		pos, surface, xdg := c.id(), c.id(), c.id()
		c.send(w.wm, 1, pos)
		c.send(pos, 1, 10, 10)
		c.send(pos, 2, 0, 0, 1, 1)
		c.send(w.compositor, 0, surface)
		c.send(w.wm, 2, xdg, surface)
		c.send(xdg, 2, c.id(), 0, pos)
		return w.wm, 3
	}},
	{"popup without a place", func(c *raw, w *testWindow) (uint32, uint32) {
		pos, surface, xdg := c.id(), c.id(), c.id()
		c.send(w.wm, 1, pos)
		c.send(w.compositor, 0, surface)
		c.send(w.wm, 2, xdg, surface)
		c.send(xdg, 2, c.id(), w.xdg, pos)
		return w.wm, 5
	}},
	{"wm base before its surfaces", func(c *raw, w *testWindow) (uint32, uint32) {
		c.send(w.wm, 0)
		return w.wm, 1
	}},
	{"surface before its window", func(c *raw, w *testWindow) (uint32, uint32) {
		c.send(w.surface, 0)
		return w.surface, 4
	}},
	{"wrong scale", func(c *raw, w *testWindow) (uint32, uint32) {
		c.send(w.surface, 8, 0)
		return w.surface, 0
	}},
	{"wrong transform", func(c *raw, w *testWindow) (uint32, uint32) {
		c.send(w.surface, 7, 8)
		return w.surface, 1
	}},
	{"window geometry of no size", func(c *raw, w *testWindow) (uint32, uint32) {
		c.send(w.xdg, 3, 0, 0, 0, 10)
		return w.xdg, 5
	}},
	{"touch that is not there", func(c *raw, w *testWindow) (uint32, uint32) {
		seat := c.bind("wl_seat", 0)
		c.send(seat, 2, c.id())
		return seat, 0
	}},
}
