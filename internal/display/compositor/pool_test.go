package compositor

import (
	"errors"
	"math"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
	"pgregory.net/rapid"

	"github.com/kennel-stream/kennel/internal/display/pixel"
	"github.com/kennel-stream/kennel/internal/display/region"
)

func memfd(t testing.TB, size int) int {
	t.Helper()
	fd, err := unix.MemfdCreate("pool", unix.MFD_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.Ftruncate(fd, int64(size)); err != nil {
		t.Fatal(err)
	}
	return fd
}

func TestPoolReadsOnlyTheDamage(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w, h := rapid.IntRange(1, 20).Draw(rt, "w"), rapid.IntRange(1, 20).Draw(rt, "h")
		l := layout{offset: int64(rapid.IntRange(0, 64).Draw(rt, "offset")), stride: 4*w + rapid.IntRange(0, 32).Draw(rt, "gap"), width: w, height: h}
		data := make([]byte, int(l.offset)+l.stride*h)
		for i := range data {
			data[i] = byte(i*7 + 1)
		}
		fd := memfd(t, len(data))
		if _, err := unix.Pwrite(fd, data, 0); err != nil {
			t.Fatal(err)
		}
		p, err := openPool(fd, int32(len(data)))
		if err != nil {
			t.Fatal(err)
		}
		defer p.unref()
		c := rapid.Int32Range(-5, 25)
		r := region.XYWH(c.Draw(rt, "x"), c.Draw(rt, "y"), c.Draw(rt, "dw"), c.Draw(rt, "dh"))
		dst := pixel.New(w, h)
		if err := p.read(l, &dst, r); err != nil {
			rt.Fatal(err)
		}
		for y := range int32(h) {
			for x := range int32(w) {
				for i, got := range dst.Row(y, x, x+1) {
					want := byte(0)
					if r.Has(x, y) {
						want = data[int(l.offset)+int(y)*l.stride+4*int(x)+i]
					}
					if got != want {
						rt.Fatalf("byte %d of pixel %d,%d is %d, want %d", i, x, y, got, want)
					}
				}
			}
		}
	})
}

func TestShortPoolIsAnError(t *testing.T) {
	fd := memfd(t, 4*16*16)
	p, err := openPool(fd, 4*16*16)
	if err != nil {
		t.Fatal(err)
	}
	defer p.unref()
	dst := pixel.New(16, 16)
	l := layout{stride: 64, width: 16, height: 16}
	if err := p.read(l, &dst, dst.Bounds()); err != nil {
		t.Fatal(err)
	}
	if err := unix.Ftruncate(fd, 100); err != nil {
		t.Fatal(err)
	}
	if err := p.read(l, &dst, dst.Bounds()); !errors.Is(err, errShortPool) {
		t.Errorf("reading a pool that shrank: %v", err)
	}
}

func TestWriteOnlyPoolIsAnError(t *testing.T) {
	f, err := os.OpenFile(filepath.Join(t.TempDir(), "pool"), os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	fd, err := unix.Dup(int(f.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	p, err := openPool(fd, 4096)
	if err != nil {
		t.Skipf("the temporary directory is on a file system that is not served: %v", err)
	}
	defer p.unref()
	dst := pixel.New(4, 4)
	if err := p.read(layout{stride: 16, width: 4, height: 4}, &dst, dst.Bounds()); !errors.Is(err, errShortPool) {
		t.Errorf("reading a file that was opened for writing: %v", err)
	}
}

func TestOnlyPlainFilesArePools(t *testing.T) {
	var pipe [2]int
	if err := unix.Pipe2(pipe[:], unix.O_CLOEXEC); err != nil {
		t.Fatal(err)
	}
	defer unix.Close(pipe[1])
	proc, err := unix.Open("/proc/self/mem", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	null, err := unix.Open("/dev/null", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	for name, fd := range map[string]int{"pipe": pipe[0], "/proc": proc, "device": null} {
		if _, err := openPool(fd, 4096); !errors.Is(err, errPoolFile) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err == nil {
			t.Errorf("%s is still open", name)
		}
	}
}

func TestLayoutBounds(t *testing.T) {
	const pool = 1 << 20
	bad := []layout{
		{0, 400, 0, 10},
		{0, 400, 100, 0},
		{0, 399, 100, 10},
		{-4, 400, 100, 10},
		{pool, 400, 100, 10},
		{0, 400, 100, pool},
		{0, math.MaxInt32, 100, math.MaxInt32},
		{0, math.MaxInt32, math.MaxInt32, 1},
		{pool - 3999, 400, 100, 10},
		{0, -400, -100, 10},
	}
	for _, l := range bad {
		if l.fits(pool) {
			t.Errorf("%+v fits", l)
		}
	}
	if l := (layout{pool - 4000, 400, 100, 10}); !l.fits(pool) {
		t.Errorf("%+v does not fit", l)
	}
}

func TestPoolIsClosedAfterItsLastBuffer(t *testing.T) {
	fd := memfd(t, 4096)
	p, err := openPool(fd, 4096)
	if err != nil {
		t.Fatal(err)
	}
	closed := false
	p.onClose = func() { closed = true }
	p.ref()
	p.unref()
	if closed {
		t.Fatal("closed while a buffer needs it")
	}
	p.unref()
	if _, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err == nil || !closed {
		t.Error("the file is still open")
	}
}
