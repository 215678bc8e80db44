package diagnosis

import (
	"bytes"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/kennel-stream/kennel/internal/evidence"
)

// TestOrdinalsOfReturns: a return has the ordinal of the session that it resumes,
// and each launch the next.
func TestOrdinalsOfReturns(t *testing.T) {
	request := func(at, ip, what string) string {
		return at + ":00.000000000 DEBUG | " + ip + " [GET] HTTPS://10.0.0.1/" + what
	}
	d := diagnose(
		t, startLine,
		request("10:01", "10.0.0.7", "launch"), request("10:02", "10.0.0.7", "resume"), request("10:03", "10.0.0.8", "launch"),
		request("10:04", "10.0.0.7", "resume"), request("10:05", "10.0.0.8", "resume"), request("10:06", "10.0.0.7", "launch"),
		"11:00:00.100000000 INFO  | Gstreamer version: 1.26.7-0",
		request("11:01", "10.0.0.7", "resume"), request("11:02", "10.0.0.7", "launch"),
	)
	var got []string
	for _, s := range d.Sessions {
		got = append(got, fmt.Sprint(s.Ordinal))
		if s.Resumed {
			got[len(got)-1] += "r"
		}
	}
	if want := "1 1r 2 1r 2r 3 1r 2"; strings.Join(got, " ") != want {
		t.Errorf("%v, want %s", got, want)
	}
	real := real(t, catalogue(t), "testdata/logs/wolf-runs/05-resume-alternating-debug.log")
	for _, s := range real.Sessions {
		if s.Ordinal != 1 {
			t.Errorf("a session and its returns: %+v", s)
		}
	}
}

// TestTheRequestBeforeALaunch: the newest request to the API of at most a minute
// before a launch is the session's first stage, once.
func TestTheRequestBeforeALaunch(t *testing.T) {
	ask := func(at, what string) string { return at + " DEBUG | [API] Received request: " + what + " - {}" }
	for name, c := range map[string]struct {
		lines []string
		want  string
	}{
		"before":        {[]string{ask("10:00:10.000000000", "GET /old"), ask("10:00:50.000000000", "POST /api/v1/apps/add")}, "POST /api/v1/apps/add"},
		"long before":   {[]string{ask("09:59:50.000000000", "POST /api/v1/apps/add")}, ""},
		"none":          {nil, ""},
		"while it runs": {nil, ""},
	} {
		lines := slices.Concat([]string{startLine}, c.lines, launched("10:01", "10.0.0.7"))
		if name == "while it runs" {
			lines = append(lines, ask("10:01:30.000000000", "GET /api/v1/apps"))
		}
		d := diagnose(t, append(lines, quitAt("10:02", "10.0.0.7"))...)
		r := d.Sessions[0].record(evidence.StageAPI)
		if r == nil && c.want != "" || r != nil && (r.Detail != c.want || r.State != Done || r.Line != 3) {
			t.Errorf("%s: %+v", name, r)
		}
	}
	d := diagnose(t, slices.Concat([]string{startLine, ask("10:00:50.000000000", "GET /x")}, launched("10:01", "10.0.0.7"), launched("10:01", "10.0.0.8"))...)
	if d.Sessions[0].record(evidence.StageAPI) == nil || d.Sessions[1].record(evidence.StageAPI) != nil {
		t.Error("a request is of the launch that follows, and of no other")
	}
	good := seed(t, catalogue(t), "good.log")
	if r := good.Sessions[0].record(evidence.StageAPI); r == nil || stamp(r.At) != "06:45:31.241" {
		t.Errorf("of the report's good session: %+v", r)
	}
}

// TestComparedIsWhatShows: a session without a display of Wolf's and on a
// processor says nothing of EGL, DMA buffers and CUDA; each is told by its place
// in the list of all, and what its display's name counts.
func TestComparedIsWhatShows(t *testing.T) {
	c := catalogue(t)
	plain := real(t, c, filepath.Join("testdata/logs/wolf-runs", "03-session-ok-debug.log"))
	good := seed(t, c, "good.log")
	comparison, err := c.Compare(plain, good)
	if err != nil {
		t.Fatal(err)
	}
	var report bytes.Buffer
	if err := comparison.WriteMarkdown(&report); err != nil {
		t.Fatal(err)
	}
	for _, row := range []string{
		"| EGL images | not visible | ✅ created |", "| DMA buffers | not visible | ✅ bound |", "| CUDA context | not visible | ✅ created |",
		"| Audio pipeline | ✅ started | ✅ started |", "06:45:31 done -30.860 s (POST /api/v1/apps/add)", "wayland-N is the lowest name",
	} {
		if !strings.Contains(report.String(), row) {
			t.Errorf("the report lacks %q:\n%s", row, report.String())
		}
	}
	d := real(t, c, filepath.Join("testdata/logs/wolf-runs", "05-resume-alternating-debug.log"))
	two, err := c.CompareSessions(d, 2, 4)
	if err != nil || two.Good.Session.Number != 2 || two.Bad.Session.Number != 4 {
		t.Errorf("%+v %v", two, err)
	}
	report.Reset()
	if err := d.WriteText(&report, false); err != nil {
		t.Fatal(err)
	}
	if want := fmt.Sprintf("Stages of session %d\n", d.Root.Session+1); !strings.Contains(report.String(), want) {
		t.Errorf("the report lacks %q", want)
	}
}
