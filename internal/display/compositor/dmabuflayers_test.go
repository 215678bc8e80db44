package compositor

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/kennel-stream/kennel/internal/display"
	"github.com/kennel-stream/kennel/internal/scene"
)

// mixed is a pixel of the newest picture, laid together of its layers, which
// must be neither scaled nor turned, and each pixel opaque or transparent.
func (v *viewer) mixed(x, y int32) (argb uint32) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, l := range v.scene.Layers {
		desc, at := v.descs[l.Buffer], l.Destination
		if x < at.X || y < at.Y || x >= at.X+at.Width || y >= at.Y+at.Height {
			continue
		}
		sx, sy := x-at.X+l.Source.X>>8, y-at.Y+l.Source.Y>>8
		p := binary.LittleEndian.Uint32(v.buffers[l.Buffer][uint32(sy)*desc.Planes[0].Stride+4*uint32(sx):])
		if !scene.HasAlpha(desc.Format) {
			p |= 0xff000000
		}
		if p>>24 != 0 {
			argb = p
		}
	}
	return argb
}

// layers shows the newest picture's: whose they are and where.
func (v *viewer) layers() (out []string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, l := range v.scene.Layers {
		d := v.descs[l.Buffer]
		out = append(out, fmt.Sprintf("%s %v", map[scene.Kind]string{scene.Shm: "own", scene.DMABuf: "client"}[d.Kind], l.Destination))
	}
	return out
}

func (v *viewer) mixes(what string, x, y int32, argb uint32) {
	v.t.Helper()
	v.until(what, func() bool { return v.mixed(x, y) == argb })
}

func (v *viewer) wantLayers(want ...string) {
	v.t.Helper()
	if diff := cmp.Diff(want, v.layers()); diff != "" {
		v.t.Error(diff)
	}
}

const (
	red, green, blue = 0xffff0000, 0xff00ff00, 0xff0000ff
)

func TestFullScreenGPUBufferIsTheOnlyLayer(t *testing.T) {
	s := startGPUSession(t, 64, 64)
	g := s.dialGPU(4)
	w := g.open()
	p := g.picture(64, 64, red, xr)
	p.show(w.surface)
	s.await(display.EventFirstCommit)
	s.sink.mixes("the client's pixels", 5, 5, red)
	s.sink.wantLayers("client {0 0 64 64}")
	if st := s.statistics(); st.Layered == 0 || st.Direct != 0 {
		t.Errorf("%+v", st)
	}
	s.sink.mu.Lock()
	desc := s.sink.descs[s.sink.scene.Layers[0].Buffer]
	s.sink.mu.Unlock()
	want := scene.Buffer{Generation: desc.Generation, ID: desc.ID, Kind: scene.DMABuf, Width: 64, Height: 64, Format: xr, Planes: []scene.Plane{{Stride: 256}}}
	if diff := cmp.Diff(want, desc); diff != "" {
		t.Error(diff)
	}
	// And back to shared memory.
	w.fill(64, 64, green, formatXRGB)
	w.show()
	s.sink.mixes("shared memory", 5, 5, green)
	s.sink.wantLayers("own {0 0 64 64}")
	g.must(p.buffer, 0)
}

// TestGPUBufferIsReleasedWhenNobodyReadsIt follows wl_buffer.release with one
// reader that is done and one that is not.
func TestGPUBufferIsReleasedWhenNobodyReadsIt(t *testing.T) {
	s := startGPUSession(t, 64, 64)
	slow := s.addSink(2)
	slow.mu.Lock()
	slow.keeps = true
	slow.mu.Unlock()
	g := s.dialGPU(4)
	w := g.open()
	first, second := g.picture(64, 64, red, xr), g.picture(64, 64, green, xr)
	first.show(w.surface)
	slow.mixes("the first", 5, 5, red)
	second.show(w.surface)
	slow.mixes("the second", 5, 5, green)
	s.sink.mixes("the second", 5, 5, green)
	if !g.roundtrip() {
		t.Fatal("disconnected")
	}
	for _, e := range g.events {
		if e.object == first.buffer || e.object == second.buffer {
			t.Fatal("a buffer was released while it is read")
		}
	}
	slow.mu.Lock()
	done := binary.LittleEndian.AppendUint64(nil, slow.scene.Sequence)
	slow.mu.Unlock()
	if err := slow.conn.Send(time.Second, scene.MessageDone, done); err != nil {
		t.Fatal(err)
	}
	g.must(first.buffer, 0)
	// The death of a reader lets go, too; the other one keeps only the newest.
	first.show(w.surface)
	slow.mixes("the first again", 5, 5, red)
	s.sink.mixes("the first again", 5, 5, red)
	_ = slow.conn.Close()
	g.must(second.buffer, 0)
}

