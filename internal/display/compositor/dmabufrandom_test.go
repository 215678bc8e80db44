package compositor

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/kennel-stream/kennel/internal/display"
	"github.com/kennel-stream/kennel/internal/scene"
)

// tile is a subsurface of one colour, or of none while it has no buffer.
type tile struct {
	surface, sub        uint32
	x, y, width, height int
	argb                uint32
	mapped              bool
}

// desk is an output with tiles over a background, and what it must look like.
type desk struct {
	g      gpu
	w      *testWindow
	ground uint32
	tiles  []*tile // in stacking order
}

const deskSize = 24

func newDesk(g gpu) *desk {
	d := &desk{g: g, w: g.openFilled(blue), ground: blue}
	subs := g.bind("wl_subcompositor", 0)
	for range 5 {
		tl := &tile{surface: g.id(), sub: g.id()}
		g.send(d.w.compositor, 0, tl.surface)
		g.send(subs, 1, tl.sub, tl.surface, d.w.surface)
		g.send(tl.sub, 5)
		d.tiles = append(d.tiles, tl)
	}
	g.send(d.w.surface, 6)
	return d
}

// shown is the picture that is due.
func (d *desk) shown() (pixels [deskSize * deskSize]uint32) {
	for i := range pixels {
		pixels[i] = d.ground
		for _, tl := range d.tiles {
			x, y := i%deskSize-tl.x, i/deskSize-tl.y
			if tl.mapped && tl.argb>>24 != 0 && x >= 0 && y >= 0 && x < tl.width && y < tl.height {
				pixels[i] = tl.argb
			}
		}
	}
	return pixels
}

// picture is what the sink would show.
func (v *viewer) picture() (pixels [deskSize * deskSize]uint32) {
	for i := range pixels {
		pixels[i] = v.mixed(int32(i%deskSize), int32(i/deskSize))
	}
	return pixels
}

// paintTile gives a tile a new buffer, of GPU memory or not.
func (d *desk) paintTile(tl *tile, client bool) {
	g := d.g
	if client {
		format := scene.FormatARGB8888
		if tl.argb>>24 != 0 {
			format = xr
		}
		p := g.picture(tl.width, tl.height, tl.argb, format)
		p.show(tl.surface)
		g.send(p.buffer, 0) // it is shown for all that
	} else {
		w := &testWindow{c: g.raw, shm: d.w.shm, surface: tl.surface}
		if tl.argb>>24 != 0 {
			w.fill(tl.width, tl.height, tl.argb&0xffffff, formatXRGB) // what is unused is no alpha
		} else {
			w.fill(tl.width, tl.height, tl.argb, formatARGB)
		}
		w.show()
		g.send(w.buffer, 0)
		g.send(w.pool, 1)
	}
	tl.mapped = true
}

// TestRandomDesks moves, stacks, shows and hides tiles of both kinds of memory:
// the layers must always make up the picture that the protocol says.
func TestRandomDesks(t *testing.T) {
	s := startSessionAs(t, systemClock{}, display.Configure{Width: deskSize, Height: deskSize, RefreshMilliHz: 1_000_000, SessionID: "test", DMABuf: &offered})
	rapid.Check(t, func(rt *rapid.T) {
		g := s.dialGPU(4)
		defer func() {
			_ = g.conn.Close()
			s.await(display.EventClientGone)
		}()
		d := newDesk(g)
		colour := uint32(1)
		var did []string
		for range rapid.IntRange(1, 12).Draw(rt, "steps") {
			i := rapid.IntRange(0, len(d.tiles)-1).Draw(rt, "tile")
			tl := d.tiles[i]
			colour += 0x010307
			switch step := rapid.IntRange(0, 9).Draw(rt, "step"); step {
			case 0, 1, 2, 3:
				tl.width, tl.height = rapid.IntRange(1, deskSize+4).Draw(rt, "w"), rapid.IntRange(1, deskSize+4).Draw(rt, "h")
				tl.argb = 0xff000000 | colour
				if step == 3 {
					tl.argb = 0
				}
				d.paintTile(tl, rapid.Bool().Draw(rt, "client"))
			case 4, 5:
				tl.x, tl.y = rapid.IntRange(-4, deskSize).Draw(rt, "x"), rapid.IntRange(-4, deskSize).Draw(rt, "y")
				g.send(tl.sub, 1, tl.x, tl.y)
			case 6, 7:
				j := rapid.IntRange(0, len(d.tiles)-1).Draw(rt, "other")
				if i != j {
					other := d.tiles[j]
					g.send(tl.sub, 2, other.surface) // place_above
					d.tiles = slices.Delete(d.tiles, i, i+1)
					d.tiles = slices.Insert(d.tiles, slices.Index(d.tiles, other)+1, tl)
				}
			case 8:
				g.send(tl.surface, 1, 0, 0, 0)
				g.send(tl.surface, 6)
				tl.mapped = false
			case 9:
				d.ground = 0xff000000 | colour
				paint(d.w.pix, d.ground)
				d.w.show()
			}
			did = append(did, fmt.Sprintf("tile %+v", *tl))
			g.send(d.w.surface, 6)
			want := d.shown()
			s.sink.until(fmt.Sprint(did), func() bool { return s.sink.picture() == want })
		}
	})
}

