package session

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kennel-stream/kennel/internal/evidence"
	"github.com/kennel-stream/kennel/internal/media"
	"github.com/kennel-stream/kennel/internal/meter"
)

// driver is a GPU meter whose driver answers, or not.
type driver struct {
	dead atomic.Bool
	held atomic.Int64 // bytes that every process is said to hold
}

func (d *driver) Read(context.Context) (meter.GPUs, error) {
	if d.dead.Load() {
		return meter.GPUs{}, errors.New("NVML: GPU is lost (15)")
	}
	gpu := meter.GPU{Name: "Test", Total: meter.Exactly(8 << 30), Used: meter.Exactly(1 << 30), ProcessesKnown: true}
	if n := d.held.Load(); n > 0 {
		for pid := range 1 << 16 {
			gpu.Processes = append(gpu.Processes, meter.GPUProcess{PID: pid, Memory: meter.Exactly(n)})
		}
	}
	return meter.GPUs{Driver: "1", Devices: []meter.GPU{gpu}, Taken: time.Now()}, nil
}

// watchGPUs returns once the meter is watched; the returned function ends that.
func (h *house) watchGPUs() (stop func()) {
	h.t.Helper()
	ctx, cancel := context.WithCancel(h.t.Context())
	done := make(chan struct{})
	go func() { defer close(done); h.WatchGPUs(ctx) }()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(patience); len(h.gpus.readings()) == 0; <-tick.C {
		if time.Now().After(deadline) {
			h.t.Fatal("the meter is not watched")
		}
	}
	return func() { cancel(); <-done }
}

// TestAMeterGoesDark: within 5 s it is told, the rungs of that GPU are closed
// and no others, sessions go on and start; it comes back by itself.
func TestAMeterGoesDark(t *testing.T) {
	d := &driver{}
	o := options(t)
	o.GPUMeter, o.Encoders = d, []string{"nvh264enc", "x264enc"}
	h := open(t, o)
	defer h.watchGPUs()()
	is := func(part string) func(evidence.Event) bool {
		return func(e evidence.Event) bool {
			return e.Session == "" && e.Attrs["meter"] == media.GPUMeterName && strings.Contains(string(e.Fault)+e.Attrs["state"], part)
		}
	}
	closed := func() []bool {
		var all []bool
		for _, r := range h.Rungs() {
			all = append(all, r.Closed)
		}
		return all
	}
	if got := closed(); !slices.Equal(got, []bool{false, false}) {
		t.Fatalf("closed at first: %v", got)
	}
	d.dead.Store(true)
	h.await("the dark meter", 1, is(string(evidence.FaultMeterDark)))
	if got := closed(); !slices.Equal(got, []bool{true, false}) {
		t.Errorf("closed in the dark: %v", got)
	}
	steps := h.ladder()
	if first, _ := steps.rung(); first != "x264enc" || len(steps.leftOut()) != 1 || !strings.Contains(steps.leftOut()[0], "not measured") {
		t.Errorf("in the dark: %s, without %q", first, steps.leftOut())
	}
	if readings, gpus := h.Meters(); gpus != nil || len(readings) != 1 || !readings[0].Dark || readings[0].Failures == 0 {
		t.Errorf("meters: %+v, %v", readings, gpus)
	}
	s := h.launch(request("a", demo()))
	next(t, h.play(s, stream))
	if s.Encoder() != "x264enc" {
		t.Errorf("encoder %q", s.Encoder())
	}
	works := h.await("the encoder", 1, func(e evidence.Event) bool {
		return e.Session == s.ID() && e.Stage == evidence.StageVideoPipeline && e.Kind == evidence.Done
	})
	if why := works.Attrs["left_out"]; !strings.Contains(why, "nvh264enc") || !strings.Contains(why, "not measured") {
		t.Errorf("the session's events do not say why it runs on software: %q", why)
	}
	d.dead.Store(false)
	h.await("the meter again", 1, is("answers"))
	if got := closed(); !slices.Equal(got, []bool{false, false}) {
		t.Errorf("closed again: %v", got)
	}
}

// TestGPUMemoryThatStays is a residue: drivers have been seen to keep what a
// dead process had.
func TestGPUMemoryThatStays(t *testing.T) {
	d := &driver{}
	o := options(t)
	receipts := make(chan Receipt, 1)
	o.GPUMeter, o.Receipt = d, func(r Receipt) { receipts <- r }
	h := open(t, o)
	h.receiptDelay = 10 * time.Millisecond
	defer h.watchGPUs()()
	s := h.launch(request("a", demo()))
	d.held.Store(3 << 20)
	if r := h.endWithReceipt(s, receipts); r.Fault() != evidence.FaultResidue || !strings.Contains(strings.Join(r.Residue, " "), "MiB of GPU memory") || r.Took[meter.GPUMemory].N < 3<<20 {
		t.Errorf("receipt: %+v", r)
	}
	d.held.Store(0)
	s = h.launch(request("a", demo()))
	if r := h.endWithReceipt(s, receipts); r.Fault() != "" || r.Later[meter.GPUMemory] != meter.Exactly(0) {
		t.Errorf("receipt: %+v", r)
	}
	d.dead.Store(true)
	s = h.launch(request("a", demo()))
	if r := h.endWithReceipt(s, receipts); r.Fault() != "" || r.Took[meter.GPUMemory].Known {
		t.Errorf("what is unknown was shown as %v: %+v", r.Took[meter.GPUMemory], r)
	}
}

// TestEncodersAreTried: each in a process of its own; what fails is named and
// left out, and a host without any says so to the player.
func TestEncodersAreTried(t *testing.T) {
	o := options(t)
	o.Encoders = []string{"nosuchenc", "x264enc"}
	h := open(t, o)
	h.TryEncoders(t.Context())
	rungs := h.Rungs()
	if rungs[0].Works || !strings.Contains(rungs[0].Reason, "nosuchenc") || !rungs[1].Works || rungs[1].Took <= 0 {
		t.Errorf("rungs: %v", rungs)
	}
	if first, _ := h.ladder().rung(); first != "x264enc" {
		t.Errorf("first: %s", first)
	}
	o = options(t)
	o.Encoders = []string{"nosuchenc"}
	h = open(t, o)
	h.TryEncoders(t.Context())
	if _, err := h.Launch(t.Context(), request("a", demo())); err == nil || evidence.FaultOf(err) != evidence.FaultEncoderMissing || !strings.Contains(err.Error(), "nosuchenc") {
		t.Errorf("launch without an encoder: %v", err)
	}
}
