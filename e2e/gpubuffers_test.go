package e2e

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// TestGPUBuffersReachTheClient streams the demo, which hands its pictures over
// as GPU buffers (memory stands in for them where there is no GPU): they arrive
// whole, once and in order, also when the encoder that reads them is killed.
func TestGPUBuffersReachTheClient(t *testing.T) {
	s, me := pairedServer(t, "version = 1\n[display]\ndmabuf = \"on\"\n[[apps]]\ntitle = \"GPU\"\n  [apps.runner]\n  type = \"demo\"\n  env = [\"KENNEL_DEMO_DMABUF=1\"]\n")
	waitFor(t, "the ways to read GPU buffers were tried", func() bool {
		h, err := s.api.Health(t.Context(), false)
		return err == nil && len(h.Imports) > 0 && h.Imports[len(h.Imports)-1].Tried
	})
	r := s.probe(me, "--app", "GPU", "--mode", "1280x720x30", "--seconds", "4", "--keys", "4")
	checkStream(t, r, 30, 4)
	if r.Input.Echoed != 4 {
		t.Errorf("%d of 4 keys were echoed", r.Input.Echoed)
	}
	b := s.background(me, "--app", "GPU", "--seconds", "5", "--keys", "5", "--mode", "640x360x30")
	live := s.streaming()
	first := process(t, live, "kennel-media")
	waitFor(t, "the encoder reads the demo's own memory", func() bool { return readsDemo(first) })
	kill(t, first)
	<-b.done
	if b.err != nil {
		t.Fatalf("the client did not survive: %v\n%s", b.err, b.stderr)
	}
	if b.report.Frames.IDRs < 2 || b.report.Barcode.OutOfOrder != 0 || b.report.Input.Echoed != 5 {
		t.Errorf("report = %+v %+v %+v", b.report.Frames, b.report.Barcode, b.report.Input)
	}
}

// readsDemo tells whether a process maps what the demo draws.
func readsDemo(pid int) bool {
	maps, _ := os.ReadFile(fmt.Sprintf("/proc/%d/maps", pid))
	return strings.Contains(string(maps), "memfd:kennel-demo")
}
