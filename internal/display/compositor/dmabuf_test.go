package compositor

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/kennel-stream/kennel/internal/display"
	"github.com/kennel-stream/kennel/internal/scene"
)

// Requests and events of linux-dmabuf-unstable-v1.xml.
const (
	reqCreateParams, reqDefaultFeedback, reqSurfaceFeedback = 1, 2, 3
	reqParamsDestroy, reqAdd, reqCreate, reqCreateImmed     = 0, 1, 2, 3
	evFormat, evModifier                                    = 0, 1
	evCreated, evFailed                                     = 0, 1
	evDone, evTable, evMainDevice, evTrancheDone            = 0, 1, 2, 3
	evTarget, evTrancheFormats, evTrancheFlags              = 4, 5, 6
)

// tiled is a modifier of a driver: I915_FORMAT_MOD_X_TILED.
const tiled = 1<<56 | 1

// offered is what displays in these tests offer.
var offered = display.DMABuf{
	Device: 0xe280,
	Formats: []scene.Format{
		{FourCC: scene.FormatXRGB8888, Modifier: tiled},
		{FourCC: scene.FormatXRGB8888},
		{FourCC: scene.FormatARGB8888},
		{FourCC: scene.FormatXBGR8888},
		{FourCC: scene.FormatABGR8888},
	},
}

func startGPUSession(t testing.TB, width, height int) *session {
	t.Helper()
	return startSessionAs(t, systemClock{}, display.Configure{Width: width, Height: height, RefreshMilliHz: 60_000, SessionID: "test", DMABuf: &offered})
}

// sealed is memory that stands in for a dma-buf.
func sealed(t testing.TB, size int) int {
	t.Helper()
	return standIn(t, size, unix.F_SEAL_SHRINK)
}

func standIn(t testing.TB, size, seals int) int {
	t.Helper()
	fd, err := unix.MemfdCreate("stand-in", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Close(fd) })
	if err := unix.Ftruncate(fd, int64(size)); err != nil {
		t.Fatal(err)
	}
	if _, err := unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, seals); err != nil {
		t.Fatal(err)
	}
	return fd
}

// gpu is a client of zwp_linux_dmabuf_v1.
type gpu struct {
	*raw
	dmabuf uint32
}

func (s *session) dialGPU(version uint32) gpu {
	s.t.Helper()
	c := s.dial()
	return gpu{c, c.bind("zwp_linux_dmabuf_v1", version)}
}

func (g gpu) params() uint32 {
	id := g.id()
	g.send(g.dmabuf, reqCreateParams, id)
	return id
}

func (g gpu) add(params uint32, fd, plane, offset, stride int, modifier uint64) {
	g.send(params, reqAdd, file(fd), plane, offset, uint32(stride), uint32(modifier>>32), uint32(modifier))
}

// picture is a buffer of memory that stands in for the GPU's.
type picture struct {
	g             gpu
	buffer        uint32
	pix           []byte
	width, height int
}

func (g gpu) picture(width, height int, argb, format uint32) *picture {
	g.t.Helper()
	fd := sealed(g.t, 4*width*height)
	pix, err := unix.Mmap(fd, 0, 4*width*height, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		g.t.Fatal(err)
	}
	g.t.Cleanup(func() { _ = unix.Munmap(pix) })
	paint(pix, argb)
	params, buffer := g.params(), g.id()
	g.add(params, fd, 0, 0, 4*width, scene.ModifierLinear)
	g.send(params, reqCreateImmed, buffer, width, height, format, 0)
	g.send(params, reqParamsDestroy)
	return &picture{g, buffer, pix, width, height}
}

// show makes p what a surface shows.
func (p *picture) show(surface uint32) {
	p.g.send(surface, 1, p.buffer, 0, 0)
	p.g.send(surface, 9, 0, 0, p.width, p.height)
	p.g.send(surface, 6)
}

func TestNoGPUBuffersAreOfferedUnlessTheyCanBeRead(t *testing.T) {
	for name, conf := range map[string]*display.DMABuf{
		"off": nil, "no format": {Device: 1},
		"unknown format": {Device: 1, Formats: []scene.Format{{FourCC: 0x3231564e}}},
	} {
		s := startSessionAs(t, systemClock{}, display.Configure{Width: 64, Height: 64, RefreshMilliHz: 60_000, DMABuf: conf})
		if _, there := s.dial().globals["zwp_linux_dmabuf_v1"]; there {
			t.Errorf("%s: the global is announced", name)
		}
	}
}

