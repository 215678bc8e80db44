package media_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kennel-stream/kennel/internal/evidence"
	"github.com/kennel-stream/kennel/internal/ipc"
	"github.com/kennel-stream/kennel/internal/media"
	"github.com/kennel-stream/kennel/internal/process"
	"github.com/kennel-stream/kennel/internal/scene"
)

func TestKilledWorker(t *testing.T) {
	w, e, s := newBench(t).encodingOf(small(60))
	must(t, e.Start())
	s.show(grey(1))
	var f ipc.Frame
	read(t, e, &f)
	must(t, w.Process().Signal(syscall.SIGKILL))
	var err error
	for err == nil {
		err = e.Read(patience, &f)
	}
	if !errors.Is(err, io.EOF) {
		t.Errorf("read gave %v, want the end of the stream", err)
	}
	if _, ok := <-e.Faults(); ok {
		t.Error("a killed worker reported a fault")
	}
	if exit := w.Process().Exit(); exit.Signal != syscall.SIGKILL {
		t.Errorf("the worker ended by %s", exit)
	}
	if err := e.RequestKeyframe(); err == nil {
		t.Error("a dead worker took a request")
	}
}

func TestDisplayGone(t *testing.T) {
	e, s := newBench(t).encoding(small(60))
	must(t, e.Start())
	s.show(grey(1))
	var f ipc.Frame
	read(t, e, &f)
	must(t, s.conn.Close())
	// The last picture is kept, for as long as somebody looks.
	for range 8 {
		read(t, e, &f)
	}
	must(t, e.RequestKeyframe())
	for !f.Key() {
		read(t, e, &f)
	}
}

// TestParentGone starts a worker by hand and closes its control link.
func TestParentGone(t *testing.T) {
	b := newBench(t)
	conn, child, err := ipc.Pair()
	must(t, err)
	proc, err := b.spawner.Start(b.ctx, process.Spec{Name: "media", Path: b.exe, Env: []string{"GST_REGISTRY=" + b.reg, "GST_REGISTRY_UPDATE=no", "GST_REGISTRY_FORK=no"}, Files: []*os.File{child}})
	_ = child.Close()
	must(t, err)
	m, err := conn.Receive(patience)
	must(t, err)
	if m.Type != media.MessageHello {
		t.Fatalf("the first message is %#x", m.Type)
	}
	must(t, conn.Close())
	select {
	case <-proc.Done():
	case <-time.After(patience):
		t.Fatal("the worker lives on without its parent")
	}
	if exit := proc.Exit(); exit.Code != 0 {
		t.Errorf("the worker ended with %s", exit)
	}
}

func TestStop(t *testing.T) {
	w, e, _ := newBench(t).encodingOf(small(60))
	must(t, e.Close())
	select {
	case <-w.Process().Done():
	case <-time.After(patience):
		t.Fatal("the worker lives on after the encoding was closed")
	}
	if exit := w.Process().Exit(); exit.Code != 0 {
		t.Errorf("the worker ended with %s", exit)
	}
}

func TestOneJob(t *testing.T) {
	w, _, _ := newBench(t).encodingOf(small(60))
	if _, err := w.Decode(t.Context(), media.DecodeSpec{Codec: "h264"}); !errors.Is(err, media.ErrBusy) {
		t.Errorf("a second job gave %v", err)
	}
}

func TestStartHonoursItsContext(t *testing.T) {
	b := newBench(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Microsecond)
	defer cancel()
	if _, err := media.Start(ctx, b.spawner, media.Options{Executable: b.exe, RegistryFile: b.reg}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("start gave %v", err)
	}
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(patience)
	for len(b.spawner.Children()) != 0 {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("children %v are left", b.spawner.Children())
		}
	}
}

func fault(t *testing.T, e *media.Encoding, id evidence.FaultID, words string) {
	t.Helper()
	select {
	case f, ok := <-e.Faults():
		if !ok || f.ID != id || !strings.Contains(f.Detail, words) || f.Fatal {
			t.Errorf("fault %+v (%v), want %s about %q", f, ok, id, words)
		}
	case <-time.After(patience):
		t.Fatalf("no fault about %q", words)
	}
}

