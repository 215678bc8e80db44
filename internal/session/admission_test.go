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
	if n := b.needs(&r); n.memory != firstEstimate || n.cores != 0 {
		t.Errorf("at first: %+v", n)
	}
	b.learn(r.App.Slug, meter.Usage{meter.MemoryPeak: meter.Exactly(1000 << 20), meter.GPUMemory: meter.Exactly(7)})
	b.learn(r.App.Slug, meter.Usage{meter.MemoryPeak: meter.Exactly(10 << 20), meter.GPUMemory: meter.Value{}})
	if n := b.needs(&r); n.memory != 900<<20 || n.gpu != 7 {
		t.Errorf("learned: %+v", n)
	}
	for i := range 2 * maxEstimates {
		b.learn(fmt.Sprint(i), meter.Usage{meter.MemoryPeak: meter.Exactly(1)})
	}
	if len(b.memory) > maxEstimates {
		t.Errorf("%d apps are remembered", len(b.memory))
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
