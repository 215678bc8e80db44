package media_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kennel-stream/kennel/internal/ipc"
	"github.com/kennel-stream/kennel/internal/media"
	"github.com/kennel-stream/kennel/internal/process"
	"github.com/kennel-stream/kennel/internal/scene"
)

// patience bounds every wait of these tests, on a machine that is busy.
const patience = 20 * time.Second

var scratch string // removed at the end

func TestMain(m *testing.M) {
	var err error
	if scratch, err = os.MkdirTemp("", "kennel-media-test"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	_ = os.RemoveAll(scratch)
	os.Exit(code)
}

// program builds the real kennel-media, without cgo whatever the tests have,
// and its registry.
var program = sync.OnceValues(func() (string, error) {
	path := filepath.Join(scratch, "kennel-media")
	build := exec.Command("go", "build", "-buildvcs=false", "-o", path, "github.com/kennel-stream/kennel/cmd/kennel-media")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	return path, nil
})

type bench struct {
	testing.TB
	spawner  *process.Spawner
	exe, reg string
	ctx      context.Context
}

func newBench(t testing.TB) *bench {
	t.Helper()
	exe, err := program()
	if err != nil {
		t.Fatal(err)
	}
	spawner := process.NewSpawner()
	t.Cleanup(spawner.Close)
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	t.Cleanup(cancel)
	b := &bench{TB: t, spawner: spawner, exe: exe, reg: filepath.Join(scratch, "registry"), ctx: ctx}
	if err := media.EnsureRegistry(ctx, spawner, exe, b.reg); err != nil {
		t.Fatal(err)
	}
	return b
}

func (b *bench) worker() *media.Worker {
	b.Helper()
	w, err := media.Start(b.ctx, b.spawner, media.Options{Executable: b.exe, RegistryFile: b.reg, Stderr: os.Stderr})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { w.Kill() })
	if len(w.Hello().Encoders) == 0 {
		b.Skip("no encoder is installed here")
	}
	return w
}

func spec720() media.EncodeSpec {
	return media.EncodeSpec{Codec: "h264", Width: 1280, Height: 720, FPSNum: 60, FPSDen: 1, BitrateKbps: 10000, Slices: 1}
}

// encoding starts an encoder whose scenes come from the returned screen.
func (b *bench) encoding(spec media.EncodeSpec) (*media.Encoding, *screen) {
	b.Helper()
	_, e, s := b.encodingOf(spec)
	return e, s
}

func (b *bench) encodingOf(spec media.EncodeSpec) (*media.Worker, *media.Encoding, *screen) {
	b.Helper()
	w := b.worker()
	conn, link, err := ipc.Pair()
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = conn.Close() })
	e, err := w.Encode(b.ctx, spec, link)
	_ = link.Close()
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = e.Close() })
	return w, e, newScreen(b, conn, spec.Width, spec.Height)
}

// screen is a display with a ring of sealed buffers.
type screen struct {
	testing.TB
	conn          *ipc.Conn
	width, height int
	buffers       [][]byte
	sequence      uint64
	done          chan uint64 // what the worker has given back
}

const ring = 4

func newScreen(t testing.TB, conn *ipc.Conn, width, height int) *screen {
	t.Helper()
	s := &screen{TB: t, conn: conn, width: width, height: height, done: make(chan uint64, 1024)}
	for id := range ring {
		fd, pixels := memfd(t, width*height*4, unix.F_SEAL_SHRINK|unix.F_SEAL_GROW)
		s.buffers = append(s.buffers, pixels)
		s.announce(uint32(id), fd)
		_ = unix.Close(fd)
	}
	go func() {
		for {
			m, err := conn.Receive(0)
			if err != nil {
				close(s.done)
				return
			}
			if m.Type == scene.MessageDone && len(m.Payload) == 8 {
				s.done <- binary.LittleEndian.Uint64(m.Payload)
			}
		}
	}()
	return s
}

