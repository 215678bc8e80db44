package compositor

import (
	"math"
	"testing"

	"golang.org/x/sys/unix"
	"pgregory.net/rapid"

	"github.com/kennel-stream/kennel/internal/scene"
)

// Errors of zwp_linux_buffer_params_v1.
const (
	alreadyUsed, planeIdx, planeSet, incomplete                        = 0, 1, 2, 3
	invalidFormat, invalidDimensions, outOfBounds, invalidWlBuffer int = 4, 5, 6, 7
)

const xr = scene.FormatXRGB8888

// gpuCrimes are what a client must not do; fd is 64x64 pixels, p parameters
// with that as plane 0 unless bare is set.
var gpuCrimes = []struct {
	name  string
	code  int
	bare  bool
	crime func(g gpu, p uint32, fd int)
}{
	{"add after create", alreadyUsed, false, func(g gpu, p uint32, fd int) {
		g.send(p, reqCreate, 64, 64, xr, 0)
		g.add(p, fd, 1, 0, 256, 0)
	}},
	{"create twice", alreadyUsed, false, func(g gpu, p uint32, _ int) {
		g.send(p, reqCreate, 64, 64, xr, 0)
		g.send(p, reqCreate, 64, 64, xr, 0)
	}},
	{"create after create_immed", alreadyUsed, false, func(g gpu, p uint32, _ int) {
		g.send(p, reqCreateImmed, g.id(), 64, 64, xr, 0)
		g.send(p, reqCreate, 64, 64, xr, 0)
	}},
	{"create after it failed", alreadyUsed, false, func(g gpu, p uint32, _ int) {
		g.send(p, reqCreate, 64, 64, xr, 2)
		g.send(p, reqCreateImmed, g.id(), 64, 64, xr, 0)
	}},
	{"plane 4", planeIdx, false, func(g gpu, p uint32, fd int) { g.add(p, fd, 4, 0, 256, 0) }},
	{"plane of 32 bits", planeIdx, false, func(g gpu, p uint32, fd int) { g.add(p, fd, -1, 0, 256, 0) }},
	{"plane twice", planeSet, false, func(g gpu, p uint32, fd int) { g.add(p, fd, 0, 0, 256, 0) }},
	{"no plane", incomplete, true, func(g gpu, p uint32, _ int) { g.send(p, reqCreate, 64, 64, xr, 0) }},
	{"plane 1 alone", incomplete, true, func(g gpu, p uint32, fd int) {
		g.add(p, fd, 1, 0, 256, 0)
		g.send(p, reqCreate, 64, 64, xr, 0)
	}},
	{"a gap", incomplete, true, func(g gpu, p uint32, fd int) {
		g.add(p, fd, 0, 0, 256, tiled)
		g.add(p, fd, 2, 0, 256, tiled)
		g.send(p, reqCreate, 64, 64, xr, 0)
	}},
	{"too many planes", incomplete, false, func(g gpu, p uint32, fd int) {
		g.add(p, fd, 1, 0, 256, 0)
		g.send(p, reqCreateImmed, g.id(), 64, 64, xr, 0)
	}},
	{"unknown format", invalidFormat, false, func(g gpu, p uint32, _ int) { g.send(p, reqCreate, 64, 64, 0x3231564e, 0) }},
	{"modifier that was not advertised", invalidFormat, true, func(g gpu, p uint32, fd int) {
		g.add(p, fd, 0, 0, 256, tiled+1)
		g.send(p, reqCreate, 64, 64, xr, 0)
	}},
	{"modifier of another format", invalidFormat, true, func(g gpu, p uint32, fd int) {
		g.add(p, fd, 0, 0, 256, tiled)
		g.send(p, reqCreate, 64, 64, scene.FormatARGB8888, 0)
	}},
	{"implicit modifier", invalidFormat, true, func(g gpu, p uint32, fd int) {
		g.add(p, fd, 0, 0, 256, scene.ModifierInvalid)
		g.send(p, reqCreate, 64, 64, xr, 0)
	}},
	{"two modifiers", invalidFormat, true, func(g gpu, p uint32, fd int) {
		g.add(p, fd, 0, 0, 256, tiled)
		g.add(p, fd, 1, 0, 256, 0)
		g.send(p, reqCreate, 64, 64, xr, 0)
	}},
	{"no width", invalidDimensions, false, func(g gpu, p uint32, _ int) { g.send(p, reqCreate, 0, 64, xr, 0) }},
	{"negative height", invalidDimensions, false, func(g gpu, p uint32, _ int) { g.send(p, reqCreateImmed, g.id(), 64, -64, xr, 0) }},
	{"a row too many", outOfBounds, false, func(g gpu, p uint32, _ int) { g.send(p, reqCreate, 64, 65, xr, 0) }},
	{"huge height", outOfBounds, false, func(g gpu, p uint32, _ int) { g.send(p, reqCreate, 64, math.MaxInt32, xr, 0) }},
	{"wider than its stride", outOfBounds, false, func(g gpu, p uint32, _ int) { g.send(p, reqCreate, 65, 1, xr, 0) }},
	{"huge width", outOfBounds, false, func(g gpu, p uint32, _ int) { g.send(p, reqCreate, math.MaxInt32, 1, xr, 0) }},
	{"offset beyond the file", outOfBounds, true, func(g gpu, p uint32, fd int) {
		g.add(p, fd, 0, 1<<20, 256, 0)
		g.send(p, reqCreate, 64, 64, xr, 0)
	}},
	{"offset of 32 bits", outOfBounds, true, func(g gpu, p uint32, fd int) {
		g.add(p, fd, 0, -1, 256, 0)
		g.send(p, reqCreate, 64, 64, xr, 0)
	}},
	{"no stride", outOfBounds, true, func(g gpu, p uint32, fd int) {
		g.add(p, fd, 0, 0, 0, tiled)
		g.send(p, reqCreate, 64, 64, xr, 0)
	}},
	{"second plane beyond the file", outOfBounds, true, func(g gpu, p uint32, fd int) {
		g.add(p, fd, 0, 0, 256, tiled)
		g.add(p, fd, 1, 64*256-8, 16, tiled)
		g.send(p, reqCreate, 64, 64, xr, 0)
	}},
	{"memory that may shrink", invalidWlBuffer, true, func(g gpu, p uint32, _ int) {
		g.add(p, standIn(g.t, 64*256, 0), 0, 0, 256, 0)
		g.send(p, reqCreateImmed, g.id(), 64, 64, xr, 0)
	}},
	{"interlaced", invalidWlBuffer, false, func(g gpu, p uint32, _ int) { g.send(p, reqCreateImmed, g.id(), 64, 64, xr, 2) }},
}

