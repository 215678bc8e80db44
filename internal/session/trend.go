package session

import (
	"slices"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/kennel-stream/kennel/internal/evidence"
	"github.com/kennel-stream/kennel/internal/meter"
)

// ResourceTrend is how a resource changes from session to session.
type ResourceTrend struct {
	// Of is "serve" for what kennel serve itself holds after each session,
	// "left" for what sessions did not give back, added up, or "device" for what
	// the machine's GPUs hold, whoever holds it.
	Of       string         `json:"of"`
	Resource meter.Resource `json:"resource"`
	meter.Trend
	// Rising says that it really grows: the whole confidence interval is above 0.
	Rising bool `json:"rising"`
	// Limit is what there is of it, 0 where that is not known; Remaining is how
	// many more sessions it bears, and only of use while it is rising.
	Limit     float64 `json:"limit"`
	Remaining int     `json:"remaining_sessions"`
}

const (
	// TrendCycles is over how many sessions trends are drawn, at most.
	TrendCycles = 200
	// watchCycles is the same for what is kept in memory.
	watchCycles = 60
	// trendWarmUp is how many sessions of a host are left out: what it opens or
	// fills once is no growth. trendLeast is how many more there must be.
	trendWarmUp = 5
	trendLeast  = 10
)

// Trends draws the trends of receipts, oldest first. Only those of the newest
// run of kennel serve count, since each run begins anew.
func Trends(receipts []Receipt, limits map[meter.Resource]float64) []ResourceTrend {
	if len(receipts) == 0 {
		return nil
	}
	newest := receipts[len(receipts)-1].ServeStarted
	receipts = slices.DeleteFunc(slices.Clone(receipts), func(r Receipt) bool { return !r.ServeStarted.Equal(newest) })
	all := trendsOf("serve", steadiest(receipts), limits, func(r Receipt, name meter.Resource) meter.Value { return r.Serve[name] })
	all = append(all, trendsOf("device", steadiest(receipts), limits, func(r Receipt, name meter.Resource) meter.Value { return r.Device[name] })...)
	sums := map[meter.Resource]meter.Value{}
	return append(all, trendsOf("left", receipts, limits, func(r Receipt, name meter.Resource) meter.Value {
		sum, ok := sums[name]
		if !ok {
			sum = meter.Exactly(0)
		}
		if later := r.Later[name]; later.Known {
			sum = sum.Add(later)
		}
		sums[name] = sum
		return sum
	})...)
}

// steadiest are the receipts whose look at the host saw no other session, where
// there are enough of them; else all, since the trend then takes out what the
// others held.
func steadiest(receipts []Receipt) (quiet []Receipt) {
	for _, r := range receipts {
		if r.ServeChecked && r.Beside == 0 {
			quiet = append(quiet, r)
		}
	}
	if len(quiet) < trendWarmUp+trendLeast {
		return receipts
	}
	return quiet
}

// perpetual are resources that only ever grow.
var perpetual = []meter.Resource{meter.CPU, meter.MemoryPeak, meter.OOMKills}

func trendsOf(of string, receipts []Receipt, limits map[meter.Resource]float64, amount func(Receipt, meter.Resource) meter.Value) []ResourceTrend {
	if len(receipts) <= trendWarmUp {
		return nil
	}
	last := receipts[len(receipts)-1]
	usage := last.Serve
	switch of {
	case "left":
		usage = last.Later
	case "device":
		usage = last.Device
	}
	var all []ResourceTrend
	for _, name := range usage.Resources() {
		if slices.Contains(perpetual, name) {
			continue
		}
		var values []meter.Value
		var load []float64
		for i, r := range receipts {
			if v := amount(r, name); i >= trendWarmUp {
				values, load = append(values, v), append(load, float64(r.Beside))
			}
		}
		if of == "left" {
			load = nil // it is nobody's who runs
		}
		t := ResourceTrend{Of: of, Resource: name, Trend: meter.TrendBeside(values, load), Limit: limits[name]}
		t.Rising = t.Trend.Rising() && t.Cycles >= trendLeast
		if n, ok := t.Exhausts(t.Limit); ok {
			t.Remaining = n
		}
		all = append(all, t)
	}
	return all
}

// ResourceLimits is how much there is of what a host may run out of.
func (h *House) ResourceLimits() map[meter.Resource]float64 {
	limits := map[meter.Resource]float64{}
	var files unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &files) == nil {
		limits[meter.Files] = float64(files.Cur)
	}
	if all := meter.Live.AllMemory(); all.Known {
		limits[meter.Memory] = float64(all.N)
	}
	if reading, ok := h.gpus.newest(); ok {
		for _, d := range reading.Devices {
			limits[meter.GPUMemory] += float64(d.Total.N)
		}
		limits[meter.GPUUnowned] = limits[meter.GPUMemory]
	}
	if n := h.limits().GPUFiles; n > 0 {
		limits[meter.GPUFiles] = float64(n)
	}
	return limits
}

// trendWatch keeps the newest receipts, and tells once of what begins to grow.
type trendWatch struct {
	mu       sync.Mutex // covers what follows
	receipts []Receipt
	told     map[string]bool
}

// add takes a receipt and returns what has begun to grow with it.
func (w *trendWatch) add(r Receipt, limits map[meter.Resource]float64) (begun []ResourceTrend) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.receipts) >= watchCycles {
		w.receipts = slices.Delete(w.receipts, 0, 1)
	}
	w.receipts = append(w.receipts, r)
	if w.told == nil {
		w.told = map[string]bool{}
	}
	for _, t := range Trends(w.receipts, limits) {
		// Memory of a garbage-collected program sways: a slope is worth a word
		// when it would matter within a life of the host.
		matters := t.Rising && (t.Limit == 0 || t.Remaining < 100_000)
		key := t.Of + " " + string(t.Resource)
		if matters && !w.told[key] {
			begun = append(begun, t)
		}
		w.told[key] = matters
	}
	return begun
}

// watchTrend tells of a resource that really grows from session to session.
func (h *House) watchTrend(r Receipt) {
	for _, t := range h.trends.add(r, h.ResourceLimits()) {
		attrs := []string{"of", t.Of, "resource", string(t.Resource), "per_session", amountOf(t.Resource, t.Slope)}
		if t.Limit > 0 {
			attrs = append(attrs, "forecast", "exhausted after "+sessions(t.Remaining)+" more")
		}
		h.fault(evidence.FaultTrend, "trend", attrs...)
	}
}

func amountOf(r meter.Resource, v float64) string {
	return meter.Describe(r, meter.Exactly(int64(v+0.5)))
}