// memfd makes shared memory with seals, which the caller closes.
func memfd(t testing.TB, size, seals int) (fd int, pixels []byte) {
	t.Helper()
	fd, err := unix.MemfdCreate("test", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err == nil {
		err = unix.Ftruncate(fd, int64(size))
	}
	if err == nil {
		pixels, err = unix.Mmap(fd, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	}
	if err == nil && seals != 0 {
		_, err = unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, seals)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Munmap(pixels) })
	return fd, pixels
}

func (s *screen) buffer(id uint32) scene.Buffer {
	return scene.Buffer{
		Generation: 1, ID: id, Kind: scene.Shm, Width: uint32(s.width), Height: uint32(s.height),
		Format: scene.FormatXRGB8888, Planes: []scene.Plane{{Stride: uint32(s.width * 4)}},
	}
}

func (s *screen) announce(id uint32, fd int) {
	s.Helper()
	b := s.buffer(id)
	s.send(scene.MessageBuffer, b.Append(nil), fd)
}

func (s *screen) send(typ uint16, payload []byte, files ...int) {
	s.Helper()
	if err := s.conn.Send(patience, typ, payload, files...); err != nil {
		s.Fatal(err)
	}
}

// scene describes the buffer of a sequence as a whole new picture.
func (s *screen) scene(id uint32) *scene.Scene {
	w, h := int32(s.width), int32(s.height)
	return &scene.Scene{
		Generation: 1, Sequence: s.sequence, Commit: now(), Width: uint32(w), Height: uint32(h),
		Layers: []scene.Layer{{Buffer: id, Source: scene.Rect{Width: w << 8, Height: h << 8}, Destination: scene.Rect{Width: w, Height: h}}},
		Damage: []scene.Rect{{Width: w, Height: h}},
	}
}

// show draws the next picture and sends it.
func (s *screen) show(draw func(pixels []byte)) {
	s.Helper()
	s.sequence++
	id := uint32(s.sequence % ring)
	draw(s.buffers[id])
	s.send(scene.MessageScene, s.scene(id).Append(nil))
}

func now() int64 {
	var t unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &t)
	return t.Nano()
}

// grey fills everything with one level.
func grey(level byte) func([]byte) {
	return func(pixels []byte) { copy(pixels, bytes.Repeat([]byte{level}, len(pixels))) }
}

// noise fills everything with a pattern that cannot be predicted.
func noise(seed uint32) func([]byte) {
	return func(pixels []byte) {
		x := seed*2654435761 + 1
		for i := 0; i+4 <= len(pixels); i += 4 {
			x ^= x << 13
			x ^= x >> 17
			x ^= x << 5
			binary.LittleEndian.PutUint32(pixels[i:], x)
		}
	}
}

// blocks draws blocks of 8x8 in dark greys that cannot be predicted.
func blocks(width int, seed uint32) func([]byte) {
	return func(pixels []byte) {
		for i := 0; i+4 <= len(pixels); i += 4 {
			x := (uint32(i/4%width/8)<<16 | uint32(i/4/width/8)) + seed*7919 + 1
			x *= 2654435761
			x ^= x >> 15
			x *= 2246822519
			v := byte(x>>24) >> 3
			pixels[i], pixels[i+1], pixels[i+2] = v, v, v
		}
	}
}

func read(t testing.TB, e *media.Encoding, f *ipc.Frame) {
	t.Helper()
	if err := e.Read(patience, f); err != nil {
		t.Fatalf("read a frame: %v%s", err, faultsOf(e))
	}
}

func faultsOf(e *media.Encoding) (text string) {
	for {
		select {
		case f, ok := <-e.Faults():
			if !ok {
				return text
			}
			text += "; " + f.Error()
		default:
			return text
		}
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func isTimeout(err error) bool { return errors.Is(err, os.ErrDeadlineExceeded) }

// software are the encoders that every machine has; those of GPUs are tried
// where there is one.
func software() []media.Rung {
	return slices.DeleteFunc(media.Encoders("h264"), func(r media.Rung) bool { return r.Hardware })
}