func TestBadGPUBuffersEndTheirClientAlone(t *testing.T) {
	s := startGPUSession(t, 64, 64)
	good := s.dial()
	bystander := good.openFilled(0xff0000ff)
	for i, crime := range gpuCrimes {
		t.Run(crime.name, func(t *testing.T) {
			g := s.dialGPU(4)
			g.t = t
			fd, p := sealed(t, 64*256), g.params()
			if !crime.bare {
				g.add(p, fd, 0, 0, 256, 0)
			}
			if !g.roundtrip() {
				t.Fatal("disconnected before the crime")
			}
			crime.crime(g, p, fd)
			if f := g.dies(); f == nil || f.object != p || f.code != uint32(crime.code) {
				t.Errorf("got %v (%v), want error %d on object %d", f, g.ended, crime.code, p)
			}
			colour := 0xff000000 + uint32(i) + 1
			paint(bystander.pix, colour)
			bystander.show()
			s.sink.until("the bystander goes on", func() bool { return s.sink.at(5, 5) == colour })
		})
	}
}

// TestImportsThatFail may have reasons that a client cannot know: it goes on.
func TestImportsThatFail(t *testing.T) {
	s := startGPUSession(t, 64, 64)
	var pipe [2]int
	if err := unix.Pipe2(pipe[:], unix.O_CLOEXEC); err != nil {
		t.Fatal(err)
	}
	defer unix.Close(pipe[0])
	defer unix.Close(pipe[1])
	fine, big := sealed(t, 64*256), sealed(t, 9000*4)
	for name, try := range map[string]struct {
		version          uint32
		fd, width, flags int
		stride, height   int
		modifier         uint64
	}{
		"memory that may shrink": {4, standIn(t, 64*256, 0), 64, 0, 256, 64, 0},
		"pipe":                   {4, pipe[0], 64, 0, 256, 64, 0},
		"inverted":               {4, fine, 64, 1, 256, 64, 0},
		"too wide":               {4, big, 9000, 0, 36000, 1, 0},
		"modifier, old client":   {3, fine, 64, 0, 256, 64, tiled + 1},
		"implicit, old client":   {2, fine, 64, 0, 256, 64, scene.ModifierInvalid},
	} {
		g := s.dialGPU(try.version)
		p := g.params()
		g.add(p, try.fd, 0, 0, try.stride, try.modifier)
		g.send(p, reqCreate, try.width, try.height, xr, try.flags)
		if _, failed := g.wait(p, evFailed); !failed {
			t.Errorf("%s: no failed event: %v", name, g.fault)
		}
		g.send(p, reqParamsDestroy)
		if !g.roundtrip() {
			t.Errorf("%s: disconnected: %v", name, g.fault)
		}
	}
}