func TestFormatsForOldClients(t *testing.T) {
	s := startGPUSession(t, 64, 64)
	for version, want := range map[uint32][]string{
		1: nil, 2: nil, 4: nil,
		3: {
			"1 34325258 01000000 00000001", "1 34325258 00000000 00000000", "1 34325241 00000000 00000000",
			"1 34324258 00000000 00000000", "1 34324241 00000000 00000000",
		},
	} {
		g := s.dialGPU(version)
		g.roundtrip()
		var got []string
		for _, e := range g.events {
			if e.object == g.dmabuf {
				got = append(got, e.words())
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("version %d: %s", version, diff)
		}
	}
}

// words shows an event: the opcode and each word of its arguments.
func (e rawEvent) words() string {
	out := fmt.Sprint(e.opcode)
	for i := range len(e.body) / 4 {
		out += fmt.Sprintf(" %08x", e.word(i))
	}
	return out
}

// TestFeedback holds the bytes that a client of version 4 gets.
func TestFeedback(t *testing.T) {
	s := startGPUSession(t, 64, 64)
	g := s.dialGPU(4)
	w := g.open()
	ask := map[string]func(id uint32){
		"default": func(id uint32) { g.send(g.dmabuf, reqDefaultFeedback, id) },
		"surface": func(id uint32) { g.send(g.dmabuf, reqSurfaceFeedback, id, w.surface) },
	}
	for name, ask := range ask {
		id := g.id()
		g.events = nil
		ask(id)
		if !g.roundtrip() {
			t.Fatal("disconnected")
		}
		var got []string
		for _, e := range g.events {
			if e.object == id {
				got = append(got, e.words())
			}
		}
		want := []string{
			"1 00000050",                            // format_table of 5 pairs
			"2 00000008 0000e280 00000000",          // main_device
			"4 00000008 0000e280 00000000",          // tranche_target_device
			"6 00000000",                            // tranche_flags
			"5 0000000a 00010000 00030002 00000004", // tranche_formats
			"3", "0",                                // tranche_done, done
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
		g.send(id, 0)
	}
	if len(g.fds) != 2 {
		t.Fatalf("%d files came, want two tables", len(g.fds))
	}
	table := make([]byte, 256)
	n, err := unix.Pread(g.fds[0], table, 0)
	want := "58523234000000000100000000000001" + "58523234000000000000000000000000" + "41523234000000000000000000000000" +
		"58423234000000000000000000000000" + "41423234000000000000000000000000"
	if err != nil || n != 5*formatEntry || tableText(table[:n]) != want {
		t.Errorf("table %s, %v", tableText(table[:max(n, 0)]), err)
	}
	if _, err := unix.Mmap(g.fds[0], 0, n, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED); err == nil {
		t.Error("a client can change the table")
	}
	if !g.roundtrip() {
		t.Error("disconnected")
	}
}

// tableText shows a table with its modifiers as big-endian numbers.
func tableText(table []byte) string {
	out := ""
	for ; len(table) >= formatEntry; table = table[formatEntry:] {
		out += hex.EncodeToString(table[:8]) + hex.EncodeToString(binary.BigEndian.AppendUint64(nil, binary.NativeEndian.Uint64(table[8:])))
	}
	return out
}

// openPlanes counts the open descriptors of memory that stands in.
func openPlanes(t testing.TB) (n int) {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if link, err := os.Readlink("/proc/self/fd/" + e.Name()); err == nil && strings.Contains(link, "stand-in") {
			n++
		}
	}
	return n
}

// wantPlanes waits until so many planes are open: viewers close theirs a little
// later than the display does.
func (s *session) wantPlanes(want int) {
	s.t.Helper()
	for deadline := time.Now().Add(patience); openPlanes(s.t) != want; s.statistics() {
		if time.Now().After(deadline) {
			s.t.Errorf("%d planes are open, want %d", openPlanes(s.t), want)
			return
		}
	}
}

// TestParamsLeakNoFiles goes through every end that parameters can have.
func TestParamsLeakNoFiles(t *testing.T) {
	s := startGPUSession(t, 64, 64)
	good := sealed(t, 64*64*4)
	loose := standIn(t, 64*64*4, 0)
	g := s.dialGPU(4)
	g.roundtrip()
	before := openPlanes(t)
	for i := range 10_000 {
		p := g.params()
		switch i % 4 {
		case 0: // given up
			for plane := range scene.MaxPlanes {
				g.add(p, good, plane, 0, 256, 0)
			}
		case 1: // made, and destroyed
			b := g.id()
			g.add(p, good, 0, 0, 256, 0)
			g.send(p, reqCreateImmed, b, 64, 64, scene.FormatXRGB8888, 0)
			g.send(b, 0)
		case 2: // failed
			g.add(p, loose, 0, 0, 256, 0)
			g.send(p, reqCreate, 64, 64, scene.FormatXRGB8888, 0)
		case 3: // made later, and never taken
			g.add(p, good, 0, 0, 256, tiled)
			g.add(p, good, 1, 0, 16, tiled)
			g.send(p, reqCreate, 64, 64, scene.FormatXRGB8888, 0)
			g.send(g.must(p, evCreated).word(0), 0)
		}
		g.send(p, reqParamsDestroy)
		if i%500 == 0 && !g.roundtrip() {
			t.Fatalf("disconnected: %v", g.fault)
		}
		g.events = nil
	}
	if !g.roundtrip() {
		t.Fatalf("disconnected: %v", g.fault)
	}
	s.wantPlanes(before)
	g.add(g.params(), good, 0, 0, 256, 0)
	_ = g.conn.Close()
	s.await(display.EventClientGone)
	s.wantPlanes(before)
}

func TestManyLoosePlanesEndTheClient(t *testing.T) {
	s := startGPUSession(t, 64, 64)
	g := s.dialGPU(4)
	fd := sealed(t, 4096)
	for range maxLoosePlanes + 1 {
		g.add(g.params(), fd, 0, 0, 64, 0)
	}
	if f := g.dies(); f == nil || f.object != 1 || f.code != 2 {
		t.Errorf("%v, want no_memory", f)
	}
}

func TestTooManyGPUBuffersFail(t *testing.T) {
	s := startGPUSession(t, 64, 64)
	g := s.dialGPU(4)
	fd := sealed(t, 4096)
	for i := range maxDMABufs + 1 {
		p := g.params()
		g.add(p, fd, 0, 0, 64, 0)
		g.send(p, reqCreate, 16, 16, scene.FormatXRGB8888, 0)
		want := uint16(evCreated)
		if i == maxDMABufs {
			want = evFailed
		}
		g.must(p, want)
		g.send(p, reqParamsDestroy)
	}
}