// TestMalformedScenes are refused one by one, and the encoder goes on.
func TestMalformedScenes(t *testing.T) {
	e, s := newBench(t).encoding(small(60))
	must(t, e.Start())
	size := s.width * s.height * 4
	announce := func(change func(*scene.Buffer), files ...int) {
		b := s.buffer(20)
		change(&b)
		s.send(scene.MessageBuffer, b.Append(nil), files...)
	}
	same := func(*scene.Buffer) {}
	sealed, _ := memfd(t, size, unix.F_SEAL_SHRINK)
	unsealed, _ := memfd(t, size, 0)
	grown, _ := memfd(t, size, unix.F_SEAL_GROW)
	short, _ := memfd(t, size-1, unix.F_SEAL_SHRINK)
	plain, err := os.Create(filepath.Join(t.TempDir(), "plain"))
	must(t, err)
	defer plain.Close()
	must(t, plain.Truncate(int64(size)))
	scenes := func(change func(*scene.Scene)) {
		sc := s.scene(1)
		change(sc)
		s.send(scene.MessageScene, sc.Append(nil))
	}
	for _, c := range []struct {
		words string
		send  func()
	}{
		{"not sealed", func() { announce(same, unsealed) }},
		{"not sealed", func() { announce(same, grown) }},
		{"pixels need", func() { announce(same, short) }},
		{"pixels need", func() { announce(func(b *scene.Buffer) { b.Planes[0].Offset = 1 << 31 }, sealed) }},
		{"seal", func() { announce(same, int(plain.Fd())) }},
		{"0 files", func() { announce(same) }},
		{"2 files", func() { announce(same, sealed, sealed) }},
		{"pixel format", func() { announce(func(b *scene.Buffer) { b.Format = 0x36314752 }, sealed) }},
		{"bytes", func() { s.send(scene.MessageBuffer, []byte{1, 2, 3}, sealed) }},
		{"bytes", func() { s.send(scene.MessageScene, []byte{1, 2, 3}) }},
		{"bytes", func() { s.send(scene.MessageForget, []byte{1}) }},
		{"type", func() { s.send(0x77, nil) }},
		{"layers", func() { scenes(func(sc *scene.Scene) { sc.Layers = nil }) }},
		{"not announced", func() { scenes(func(sc *scene.Scene) { sc.Layers[0].Buffer = 20 }) }},
		{"not announced", func() { scenes(func(sc *scene.Scene) { sc.Generation = 2 }) }},
		{"shows", func() { scenes(func(sc *scene.Scene) { sc.Layers[0].Transform = 8 }) }},
		{"shows", func() { scenes(func(sc *scene.Scene) { sc.Layers[0].Source.X = 1 }) }},
		{"shows", func() { scenes(func(sc *scene.Scene) { sc.Layers[0].Destination.Width = 1 << 30 }) }},
	} {
		c.send()
		fault(t, e, evidence.FaultSceneMalformed, c.words)
	}
	s.show(grey(1))
	var f ipc.Frame
	read(t, e, &f)
	for range 64 {
		// Once too often: the link is closed, perhaps in the middle; the worker lives.
		if s.conn.Send(patience, 0x77, nil) != nil {
			break
		}
	}
	must(t, e.RequestKeyframe())
	for read(t, e, &f); !f.Key(); {
		read(t, e, &f)
	}
}

func TestMissingElement(t *testing.T) {
	b := newBench(t)
	dir := t.TempDir()
	w, err := media.Start(b.ctx, b.spawner, media.Options{Executable: b.exe, Env: []string{
		"GST_PLUGIN_SYSTEM_PATH=" + dir, "GST_REGISTRY=" + filepath.Join(dir, "registry"), "GST_REGISTRY_FORK=no",
	}})
	must(t, err)
	defer w.Kill()
	hello := w.Hello()
	for _, r := range hello.Ladder("h264") {
		if r.Available {
			t.Errorf("%s is there without plugins", r.Element)
		}
	}
	conn, link, err := ipc.Pair()
	must(t, err)
	defer conn.Close()
	defer link.Close()
	spec := small(60)
	spec.Encoder = "openh264enc"
	_, err = w.Encode(b.ctx, spec, link)
	if !errors.Is(err, media.ErrEncoderMissing) || !strings.Contains(err.Error(), "gstreamer1.0-plugins-bad") {
		t.Errorf("encode gave %v, want the package that is missing", err)
	}
}

func TestMissingLibrary(t *testing.T) {
	b := newBench(t)
	dir := t.TempDir()
	// A file that is no library hides the one behind it.
	must(t, os.WriteFile(filepath.Join(dir, "libgstapp-1.0.so.0"), []byte("?"), 0o600))
	_, err := media.Start(b.ctx, b.spawner, media.Options{Executable: b.exe, RegistryFile: b.reg, Env: []string{"LD_LIBRARY_PATH=" + dir}})
	var f media.Fault
	if !errors.As(err, &f) || f.ID != evidence.FaultMediaStart || !strings.Contains(f.Detail, "libgstreamer-plugins-base1.0-0") {
		t.Errorf("start gave %v, want the package that is missing", err)
	}
}

func TestVerbsForPeople(t *testing.T) {
	b := newBench(t)
	for _, c := range []struct {
		args []string
		code int
		says string
	}{
		{nil, 1, "started by kennel, not by people"},
		{[]string{"--check"}, 0, "encoder h264  x264enc      works"},
		{[]string{"--version"}, 0, "kennel-media dev"},
		{[]string{"--nonsense"}, 1, "usage:"},
		{[]string{"--build-registry", "/proc/nowhere/registry"}, 1, "writable"},
	} {
		r, w, err := os.Pipe()
		must(t, err)
		p, err := b.spawner.Start(b.ctx, process.Spec{Name: "media", Path: b.exe, Args: c.args, Env: []string{"HOME=" + t.TempDir()}, Stdout: w, Stderr: w})
		_ = w.Close()
		must(t, err)
		said, err := io.ReadAll(r)
		must(t, err)
		_ = r.Close()
		if exit := p.Exit(); exit.Code != c.code || !strings.Contains(string(said), c.says) {
			t.Errorf("%q: %s, said %q; want status %d and %q", c.args, exit, said, c.code, c.says)
		}
	}
}

// TestWorkerOfAnotherUser may walk neither to the program nor to the registry.
func TestWorkerOfAnotherUser(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root")
	}
	b := newBench(t)
	w, err := media.Start(b.ctx, b.spawner, media.Options{
		Executable: b.exe, RegistryFile: b.reg, Stderr: os.Stderr, Credential: &process.Credential{UID: 65534, GID: 65534},
	})
	must(t, err)
	defer w.Kill()
	if len(w.Hello().Encoders) == 0 {
		t.Error("it has no encoders: it did not read the registry")
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", w.Process().PID()))
	must(t, err)
	if !strings.Contains(string(status), "Uid:\t65534\t65534") {
		t.Errorf("it runs as another user:\n%s", status)
	}
	t.Logf("start to hello %s", time.Duration(w.Hello().StartNanos))
}
