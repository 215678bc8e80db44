package vitals

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/kennel-stream/kennel/internal/diagnosis"
	"github.com/kennel-stream/kennel/internal/engine"
	"github.com/kennel-stream/kennel/internal/evidence"
)

// lookLog has the doctor read the end of Wolf's log.
func lookLog(ctx context.Context, e *engine.Engine, d engine.Details) []Finding {
	r, err := e.Logs(ctx, d, engine.LogOptions{Tail: lookBack})
	if err != nil {
		return []Finding{unknown("wolf log", "%v", err)}
	}
	defer func() { _ = r.Close() }()
	c, err := diagnosis.Load(nil)
	if err != nil {
		return []Finding{unknown("wolf log", "%v", err)}
	}
	l, err := c.Read(ctx, diagnosis.Source{Name: d.Name, Reader: r})
	if err != nil {
		return []Finding{unknown("wolf log", "%v", err)}
	}
	if l.Lines == 0 {
		return []Finding{unknown("wolf log", "the engine has none: its driver may send logs elsewhere")}
	}
	l.Live = d.State == "running"
	report := c.Diagnose(l)
	return []Finding{judgeLog(report, d), judgeGPU(c, report, d), judgeApps(report, d), judgeEncoder(report, d)}
}

// judgeLog gives the doctor's verdict.
func judgeLog(report *diagnosis.Diagnosis, d engine.Details) Finding {
	var names []string
	for _, r := range report.Candidates {
		names = append(names, r.Name+" ("+r.ID+"), "+r.Since())
	}
	if len(names) == 0 {
		return ok("wolf log", "nothing wrong in the last %d lines, with %d sessions", report.Lines, len(report.Sessions))
	}
	state, over := Fault, false
	if report.Verdict == diagnosis.Inconclusive && len(report.Chain) == 0 {
		state = Warning // it may be nothing
	}
	last := len(report.Sessions) - 1
	if report.Recovered || last >= 0 && report.Sessions[last].Verdict == diagnosis.OK && report.Candidates[0].Session < last {
		state, over = Warning, true
	}
	found := strings.Join(names, ", or ")
	if over {
		found += "; what came later is well"
	}
	return finding("wolf log", state, "%s", found).cured("%s All of it: kennel doctor --docker %s", report.Candidates[0].Cure, d.Name)
}

// newest are the findings of the newest life of the process, and its sessions.
func newest(report *diagnosis.Diagnosis) (findings []diagnosis.Finding, sessions []diagnosis.Session) {
	life := report.Lives[len(report.Lives)-1]
	findings = slices.Clone(life.Findings)
	for _, i := range life.Sessions {
		sessions = append(sessions, report.Sessions[i])
		findings = append(findings, report.Sessions[i].Findings...)
	}
	return findings, sessions
}

// judgeGPU counts what GL, EGL, CUDA and the encoders complain of since the last
// start.
func judgeGPU(c *diagnosis.Catalogue, report *diagnosis.Diagnosis, d engine.Details) Finding {
	findings, _ := newest(report)
	counts := map[string]int{}
	var ids []string
	for _, f := range findings {
		entry, _ := c.Fault(f.Fault)
		if entry.Family != diagnosis.FamilyGPU || entry.Benign || entry.Stage == evidence.StageApp {
			continue
		}
		if counts[f.Fault] == 0 {
			ids = append(ids, f.Fault)
		}
		counts[f.Fault] += f.Count
	}
	if len(ids) == 0 {
		return ok("wolf gpu errors", "no error of GL, EGL, CUDA or an encoder since its last start, in the last %d lines", report.Lines)
	}
	for i, id := range ids {
		ids[i] = fmt.Sprintf("%s %d times", id, counts[id])
	}
	return finding("wolf gpu errors", Fault, "%s since its last start", strings.Join(ids, ", ")).cured("kennel doctor --docker %s tells which came first and the cure", d.Name)
}

// judgeApps looks for apps that start and stop at once.
func judgeApps(report *diagnosis.Diagnosis, d engine.Details) Finding {
	_, sessions := newest(report)
	started, fast := 0, 0
	for _, s := range sessions {
		for _, r := range s.Stages {
			if r.Stage == evidence.StageApp && (r.State == diagnosis.Done || r.State == diagnosis.Failed) {
				started++
			}
		}
		if slices.ContainsFunc(s.Findings, func(f diagnosis.Finding) bool { return f.Fault == "container-fast-exit" }) {
			fast++
		}
	}
	switch {
	case fast > 1:
		return finding("wolf apps", Fault, "%d of %d apps ended within seconds of their start", fast, started).cured("kennel doctor --docker %s; docker logs of the app's container", d.Name)
	case fast == 1:
		return finding("wolf apps", Warning, "one of %d apps ended within seconds of its start", started).cured("kennel doctor --docker %s; docker logs of the app's container", d.Name)
	case started == 0:
		return ok("wolf apps", "none was started in the last %d lines", report.Lines)
	}
	return ok("wolf apps", "%d were started, and none ended at once", started)
}

// judgeEncoder tells whether the GStreamer in Wolf's image has what it needs,
// from what its start or a session says.
func judgeEncoder(report *diagnosis.Diagnosis, d engine.Details) Finding {
	life := report.Lives[len(report.Lives)-1]
	findings, sessions := newest(report)
	has := func(id string) bool {
		return slices.ContainsFunc(findings, func(f diagnosis.Finding) bool { return f.Fault == id })
	}
	streamed := slices.ContainsFunc(sessions, func(s diagnosis.Session) bool {
		return slices.ContainsFunc(s.Stages, func(r diagnosis.StageRecord) bool {
			return r.Stage == evidence.StageStreaming && r.State == diagnosis.Done
		})
	})
	const name = "wolf gstreamer"
	switch {
	case has("h264-encoder-missing"):
		return finding(name, Fault, "%s has no H.264 encoder", d.Name).cured("kennel doctor explain h264-encoder-missing")
	case has("pipeline-parse") || has("interpipe-max-bytes"):
		return finding(name, Fault, "a pipeline of %s asks for an element or property that is not there", d.Name).cured("kennel doctor --docker %s", d.Name)
	case has("sw-encoder"):
		return finding(name, Warning, "%s encodes in software", d.Name).cured("kennel doctor explain sw-encoder")
	case life.Whole && life.Ready:
		return ok(name, "%s found its elements at its start", d.Name)
	case streamed:
		return ok(name, "%s has streamed", d.Name)
	}
	return unknown(name, "neither the start of %s nor a stream is in the last %d lines", d.Name, report.Lines).cured("docker exec %s gst-inspect-1.0 x264enc", d.Name)
}
