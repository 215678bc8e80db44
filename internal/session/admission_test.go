package session

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kennel-stream/kennel/internal/evidence"
	"github.com/kennel-stream/kennel/internal/meter"
)

// TestBudgets: each is reserved at launch, refuses in words of its own, and is
// given back. Launches at one time cannot overshoot.
func TestBudgets(t *testing.T) {
	d := &driver{}
	o := options(t)
	o.GPUMeter = d
	o.Limits.Sessions = 0
	h := open(t, o)
	defer h.watchGPUs()()
	machine := meter.Live.AllMemory()
	for name, tt := range map[string]struct {
		limit func(*Limits)
		fits  int
		words string
	}{
		"cores":        {func(l *Limits) { l.Cores = 2.5 }, 2, "processors have enough to do with 2 sessions"},
		"first of all": {func(l *Limits) { l.Cores = 0.1 }, 1, "processors have enough to do with 1 session."},
		"memory":       {func(l *Limits) { l.MemoryReserve = machine.N }, 0, "memory is taken"},
		"gpu memory":   {func(l *Limits) { l.GPUMemoryReserve = 8 << 30 }, 0, "memory of its GPU is taken"},
		"no limit":     {func(*Limits) {}, 8, ""},
	} {
		t.Run(name, func(t *testing.T) {
			limits := o.Limits
			tt.limit(&limits)
			h.SetLimits(limits)
			// One core for a session of the size that request asks for.
			h.budget.calibrate(1e9 / (640 * 360 * 30))
			var all sync.WaitGroup
			var mu sync.Mutex
			var in []*Session
			var refusals []error
			for i := range 8 {
				all.Go(func() {
					// As the API does, while others are being launched.
					for _, other := range h.Sessions() {
						_, _ = other.Processes(), other.State()
					}
					s, err := h.Launch(t.Context(), request(fmt.Sprint("client-", i), demo()))
					mu.Lock()
					defer mu.Unlock()
					if err != nil {
						refusals = append(refusals, err)
						return
					}
					in = append(in, s)
				})
			}
			all.Wait()
			if len(in) != tt.fits {
				t.Errorf("%d sessions fit, want %d", len(in), tt.fits)
			}
			for _, err := range refusals {
				if evidence.KindOf(err) != evidence.Full || !strings.Contains(err.Error(), "this host is full: ") || !strings.Contains(err.Error(), tt.words) {
					t.Errorf("refusal %v", err)
				}
			}
			for _, s := range in {
				s.End(evidence.EndStopped, "")
			}
			for _, s := range in {
				<-s.Done()
			}
			for _, b := range h.Budgets() {
				if b.Resource == "cores" && b.Used != 0 {
					t.Errorf("%v are still booked", b)
				}
			}
		})
	}
}

// TestAWarningComesBeforeTheLimit, once.
func TestAWarningComesBeforeTheLimit(t *testing.T) {
	o := options(t)
	o.Limits.Sessions = 2
	h := open(t, o)
	warnings := func() (n int) {
		for _, e := range h.seen() {
			if e.Session == "" && e.Attrs["resource"] == "sessions" && e.Attrs["warning"] != "" {
				n++
			}
		}
		return n
	}
	h.launch(request("a", demo()))
	if n := warnings(); n != 0 {
		t.Errorf("%d warnings with a place left", n)
	}
	h.launch(request("b", demo()))
	if _, err := h.Launch(t.Context(), request("c", demo())); evidence.KindOf(err) != evidence.Full {
		t.Errorf("a third: %v", err)
	}
	if n := warnings(); n != 1 {
		t.Errorf("%d warnings", n)
	}
}

// TestNeedsAreLearned: the most that an app held of late counts, and a large
// one is forgotten slowly.
func TestNeedsAreLearned(t *testing.T) {
	b := newBudget()
	r := request("a", demo())
	if n := b.needs(&r, "x264enc"); n != (need{memory: firstEstimate}) {
		t.Errorf("at first: %+v", n)
	}
	if n := b.needs(&r, "nvh264enc"); n != (need{memory: firstEstimate, gpu: firstGPUMemory, files: firstGPUFiles}) {
		t.Errorf("at first, on a GPU: %+v", n)
	}
	b.learn(r.App.Slug, meter.Usage{meter.MemoryPeak: meter.Exactly(1000 << 20), meter.GPUMemory: meter.Exactly(7), meter.GPUFiles: meter.Exactly(3)})
	b.learn(r.App.Slug, meter.Usage{meter.MemoryPeak: meter.Exactly(10 << 20), meter.GPUMemory: meter.Value{}})
	if n := b.needs(&r, "nvh264enc"); n != (need{memory: 900 << 20, gpu: 7, files: 3}) {
		t.Errorf("learned: %+v", n)
	}
	for i := range 2 * maxEstimates {
		b.learn(fmt.Sprint(i), meter.Usage{meter.MemoryPeak: meter.Exactly(1)})
	}
	if len(b.memory) > maxEstimates {
		t.Errorf("%d apps are remembered", len(b.memory))
	}
}

