package media_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kennel-stream/kennel/internal/media"
	"github.com/kennel-stream/kennel/internal/meter"
	"github.com/kennel-stream/kennel/internal/process/processtest"
)

// stubDriver builds a management library whose answers the returned function
// sets, and the environment in which it is found.
func stubDriver(t *testing.T) (env []string, answer func(mood string)) {
	t.Helper()
	dir := t.TempDir()
	build := exec.Command("gcc", "-shared", "-fPIC", "-w", "-o", filepath.Join(dir, "libnvidia-ml.so.1"), filepath.Join("testdata", "nvml.c"))
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build the stub of NVML: %v\n%s", err, out)
	}
	mood := filepath.Join(dir, "mood")
	answer = func(word string) {
		t.Helper()
		if err := os.WriteFile(mood+".new", []byte(word), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(mood+".new", mood); err != nil {
			t.Fatal(err)
		}
	}
	answer("ok")
	return []string{"LD_LIBRARY_PATH=" + dir, "NVML_MOOD=" + mood}, answer
}

func readGPUs(g *media.GPUMeter, limit time.Duration) (meter.GPUs, error) {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	return g.Read(ctx)
}

// TestGPUMeter: what a driver tells is told, and however it fails, the meter
// answers in time, says that nothing is known, and recovers.
func TestGPUMeter(t *testing.T) {
	b := newBench(t)
	env, answer := stubDriver(t)
	g := media.NewGPUMeter(b.spawner, media.Options{Executable: b.exe, Env: env})
	defer g.Close()
	good := func() meter.GPUs {
		t.Helper()
		answer("ok")
		reading, err := readGPUs(g, patience)
		must(t, err)
		return reading
	}
	reading := good()
	d := reading.Devices[0]
	if reading.Driver != "580.0" || d.Name != "Stub" || d.UUID != "GPU-stub" || d.Total.N != 7<<30 || d.Used.N != 512<<20 || !d.HasEncoder || d.EncoderSessions.N != 2 {
		t.Errorf("reading: %+v", reading)
	}
	if d, known := reading.Fullest(); !known || d.Total.N-d.Used.N != 7<<30-512<<20 {
		t.Errorf("the fullest device: %+v", d)
	}
	// Process ids mean something only where the driver's are ours.
	held := reading.Of([]int{os.Getpid()})
	if link, _ := os.Readlink("/proc/self/ns/pid"); link != "pid:[4026531836]" {
		if d.ProcessesKnown || held.Known {
			t.Errorf("process ids of another namespace were believed: %+v", d.Processes)
		}
	} else if len(d.Processes) != 70 || held.N != 3<<20 || reading.Of([]int{100001}).Known {
		t.Errorf("%d processes, %v held by the test", len(d.Processes), held)
	}
	for mood, want := range map[string]string{"zero": "zeros", "lost": "GPU is lost (15)", "crash": "is gone", "hang": "did not answer in time"} {
		answer(mood)
		limit := patience
		if mood == "hang" {
			limit = 200 * time.Millisecond
		}
		if _, err := readGPUs(g, limit); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", mood, err, want)
		}
		good()
	}
	answer("zero")
	if _, err := readGPUs(g, patience); !errors.Is(err, meter.ErrImplausible) {
		t.Errorf("zeros: %v", err)
	}
}

// TestGPUMeterThatCannotBeKilled: a driver holds its process. Readings fail in
// time, and so does the end of the host; no other process is started until it is
// gone, and then there is a reading again.
func TestGPUMeterThatCannotBeKilled(t *testing.T) {
	b := newBench(t)
	env, _ := stubDriver(t)
	g := media.NewGPUMeter(b.spawner, media.Options{Executable: b.exe, Env: env})
	defer g.Close()
	_, err := readGPUs(g, patience)
	must(t, err)
	held := b.spawner.Children()
	thaw := processtest.Freeze(t, held[0])
	const limit = 200 * time.Millisecond
	for i, want := range []string{"did not answer in time", "does not end", "does not end"} {
		began := time.Now()
		if _, err := readGPUs(g, limit); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("reading %d: %v, want %q", i, err, want)
		}
		if d := time.Since(began); d > 2*time.Second {
			t.Errorf("reading %d took %v", i, d)
		}
	}
	if now := b.spawner.Children(); !slices.Equal(now, held) {
		t.Errorf("processes %v, and %v before", now, held)
	}
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		g.Close()
	}()
	select {
	case <-closed:
	case <-time.After(patience):
		t.Error("closing it waits for ever")
	}
	thaw()
	if _, err := readGPUs(g, patience); err != nil {
		t.Errorf("after the driver let go: %v", err)
	}
}

// TestGPUMeterGoesDark: within 5 s, also when its process cannot be killed.
func TestGPUMeterGoesDark(t *testing.T) {
	b := newBench(t)
	env, _ := stubDriver(t)
	g := media.NewGPUMeter(b.spawner, media.Options{Executable: b.exe, Env: env})
	defer g.Close()
	_, err := readGPUs(g, patience)
	must(t, err)
	thaw := processtest.Freeze(t, b.spawner.Children()[0])
	defer thaw()
	changes := make(chan meter.Reading, 8)
	read := func(ctx context.Context) error {
		_, err := g.Read(ctx)
		return err
	}
	began := time.Now()
	board := meter.NewBoard(t.Context(), []meter.Gauge{{Name: "gpu", Every: 2 * time.Second, Deadline: 2 * time.Second, Read: read}}, func(r meter.Reading) { changes <- r })
	defer board.Close()
	select {
	case r := <-changes:
		if !r.Dark || time.Since(began) > 5*time.Second {
			t.Errorf("after %v: %+v", time.Since(began), r)
		}
	case <-time.After(patience):
		t.Error("it does not go dark")
	}
	thaw()
	select {
	case r := <-changes:
		if r.Dark {
			t.Errorf("after the driver let go: %+v", r)
		}
	case <-time.After(patience):
		t.Error("it does not come back")
	}
}

func TestGPUMeterWithoutDriver(t *testing.T) {
	b := newBench(t)
	g := media.NewGPUMeter(b.spawner, media.Options{Executable: b.exe})
	defer g.Close()
	if _, err := readGPUs(g, patience); err != nil && !errors.Is(err, media.ErrNoGPUDriver) {
		t.Errorf("without a driver: %v", err)
	}
}

// TestTry: an encoder is tried in a process of its own.
func TestTry(t *testing.T) {
	b := newBench(t)
	o := media.Options{Executable: b.exe, RegistryFile: b.reg}
	ready, err := media.Try(b.ctx, b.spawner, o, "x264enc")
	must(t, err)
	// On any machine of these years; a wrong unit would be far off.
	if ready.Element != "x264enc" || ready.PixelNanos < 0.1 || ready.PixelNanos > 1000 {
		t.Errorf("ready: %+v", ready)
	}
	if _, err := media.Try(b.ctx, b.spawner, o, "nvh264enc"); err == nil {
		t.Skip("this machine has NVENC")
	} else if !errors.Is(err, media.ErrEncoderMissing) || !strings.Contains(err.Error(), "nvh264enc") {
		t.Errorf("an encoder that is not here: %v", err)
	}
	if _, err := media.Try(b.ctx, b.spawner, o, "fakesink"); err == nil {
		t.Error("fakesink encodes")
	}
	if n := len(b.spawner.Children()); n != 0 {
		t.Errorf("%d processes are left", n)
	}
}
