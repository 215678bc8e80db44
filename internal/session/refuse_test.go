package session

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/kennel-stream/kennel/internal/evidence"
)

// poisoned are options of a host whose encoders die of every GPU buffer, as
// with a broken driver.
func poisoned(t *testing.T) Options {
	t.Helper()
	o := options(t)
	o.GPUBuffers = GPUBuffersOn
	dir := filepath.Dir(o.RuntimeDir)
	build := exec.Command("go", "build", "-buildvcs=false", "-o", dir, "-ldflags=-X github.com/kennel-stream/kennel/internal/media/worker.poison=yes", "github.com/kennel-stream/kennel/cmd/kennel-media")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	o.MediaExecutable = filepath.Join(dir, "kennel-media")
	return o
}

// TestAppsBufferEndsTheEncoder: no rung is blamed; what ended it is left out of
// the picture, the next encoder lives, and in the end no GPU buffer is read.
func TestAppsBufferEndsTheEncoder(t *testing.T) {
	whole := options(t)
	whole.GPUBuffers = GPUBuffersOn
	tried := open(t, whole)
	tried.TryImports(t.Context())
	h := open(t, poisoned(t))
	if h.node.Path != "" {
		t.Skip("this machine has a GPU: what it reads is its own affair")
	}
	h.imports.list = tried.Imports() // its own trials would die
	spec := demo()
	spec.Runner.Env = []string{"KENNEL_DEMO_DMABUF=1"}
	s := h.launch(request("a", spec))
	frames := h.play(s, stream)
	blamed := func(e evidence.Event) bool {
		return e.Session == s.ID() && e.Kind == evidence.Exited && e.Fault == evidence.FaultClientBuffer
	}
	h.await("the death of the first encoder", 1, blamed)
	h.steady(frames)
	if r := h.Rungs()[0]; s.Encoder() != "x264enc" || r.failures != 0 || r.Resting {
		t.Errorf("encoder %s, rung %+v", s.Encoder(), r)
	}
	given := func(e evidence.Event) bool { return e.Kind == evidence.Failed && e.Fault == evidence.FaultClientBuffer }
	for n := range 4 { // other buffers each time
		as := stream
		as.Width -= 16 * (n + 1)
		h.steady(h.play(s, as))
	}
	h.await("the end of all GPU buffers", 1, given)
	deaths := 0
	for _, e := range h.seen() {
		if blamed(e) {
			deaths++
		} else if e.Fault == evidence.FaultEncoderDied || e.Attrs["next"] == "openh264enc" {
			t.Errorf("a rung is blamed: %v", e.Attrs)
		}
	}
	if deaths != maxRefusals+1 {
		t.Errorf("%d deaths, want %d", deaths, maxRefusals+1)
	}
	if end, detail := s.EndReason(); end != "" {
		t.Errorf("the session ended: %s (%s)", end, detail)
	}
}
