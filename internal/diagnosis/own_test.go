package diagnosis

import (
	"bytes"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/kennel-stream/kennel/internal/evidence"
	"github.com/kennel-stream/kennel/internal/wolflog"
)

// TestKennelsOwnLogs: sessions, stages with their times, ends and faults of logs
// that kennel serve wrote.
func TestKennelsOwnLogs(t *testing.T) {
	c := catalogue(t)
	for name, want := range map[string]string{
		"good": "ok | quit:ok",
		"bad":  "fault kennel-app-crashed@3 | quit:ok app:fault:kennel-app-not-found app:fault:kennel-app-crashed | also kennel-app-not-found@2",
	} {
		raw, err := os.ReadFile("testdata/kennel/" + name + ".log")
		if err != nil {
			t.Fatal(err)
		}
		l, err := c.Read(t.Context(), Source{name, bytes.NewReader(raw)})
		if err != nil {
			t.Fatal(err)
		}
		d := c.Diagnose(l)
		if got := outcome(d); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
		lines := strings.Split(string(raw), "\n")
		for i, s := range d.Sessions {
			if s.Ordinal != i+1 || !d.Lives[0].Whole {
				t.Errorf("%s: session %d: %+v", name, i+1, s)
			}
			for _, r := range s.Stages {
				if r.State == Absent && s.End == EndApp {
					continue // it failed before
				}
				if r.Line == 0 {
					t.Errorf("%s: session %d: %+v", name, i+1, r)
					continue
				}
				line := wolflog.Parse(lines[r.Line-1])
				if !line.Date.Equal(r.At) || !strings.Contains(line.Message, "stage="+string(r.Stage)) {
					t.Errorf("%s: session %d: %+v has the line %q", name, i+1, r, lines[r.Line-1])
				}
			}
		}
		if s := d.Sessions[0]; !s.done(evidence.StageStreaming) || s.Display != "wayland-1" || name == "good" && s.Encoder != "x264enc" {
			t.Errorf("%s: %+v", name, s)
		}
	}
}

// TestStagesThatAreNone: what a log calls a stage and is none changes nothing.
func TestStagesThatAreNone(t *testing.T) {
	const at = `time=2026-03-03T10:00:00.000Z level=INFO msg=`
	begin, end := at+`"launch began" session=one stage=launch app=A`, at+`"stop ended" session=one stage=stop end=client-quit`
	want := outcome(diagnose(t, begin, end))
	d := diagnose(t, begin, at+`"tea began" session=one stage=tea`, at+`"tea failed" session=one stage=tea fault=cold`, at+`"tea done" session=one`, end)
	if got := outcome(d); got != want || len(d.Sessions) != 1 || d.Sessions[0].End != EndQuit {
		t.Errorf("%s, want %s: %+v", got, want, d.Sessions)
	}
}

// TestKennelsSessionsAtOneTime: each line is of the session that it names, what
// names none is of the host, and a log that ends in a stream is that of a host
// that goes on.
func TestKennelsSessionsAtOneTime(t *testing.T) {
	line := func(second int, what, session, rest string) string {
		at := time.Date(2026, 3, 3, 10, 0, second, 0, time.UTC).Format("2006-01-02T15:04:05.000Z")
		return "time=" + at + ` level=INFO msg="` + what + `" session=` + session + " " + rest
	}
	d := diagnose(
		t, `kennel v1 is up as "den"`,
		line(1, "launch began", "one", "stage=launch app=A"), line(2, "launch began", "two", "stage=launch app=B"),
		line(3, "control done", "one", "stage=control"), line(4, "streaming done", "one", "stage=streaming"),
		line(5, "video_pipeline failed", "two", "stage=video_pipeline fault=kennel-encoder-init"),
		line(6, "video_pipeline note", `""`, "stage=video_pipeline fault=kennel-gpu-meter-missing"),
		line(7, "receipt", "one", "fault=leak-trend"),
		line(8, "stop ended", "two", "stage=stop end=encoder-died"),
		line(9, "receipt", "three", "fault=leak"),
		line(30, "app note", "one", "stage=app display=mapped"),
	)
	if got, want := outcome(d), "fault kennel-encoder-init@2 | open:ok app:fault:kennel-encoder-init | also leak@0"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if len(d.Sessions) == 2 {
		if !d.Sessions[0].has("leak-trend") || d.Sessions[1].has("leak-trend") || !d.Lives[0].has("kennel-gpu-meter-missing") {
			t.Errorf("%+v", d.Sessions)
		}
		if r := d.Sessions[1].record(evidence.StageVideoPipeline); r == nil || r.State != Failed || r.Detail != "kennel-encoder-init" {
			t.Errorf("%+v", r)
		}
	}
}

// TestOnlyDarkMetersOfGPUsExplainEncoders, and only while they are dark.
func TestOnlyDarkMetersOfGPUsExplainEncoders(t *testing.T) {
	const (
		up     = "kennel dev is up as \"vm\""
		dark   = `time=2026-12-01T10:00:00.000Z level=WARN msg="video_pipeline note" session="" stage=video_pipeline fault=meter-dark meter=METER error="timeout"`
		again  = `time=2026-12-01T10:01:00.000Z level=INFO msg="video_pipeline note" session="" stage=video_pipeline meter=METER state="answers again"`
		launch = `time=2026-12-01T10:0M:00.000Z level=INFO msg="launch done" session=0193 stage=launch app=x`
		fails  = `time=2026-12-01T10:0M:01.000Z level=ERROR msg="video_pipeline failed" session=0193 stage=video_pipeline fault=kennel-encoder-error`
	)
	for name, c := range map[string]struct {
		meter, minute string
		again         bool
		want          string
	}{
		"of a GPU":       {"gpu", "1", false, "meter-dark"},
		"while dark":     {"gpu", "0", true, "meter-dark"},
		"answered again": {"gpu", "8", true, "kennel-encoder-error"},
		"of files":       {"files", "1", false, "kennel-encoder-error"},
	} {
		lines := []string{up, strings.ReplaceAll(dark, "METER", c.meter)}
		session := []string{strings.ReplaceAll(launch, "0M", "0"+c.minute), strings.ReplaceAll(fails, "0M", "0"+c.minute)}
		back := strings.ReplaceAll(again, "METER", c.meter)
		switch {
		case c.again && c.minute == "0":
			lines = append(append(lines, session...), back)
		case c.again:
			lines = append(append(lines, back), session...)
		default:
			lines = append(lines, session...)
		}
		d := diagnose(t, lines...)
		if d.Root == nil || d.Root.ID != c.want {
			t.Errorf("%s: %s %+v, want %s", name, d.Verdict, d.Root, c.want)
		}
	}
}
