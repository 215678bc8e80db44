package web

import (
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/kennel-stream/kennel/internal/evidence"
	"github.com/kennel-stream/kennel/internal/session"
)

// metrics tells Prometheus of a House. It has a registry of its own, since the
// default one is anybody's.
func metrics(h *session.House, drops func() map[string]uint64) http.Handler {
	registry := prometheus.NewRegistry()
	registry.MustRegister(houseMetrics{h, drops})
	return promhttp.HandlerFor(registry, promhttp.HandlerOpts{})
}

// houseMetrics reads the House whenever it is asked.
type houseMetrics struct {
	house *session.House
	// drops is how many packets and the like were dropped so far, by kind.
	drops func() map[string]uint64
}

func describe(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("kennel_"+name, help, labels, nil)
}

var (
	liveSessions  = describe("sessions", "Sessions that run now, by state.", "state")
	endedSessions = describe("sessions_ended_total", "Sessions that ended since the start, by the reason.", "end")
	refusals      = describe("launches_refused_total", "Launches that were refused for want of room.")
	leaks         = describe("leaks_total", "Receipts that name something that was not given back.")
	dropped       = describe("dropped_total", "Packets, connections and requests that belong to no client and were dropped.", "kind")
	failovers     = describe("failovers_total", "Encoders that were replaced in the middle of a stream.")
	budgetUsed    = describe("budget_used", "How much of a budget is in use, in its unit.", "resource")
	budgetLimit   = describe("budget_limit", "How much of a budget there is, in its unit.", "resource")
	encoderWorks  = describe("encoder_usable", "1 where an encoder of the ladder may be used.", "encoder")
	meterDark     = describe("meter_dark", "1 where a meter does not answer.", "meter")
	meterReads    = describe("meter_reads_total", "Readings of a meter, those out of turn too.", "meter")
	meterFailures = describe("meter_failures_total", "Readings of a meter that failed.", "meter")
	meterTook     = describe("meter_seconds", "How long the newest reading of a meter took.", "meter")
	canaryOK      = describe("canary_ok", "1 where the newest canary brought a picture.")
	canaryTook    = describe("canary_seconds", "How long the newest canary took.")
	gpuUsed       = describe("gpu_memory_used_bytes", "Memory in use on a GPU.", "gpu")
	gpuTotal      = describe("gpu_memory_total_bytes", "Memory of a GPU.", "gpu")
)

// Describe implements prometheus.Collector.
func (houseMetrics) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		liveSessions, endedSessions, refusals, leaks, dropped, failovers, budgetUsed, budgetLimit, encoderWorks, meterDark, meterReads, meterFailures, meterTook, canaryOK, canaryTook, gpuUsed, gpuTotal,
	} {
		to <- d
	}
}

// Collect implements prometheus.Collector. What is unknown is left out, since 0
// would be a lie.
func (m houseMetrics) Collect(to chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	counter := func(d *prometheus.Desc, v int64, labels ...string) {
		to <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(v), labels...)
	}
	states := map[session.State]int{session.Launching: 0, session.Waiting: 0, session.Streaming: 0, session.Paused: 0, session.Ending: 0}
	for _, s := range m.house.Sessions() {
		states[s.State()]++
	}
	for state, n := range states {
		gauge(liveSessions, float64(n), string(state))
	}
	ends, leaked := m.house.Ends()
	for _, end := range evidence.Ends() {
		counter(endedSessions, ends[end], string(end))
	}
	counter(refusals, m.house.Refused())
	counter(leaks, leaked)
	counter(failovers, m.house.FailedOver())
	for kind, n := range m.drops() {
		counter(dropped, int64(n), kind)
	}
	for _, b := range m.house.Budgets() {
		gauge(budgetUsed, b.Used, b.Resource)
		gauge(budgetLimit, b.Limit, b.Resource)
	}
	for _, r := range m.house.Rungs() {
		gauge(encoderWorks, one(!r.Closed && (!r.Tried || r.Works)), r.Element)
	}
	readings, gpus := m.house.Meters()
	for _, r := range readings {
		gauge(meterDark, one(r.Dark), r.Name)
		counter(meterReads, r.Reads, r.Name)
		counter(meterFailures, r.Failures, r.Name)
		gauge(meterTook, r.Took.Seconds(), r.Name)
	}
	if gpus != nil {
		for _, d := range gpus.Devices {
			if d.Used.Known {
				gauge(gpuUsed, float64(d.Used.N), d.UUID)
				gauge(gpuTotal, float64(d.Total.N), d.UUID)
			}
		}
	}
	if health := m.house.Health(); !health.At.IsZero() {
		gauge(canaryOK, one(health.OK))
		gauge(canaryTook, health.Took.Seconds())
	}
}

func one(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}