// TestRandomGPURequests throws half valid requests at a display, which must go
// on and lose no file.
func TestRandomGPURequests(t *testing.T) {
	s := startGPUSession(t, 64, 64)
	good := s.dial()
	good.openFilled(0xff0000ff)
	fds := []int{sealed(t, 64*256), sealed(t, 1), standIn(t, 64*256, 0)}
	before := openPlanes(t)
	rapid.Check(t, func(rt *rapid.T) {
		g := s.dialGPU(rapid.SampledFrom([]uint32{3, 4}).Draw(rt, "version"))
		w := g.open()
		params, buffers := []uint32{g.params()}, []uint32{0}
		num := rapid.OneOf(rapid.SampledFrom([]int{0, 1, 2, 16, 64, 256}), rapid.Int())
		n := func(name string) int { return int(int32(num.Draw(rt, name))) }
		for range rapid.IntRange(1, 40).Draw(rt, "requests") {
			p := rapid.SampledFrom(params).Draw(rt, "params")
			format := rapid.SampledFrom([]uint32{xr, scene.FormatABGR8888, 1}).Draw(rt, "format")
			switch rapid.IntRange(0, 7).Draw(rt, "request") {
			case 0:
				params = append(params, g.params())
			case 1, 2:
				g.add(p, rapid.SampledFrom(fds).Draw(rt, "fd"), rapid.IntRange(0, 4).Draw(rt, "plane"), n("offset"), n("stride"), rapid.SampledFrom([]uint64{0, tiled}).Draw(rt, "modifier"))
			case 3:
				g.send(p, reqCreate, n("width"), n("height"), format, 0)
			case 4:
				buffers = append(buffers, g.id())
				g.send(p, reqCreateImmed, buffers[len(buffers)-1], n("width"), n("height"), format, 0)
			case 5:
				g.send(w.surface, 1, rapid.SampledFrom(buffers).Draw(rt, "buffer"), 0, 0)
			case 6:
				g.send(w.surface, 9, n("x"), n("y"), n("w"), n("h"))
			case 7:
				g.send(w.surface, 6)
			}
		}
		g.roundtrip() // it may well have been disconnected
		_ = g.conn.Close()
		for s.statistics().Clients > 1 {
			s.await("client-gone")
		}
		if !good.roundtrip() {
			rt.Fatal("the bystander was disconnected")
		}
	})
	s.wantPlanes(before)
}
