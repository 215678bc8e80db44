package diagnosis

import (
	"slices"
	"strings"
	"testing"
)

const startLine = "09:00:00.100000000 INFO  | Gstreamer version: 1.26.7-0"

// session are the lines of a process that begins a session, and what follows.
func session(more ...string) []string {
	return slices.Concat([]string{startLine}, launched("10:01", "10.0.0.7"), more)
}

// TestEffectsAreNoRoots: what is as a rule an effect stands below every cause,
// and alone it is told with little trust.
func TestEffectsAreNoRoots(t *testing.T) {
	const broken = ":02.000000000 ERROR | [GSTREAMER] Pipeline error: Internal data stream error."
	alone := diagnose(t, session("10:01"+broken)...)
	if r := alone.Root; r == nil || r.ID != "internal-data" || r.Confidence != "low" || !slices.ContainsFunc(r.Against, func(s string) bool { return strings.Contains(s, "its cause is not in this log") }) {
		t.Errorf("alone: %+v", r)
	}
	// A cause of its own that explains it, or not, is the root, also when it shows later.
	for _, line := range []string{
		`10:01:01.000000000 WARN  | [GSTREAMER] Pipeline parse error (recovered): no property "max-bytes" in element "interpipesink"`,
		`10:01:09.000000000 WARN  | [DOCKER] error 500 - {"message":"x"}`,
	} {
		d := diagnose(t, session("10:01"+broken, line)...)
		if d.Root == nil || d.Root.ID == "internal-data" || d.Root.Confidence != "high" {
			t.Errorf("with %q: %+v", line, d.Root)
		}
	}
}

// TestTheWorstThatFollowsDecides: of two causes the one that ended the process is
// the root, not the one that came first.
func TestTheWorstThatFollowsDecides(t *testing.T) {
	lines := session(
		`10:01:01.000000000 WARN  | [GSTREAMER] Pipeline parse error (recovered): no property "max-bytes" in element "interpipesink"`,
		"10:01:02.000000000 ERROR | [GSTREAMER] Pipeline error: Internal data stream error.",
		"10:01:08.000000000 DEBUG | [PULSE] Context failed",
		"10:01:08.000100000 ERROR | Unhandled exception: The state of the promise has already been set.")
	d := diagnose(t, lines...)
	if d.Root == nil || d.Root.ID != "pulse-died" {
		t.Errorf("%+v", d.Root)
	}
	if d := diagnose(t, lines[:len(lines)-2]...); d.Root == nil || d.Root.ID != "interpipe-max-bytes" {
		t.Errorf("while nothing ended: %+v", d.Root)
	}
}

// TestCutInAStream: a whole log that ends in a stream may be that of a process
// that was killed, or of one that lives: it says both. What shows the end, or has
// only begun, is not told so.
func TestCutInAStream(t *testing.T) {
	later := "10:01:08.000000000 DEBUG | [GSTREAMER] Forcing IDR"
	for name, c := range map[string]struct {
		lines []string
		want  string
	}{
		"in a stream":     {session(later), Inconclusive},
		"it ended":        {session(later, quitAt("10:02", "10.0.0.7")), OK},
		"as it began":     {session(), Inconclusive},
		"without a start": {session(later)[1:], OK},
		"INFO": {[]string{
			startLine, "10:01:00.060000000 INFO  | Wayland display ready, listening on: wayland-1",
			"10:01:08.000000000 INFO  | [DOCKER] Starting container: /App_1",
		}, Inconclusive},
	} {
		d := diagnose(t, c.lines...)
		if d.Verdict != c.want {
			t.Errorf("%s: %s", name, d.Verdict)
		}
		if name != "in a stream" {
			if len(d.Candidates) > 0 {
				t.Errorf("%s: %+v", name, d.Candidates)
			}
			continue
		}
		var ids []string
		for _, r := range d.Candidates {
			ids = append(ids, r.ID)
		}
		if got := strings.Join(ids, " "); got != "wolf-killed log-cut-off" || d.Candidates[0].Confidence != "low" {
			t.Errorf("%s: %s, %+v", name, got, d.Candidates[0])
		}
	}
}

// TestLastWords: a fault that ends no process is not what ended it, where one
// that does was said.
func TestLastWords(t *testing.T) {
	d := diagnose(t, session(
		"10:01:08.000000000 ERROR | [GSTREAMER] Pipeline error: Internal data stream error.",
		"10:01:08.000100000 ERROR | Unhandled exception: The state of the promise has already been set.")...)
	i := slices.IndexFunc(d.Chain, func(l Link) bool { return l.Fault == "wolf-killed" })
	if i < 0 || slices.Contains(d.Chain[i].EffectOf, "internal-data") || !slices.Contains(d.Chain[i].EffectOf, "unhandled") {
		t.Errorf("chain %+v", d.Chain)
	}
}
