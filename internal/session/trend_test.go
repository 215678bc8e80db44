package session

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/kennel-stream/kennel/internal/evidence"
	"github.com/kennel-stream/kennel/internal/meter"
)

// life makes the receipts of one run of a host, whose files grow by so many per
// session.
func life(started time.Time, sessions int, perSession float64) []Receipt {
	var all []Receipt
	for n := range sessions {
		wobble := n % 3
		all = append(all, Receipt{
			ServeStarted: started, ServeChecked: true,
			Serve: meter.Usage{meter.Files: meter.Exactly(20 + int(perSession*float64(n)) + wobble), meter.CPU: meter.Exactly(1000 * n)},
			Later: meter.Usage{meter.Processes: meter.Exactly(0), meter.GPUMemory: meter.Value{}},
		})
	}
	return all
}

func find(t *testing.T, all []ResourceTrend, of string, r meter.Resource) ResourceTrend {
	t.Helper()
	for _, one := range all {
		if one.Of == of && one.Resource == r {
			return one
		}
	}
	t.Fatalf("no trend of %s %s in %+v", of, r, all)
	return ResourceTrend{}
}

// TestTrends: growth is told with how long it can go on, noise is none, what
// only grows is left out, and each run of the host begins anew.
func TestTrends(t *testing.T) {
	limits := map[meter.Resource]float64{meter.Files: 1000}
	old, now := time.Unix(1, 0), time.Unix(2, 0)
	grown := find(t, Trends(append(life(old, 30, 50), life(now, 60, 14)...), limits), "serve", meter.Files)
	if !grown.Rising || grown.Slope < 13 || grown.Slope > 15 || grown.Cycles != 60-trendWarmUp {
		t.Errorf("growth: %+v", grown)
	}
	// 20 + 14 n = 1000 at the 70th session; 60 have been.
	if grown.Remaining < 9 || grown.Remaining > 11 {
		t.Errorf("%d more sessions", grown.Remaining)
	}
	all := Trends(life(now, 60, 0), limits)
	if steady := find(t, all, "serve", meter.Files); steady.Rising {
		t.Errorf("noise: %+v", steady)
	}
	for _, one := range all {
		if one.Resource == meter.CPU {
			t.Error("time spent was taken for growth")
		}
	}
	if got := Trends(life(now, trendWarmUp, 14), limits); len(got) != 0 {
		t.Errorf("a trend of %d sessions: %+v", trendWarmUp, got)
	}
	if got := find(t, Trends(life(now, trendWarmUp+5, 14), limits), "serve", meter.Files); got.Rising {
		t.Errorf("sure after 5 sessions: %+v", got)
	}
	left := life(now, 30, 0)
	for i := range left {
		left[i].Later[meter.Processes] = meter.Exactly(i % 2)
	}
	if got := find(t, Trends(left, limits), "left", meter.Processes); !got.Rising || got.Slope < 0.4 || got.Slope > 0.6 {
		t.Errorf("processes that stay: %+v", got)
	}
}

// TestTrendsOfABusyHost, which never has a quiet moment: what the sessions hold
// that still run is taken out.
func TestTrendsOfABusyHost(t *testing.T) {
	now := time.Unix(2, 0)
	busy := func(perSession float64) []Receipt {
		all := life(now, 60, perSession)
		for i := range all {
			all[i].ServeChecked, all[i].Beside = false, 1+i/25+i%2
			all[i].Serve[meter.Files] = all[i].Serve[meter.Files].Add(meter.Exactly(30 * all[i].Beside))
		}
		return all
	}
	if got := find(t, Trends(busy(0), nil), "serve", meter.Files); got.Rising {
		t.Errorf("more sessions are no growth: %+v", got)
	}
	if got := find(t, Trends(busy(2), nil), "serve", meter.Files); !got.Rising || got.Slope < 1.9 || got.Slope > 2.1 {
		t.Errorf("growth beneath them: %+v", got)
	}
}

// TestTrendOfADevice: memory that a driver keeps of every session is forecast.
func TestTrendOfADevice(t *testing.T) {
	all := life(time.Unix(2, 0), 30, 0)
	for i := range all {
		all[i].Device = meter.Usage{meter.GPUMemory: meter.Exactly(1000 + 20*i + i%2), meter.GPUUnowned: meter.Exactly(500 + 20*i)}
	}
	limits := map[meter.Resource]float64{meter.GPUMemory: 2000, meter.GPUUnowned: 2000}
	for _, name := range []meter.Resource{meter.GPUMemory, meter.GPUUnowned} {
		if got := find(t, Trends(all, limits), "device", name); !got.Rising || got.Slope < 19 || got.Slope > 21 || got.Remaining < 15 {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// TestAGrowthIsTold once, with its forecast.
func TestAGrowthIsTold(t *testing.T) {
	h := open(t, options(t))
	for _, r := range life(h.started, 40, 3) {
		h.watchTrend(r)
	}
	n := 0
	for _, e := range h.seen() {
		if e.Fault == evidence.FaultTrend {
			n++
			if e.Attrs["resource"] != "files" || e.Attrs["per_session"] != "3" || !strings.Contains(e.Attrs["forecast"], "more") {
				t.Errorf("event %v", e.Attrs)
			}
		}
	}
	if n != 1 {
		t.Errorf("told %d times", n)
	}
	if kept := h.Events(); len(kept) != 1 || kept[0].Fault != evidence.FaultTrend {
		t.Errorf("events of the host: %+v", kept)
	}
	for n := range maxHostEvents + 5 {
		h.House.event("test", "n", strconv.Itoa(n))
	}
	if kept := h.Events(); len(kept) != maxHostEvents || kept[0].Attrs["n"] != "5" || kept[len(kept)-1].Attrs["n"] != strconv.Itoa(maxHostEvents+4) {
		t.Errorf("%d events of the host, from %v", len(kept), kept[0].Attrs)
	}
}