// TestWhatARungCosts: each has its own price; one that was not measured has the
// best one's.
func TestWhatARungCosts(t *testing.T) {
	b := newBudget()
	r := request("a", demo())
	b.calibrate(1e9 / (640 * 360 * 30))
	b.measured("openh264enc", 3e9/(640*360*30))
	if n := b.needs(&r, "openh264enc"); n.cores < 2.99 || n.cores > 3.01 {
		t.Errorf("%v cores on the dear rung", n.cores)
	}
	if n := b.needs(&r, "x264enc"); n.cores < 0.99 || n.cores > 1.01 {
		t.Errorf("%v cores on one that was not measured", n.cores)
	}
}

// TestGPUFilesAreReserved: what sessions are expected to open counts before it
// shows, so that launches at one time do not overshoot.
func TestGPUFilesAreReserved(t *testing.T) {
	o := options(t)
	o.Limits.Sessions, o.Limits.GPUFiles = 0, 50
	h := open(t, o)
	h.budget.learn(demo().Slug, meter.Usage{meter.GPUFiles: meter.Exactly(20)})
	h.launch(request("a", demo()))
	h.launch(request("b", demo()))
	_, err := h.Launch(t.Context(), request("c", demo()))
	if evidence.KindOf(err) != evidence.Full || !strings.Contains(err.Error(), "too many files open, with 2 sessions running") {
		t.Errorf("60 of 50 files: %v", err)
	}
	h.await("a refusal", 1, func(e evidence.Event) bool {
		return e.Session == "" && e.Attrs["about"] == "refused" && e.Attrs["resource"] == "gpu_files" && e.Attrs["client"] == "c"
	})
	if h.Refused() != 1 {
		t.Errorf("%d refusals are counted", h.Refused())
	}
}

// TestAReturnMustFit: a client that returns with a larger picture than there is
// room for reads so, and keeps its session and its place.
func TestAReturnMustFit(t *testing.T) {
	o := options(t)
	o.Limits.Cores = 3
	h := open(t, o)
	h.budget.calibrate(1e9 / (640 * 360 * 30))
	a := h.launch(request("a", demo()))
	if err := a.AdmitSize(1280, 720, 60); err != nil {
		t.Errorf("the only session may be as large as it likes: %v", err)
	}
	if err := a.AdmitSize(640, 360, 30); err != nil {
		t.Error(err)
	}
	h.launch(request("b", demo()))
	if err := a.AdmitSize(640, 360, 60); err != nil {
		t.Errorf("3 of 3 cores: %v", err)
	}
	err := a.AdmitSize(1280, 720, 30)
	if evidence.KindOf(err) != evidence.Full || !strings.Contains(err.Error(), "this host is full: its processors have enough to do with 2 sessions") ||
		!strings.Contains(err.Error(), "return to it with a smaller picture") {
		t.Errorf("5 of 3 cores: %v", err)
	}
	for _, share := range h.Budgets() {
		if share.Resource == "cores" && (share.Used < 2.99 || share.Used > 3.01) {
			t.Errorf("%v cores are booked, want the 3 of before", share.Used)
		}
	}
}

// TestTheSizeOfAReturnCounts.
func TestTheSizeOfAReturnCounts(t *testing.T) {
	o := options(t)
	o.Limits.Cores = 100
	h := open(t, o)
	h.budget.calibrate(1e9 / (640 * 360 * 30))
	s := h.launch(request("a", demo()))
	booked := func() float64 {
		for _, b := range h.Budgets() {
			if b.Resource == "cores" {
				return b.Used
			}
		}
		return -1
	}
	if got := booked(); got < 0.99 || got > 1.01 {
		t.Errorf("%v cores at launch", got)
	}
	if err := s.Prepare(t.Context(), Stream{Width: 1280, Height: 720, FPS: 60, BitrateKbps: 2000, Slices: 1}); err != nil {
		t.Fatal(err)
	}
	if got := booked(); got < 7.99 || got > 8.01 {
		t.Errorf("%v cores after a return at eight times the pixels", got)
	}
	s.End(evidence.EndStopped, "")
	select {
	case <-s.Done():
	case <-time.After(patience):
		t.Fatal("the session does not end")
	}
}