// TestGPUBufferOutlivesItsResource has it shown after it was destroyed.
func TestGPUBufferOutlivesItsResource(t *testing.T) {
	s := startGPUSession(t, 64, 64)
	g := s.dialGPU(4)
	w := g.open()
	before := openPlanes(t)
	p := g.picture(64, 64, red, xr) // 1 here, and the viewer's mapping
	g.send(p.buffer, 0)             // never shown
	p = g.picture(64, 64, green, xr)
	p.show(w.surface)
	g.send(p.buffer, 0)
	s.sink.mixes("the destroyed one", 5, 5, green)
	again := s.addSink(3)
	again.mixes("it is shown to later readers, too", 5, 5, green)
	w.fill(64, 64, blue, formatXRGB)
	w.show()
	s.sink.mixes("the next", 5, 5, blue)
	again.mixes("the next", 5, 5, blue)
	s.sink.until("it is forgotten", func() bool {
		s.sink.mu.Lock()
		defer s.sink.mu.Unlock()
		for _, d := range s.sink.descs {
			if d.Kind == scene.DMABuf && s.sink.buffers[d.ID] != nil {
				return false
			}
		}
		return true
	})
	s.wantPlanes(before + 2) // the test's own
}

// TestWhatLiesOverAndUnderGPUBuffers has a window of GPU memory that is smaller
// than the output, with a subsurface of shared memory above and one below.
func TestWhatLiesOverAndUnderGPUBuffers(t *testing.T) {
	s := startGPUSession(t, 64, 64)
	g := s.dialGPU(4)
	below := g.openFilled(blue)
	s.sink.mixes("below", 5, 5, blue)
	subs := g.bind("wl_subcompositor", 0)
	child := func(x, y int) (surface uint32) {
		surface, sub := g.id(), g.id()
		g.send(below.compositor, 0, surface)
		g.send(subs, 1, sub, surface, below.surface)
		g.send(sub, 1, x, y)
		g.send(sub, 5) // desynchronised
		return surface
	}
	picture := g.picture(16, 16, red, scene.FormatARGB8888)
	middle := child(8, 8)
	picture.show(middle)
	above := &testWindow{c: g.raw, compositor: below.compositor, shm: below.shm}
	above.surface = child(12, 12)
	above.fill(8, 8, green, formatXRGB)
	above.show()
	g.send(below.surface, 6) // places them
	s.sink.mixes("the GPU's", 9, 9, red)
	s.sink.mixes("above it", 13, 13, green)
	s.sink.mixes("below it", 40, 40, blue)
	s.sink.wantLayers("own {0 0 64 64}", "client {8 8 16 16}", "own {12 12 8 8}")
	// What changes is drawn; what does not, is not lost.
	paint(below.pix, 0xff123456)
	below.show()
	s.sink.mixes("below it, again", 40, 40, 0xff123456)
	s.sink.mixes("above it, still", 13, 13, green)
	// Pixels that let through what lies below.
	paint(picture.pix, 0)
	picture.show(middle)
	s.sink.mixes("through it", 9, 9, 0xff123456)
	if err := s.host.SendJSON(patience, display.MessageResize, display.Size{Width: 32, Height: 32}); err != nil {
		t.Fatal(err)
	}
	s.sink.until("another size", func() bool {
		s.sink.mu.Lock()
		defer s.sink.mu.Unlock()
		return s.sink.scene.Width == 32
	})
	s.sink.mixes("above it, after", 13, 13, green)
}