// TestMoreRunsThanOverlays has tiles of both kinds of memory take turns in the
// stack, over a window that is smaller than the output: all are seen.
func TestMoreRunsThanOverlays(t *testing.T) {
	s := startGPUSession(t, 64, 64)
	g := s.dialGPU(4)
	w := g.open()
	g.picture(40, 40, blue, xr).show(w.surface)
	subs := g.bind("wl_subcompositor", 0)
	d := &desk{g: g, w: w}
	const tiles = 14
	for i := range tiles {
		tl := &tile{surface: g.id(), sub: g.id(), x: 2 * i, width: 2, height: 2, argb: 0xff000000 + uint32(i)*0x020301 + 1}
		g.send(w.compositor, 0, tl.surface)
		g.send(subs, 1, tl.sub, tl.surface, w.surface)
		g.send(tl.sub, 5)
		g.send(tl.sub, 1, tl.x, 0)
		d.paintTile(tl, i%2 == 1)
		d.tiles = append(d.tiles, tl)
	}
	g.send(w.surface, 6)
	x := w.placedAt(s)
	for _, tl := range d.tiles {
		s.sink.mixes(fmt.Sprintf("tile at %d", tl.x), x+int32(tl.x), x, tl.argb)
	}
	s.sink.mixes("the window", x+39, x+39, blue)
	s.sink.mixes("beside it", (x+50)%64, (x+50)%64, background)
}

// placedAt is where the upper left corner of a square window came to be.
func (w *testWindow) placedAt(s *session) int32 {
	at := int32(0)
	s.sink.until("the window", func() bool {
		for at = range 64 {
			if p := s.sink.mixed(at, at); p != background && p != 0 { // 0: no picture yet
				return true
			}
		}
		return false
	})
	return at
}

// TestCursorOverGPUBuffer has the cursor drawn into an overlay of its own size,
// without touching the client's pixels.
func TestCursorOverGPUBuffer(t *testing.T) {
	s := startGPUSession(t, 64, 64)
	g := s.dialGPU(4)
	seat, pointer := g.bind("wl_seat", 0), g.id()
	g.send(seat, 0, pointer)
	w := g.open()
	p := g.picture(64, 64, red, xr)
	p.show(w.surface)
	s.sink.mixes("the window", 5, 5, red)
	cursor := g.id()
	g.send(w.compositor, 0, cursor)
	picture := &testWindow{c: g.raw, compositor: w.compositor, shm: w.shm, surface: cursor}
	picture.fill(4, 4, green, formatARGB)
	picture.show()
	s.input(moveTo(10, 20, 64, 64))
	enter := g.must(pointer, 0)
	g.send(pointer, 0, enter.word(0), cursor, 0, 0)
	s.sink.mixes("the cursor", 11, 21, green)
	s.sink.wantLayers("client {0 0 64 64}", "own {10 20 4 4}")
	s.input(moveTo(30, 40, 64, 64))
	s.sink.mixes("the cursor, moved", 31, 41, green)
	s.sink.mixes("where it was", 11, 21, red)
	s.sink.wantLayers("client {0 0 64 64}", "own {30 40 4 4}")
	if err := s.host.SendJSON(patience, display.MessageNotice, display.Notice{Text: "Hello", Millis: 60_000}); err != nil {
		t.Fatal(err)
	}
	s.sink.until("a notice above the window", func() bool { return len(s.sink.layers()) == 2 && s.sink.layers()[1] != "own {30 40 4 4}" })
	s.sink.mixes("the cursor, above the notice", 31, 41, green)
}

// TestHiddenGPUBuffersCostNothing: what nobody sees is not published.
func TestHiddenGPUBuffersCostNothing(t *testing.T) {
	s := startGPUSession(t, 64, 64)
	g := s.dialGPU(4)
	below := g.open()
	g.picture(64, 64, red, xr).show(below.surface)
	s.sink.mixes("the window below", 5, 5, red)
	above := s.dial().openFilled(green)
	s.sink.mixes("the window above", 5, 5, green)
	if !above.c.roundtrip() || !g.roundtrip() {
		t.Fatal("disconnected")
	}
	before := s.statistics()
	for i := range 20 {
		g.picture(64, 64, 0xff000000+uint32(i), xr).show(below.surface)
	}
	if !g.roundtrip() {
		t.Fatal("disconnected")
	}
	if after := s.statistics(); after.Scenes != before.Scenes {
		t.Errorf("%d scenes for what is hidden", after.Scenes-before.Scenes)
	}
}

// TestNobodyLooks has GPU buffers shown while there is no sink at all: they are
// released as they are replaced, and a sink that comes later sees the newest.
func TestNobodyLooks(t *testing.T) {
	s := startGPUSession(t, 64, 64)
	g := s.dialGPU(4)
	w := g.open()
	first := g.picture(64, 64, red, xr)
	first.show(w.surface)
	s.sink.mixes("the first", 5, 5, red)
	_ = s.sink.conn.Close()
	s.await(display.EventFault)
	second := g.picture(64, 64, green, xr)
	second.show(w.surface)
	g.must(first.buffer, 0)
	third := g.picture(64, 64, blue, xr)
	third.show(w.surface)
	g.must(second.buffer, 0)
	s.addSink(2).mixes("the third", 5, 5, blue)
}