// TestRefusedGPUBufferIsReported once, and costs neither client nor reader.
func TestRefusedGPUBufferIsReported(t *testing.T) {
	s := startGPUSession(t, 64, 64)
	g := s.dialGPU(4)
	w := g.open()
	for range 3 {
		p := g.picture(64, 64, red, xr)
		p.show(w.surface)
		s.sink.mixes("the window", 5, 5, red)
		s.sink.mu.Lock()
		refused := binary.LittleEndian.AppendUint32(nil, s.sink.scene.Layers[0].Buffer)
		s.sink.mu.Unlock()
		if err := s.sink.conn.Send(time.Second, scene.MessageRefused, append(refused, "no driver"...)); err != nil {
			t.Fatal(err)
		}
		w.fill(64, 64, green, formatXRGB)
		w.show()
		s.sink.mixes("the stream goes on", 5, 5, green)
	}
	if !g.roundtrip() || s.statistics().Sinks != 1 {
		t.Error("the client or the reader is gone")
	}
	if e := s.await(display.EventFault); e.Fault != display.FaultImport || !strings.Contains(e.Detail, "no driver") {
		t.Errorf("%+v", e)
	}
	for len(s.events) > 0 {
		if e := <-s.events; e.Kind == display.EventFault {
			t.Errorf("once more: %+v", e)
		}
	}
}

// TestBufferThatEndsItsReader is left out, and only that one: what lies below is
// seen, its client goes on and shows others, until all are refused.
func TestBufferThatEndsItsReader(t *testing.T) {
	s := startGPUSession(t, 64, 64)
	below := s.dial().open()
	below.fill(64, 64, blue, formatXRGB)
	below.show()
	s.sink.mixes("the window below", 5, 5, blue)
	g := s.dialGPU(4)
	w := g.open()
	bad, good := g.picture(64, 64, red, xr), g.picture(64, 64, green, xr)
	refuse := func(r display.Refusal) {
		t.Helper()
		if err := s.host.SendJSON(patience, display.MessageRefuse, r); err != nil {
			t.Fatal(err)
		}
	}
	bad.show(w.surface)
	s.sink.mixes("the GPU's window", 5, 5, red)
	s.sink.mu.Lock()
	id := s.sink.scene.Layers[0].Buffer
	s.sink.mu.Unlock()
	refuse(display.Refusal{Buffer: id})
	for range 2 { // for good
		s.sink.mixes("what lies below", 5, 5, blue)
		good.show(w.surface)
		s.sink.mixes("another picture of the same window", 5, 5, green)
		bad.show(w.surface)
	}
	refuse(display.Refusal{Buffer: 1 << 30}) // of none
	refuse(display.Refusal{All: true})
	s.sink.mixes("what lies below all", 5, 5, blue)
	g.picture(64, 64, red, xr).show(w.surface)
	if !g.roundtrip() {
		t.Error("the client is gone")
	}
	below.fill(64, 64, 0xff123456, formatXRGB)
	below.show()
	s.sink.mixes("what lies below, still", 5, 5, 0xff123456)
}

// TestRecordedClient replays what an EGL client of version 4 says for its first
// picture, byte by byte.
func TestRecordedClient(t *testing.T) {
	s := startGPUSession(t, 64, 64)
	g := s.dialGPU(4)
	if g.dmabuf != 4 {
		t.Fatalf("the recording names object 4, the global is %d", g.dmabuf)
	}
	recorded := "04000000 02000c00 05000000" + // zwp_linux_dmabuf_v1@4.get_default_feedback(new id @5)
		"05000000 00000800" + // zwp_linux_dmabuf_feedback_v1@5.destroy()
		"04000000 01000c00 06000000" + // zwp_linux_dmabuf_v1@4.create_params(new id @6)
		"06000000 01001c00 00000000 00000000 00010000 00000000 00000000" + // zwp_linux_buffer_params_v1@6.add(fd, 0, 0, 256, 0, 0)
		"06000000 03001c00 07000000 40000000 40000000 58523234 00000000" + // .create_immed(new id wl_buffer@7, 64, 64, XR24, 0)
		"06000000 00000800" // .destroy()
	bytes, err := hex.DecodeString(strings.ReplaceAll(recorded, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	fd := sealed(t, 64*256)
	if _, err := unix.Pwrite(fd, []byte{1, 2, 3, 4}, 256+4); err != nil {
		t.Fatal(err)
	}
	if _, _, err := g.conn.WriteMsgUnix(bytes, unix.UnixRights(fd), nil); err != nil {
		t.Fatal(err)
	}
	g.next = 8
	w := g.open()
	w.buffer = 7
	w.show()
	s.sink.mixes("the recorded pixel", 1, 1, 0xff030201)
}
