package diagnosis

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// folded diagnoses a log of which no more is kept than limits say.
func folded(t *testing.T, keep limits, text string) *Diagnosis {
	t.Helper()
	c := catalogue(t)
	c.keep = keep
	l, err := c.Read(t.Context(), Source{"x", strings.NewReader(text)})
	if err != nil {
		t.Fatal(err)
	}
	return c.Diagnose(l)
}

// all keeps whatever there is.
var all = limits{first: 1e9, last: 1e9, batch: 1e9, bytes: 1e18}

// answer is what a diagnosis says that must not depend on what is kept.
type answer struct {
	Verdict, Root string
	At            time.Time
	Session       int
	Chain, Notes  []string
	Also          []string
	Recovered     bool
	Sessions      int
	Faulty        int
	Restarts      int
	Expected      int
}

func answerOf(d *Diagnosis) answer {
	trend := d.Trend()
	a := answer{
		Verdict: d.Verdict, Recovered: d.Recovered, Sessions: trend.Sessions, Faulty: trend.Faulty, Restarts: trend.Restarts, Expected: trend.Expected,
	}
	if d.Root != nil {
		a.Root, a.At = d.Root.ID, d.Root.At
		if d.Root.Session >= 0 {
			a.Session = d.Sessions[d.Root.Session].Number
		}
	}
	for _, l := range d.Chain {
		a.Chain = append(a.Chain, fmt.Sprint(l.Fault, l.Line, l.Count))
	}
	for _, o := range d.Also {
		a.Also = append(a.Also, fmt.Sprint(o.ID, o.Line, o.Count))
	}
	slices.Sort(a.Also)
	for _, l := range d.Notes {
		a.Notes = append(a.Notes, l.Fault)
	}
	slices.Sort(a.Notes) // which of many lines stands for a fault may differ
	return a
}

// TestFoldingChangesNoAnswer: of real logs one after the other, and of logs with
// very many sessions and lives.
func TestFoldingChangesNoAnswer(t *testing.T) {
	var runs strings.Builder
	for _, dir := range []string{"", "wolf-runs", "issues"} {
		for _, file := range logs(t, dir) {
			raw, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			_, rest, _ := bytes.Cut(raw, []byte("\n"))
			if info := dir == "wolf-runs"; info {
				_, _ = runs.Write(append(rest, '\n'))
			}
			if len(rest) < 1<<20 {
				t.Run(filepath.Base(file), func(t *testing.T) { sameAnswer(t, strings.Repeat(string(rest)+"\n", 3)) })
			}
		}
	}
	t.Run("runs", func(t *testing.T) { sameAnswer(t, runs.String()) })
	t.Run("worn", func(t *testing.T) { sameAnswer(t, lives(5, 30, 6, 1, 60, 7, 8)) })
	t.Run("early", func(t *testing.T) { sameAnswer(t, lives(5, 7, 6)+goodSessions(50)) })
	t.Run("loop", func(t *testing.T) {
		sameAnswer(t, lives(5, 7)+strings.Repeat("10:00:00.000000000 INFO  | Gstreamer version: 1.26.2-0\n", 100))
	})
}

func sameAnswer(t *testing.T, text string) {
	t.Helper()
	want := answerOf(folded(t, all, text))
	for _, keep := range []limits{
		{first: 2, last: 3, batch: 1, bytes: 1e9},
		{first: 1, last: 5, batch: 7, bytes: 1e9},
		{first: 3, last: 100, batch: 2, bytes: 20_000},
	} {
		d := folded(t, keep, text)
		if diff := cmp.Diff(want, answerOf(d)); diff != "" {
			t.Errorf("%+v, with %d sessions and %d lives folded (-all +kept):\n%s", keep, d.Folded.Sessions, d.Folded.Lives, diff)
		}
		for i, s := range d.Sessions {
			if i > 0 && s.Number <= d.Sessions[i-1].Number {
				t.Errorf("session %d comes behind %d", s.Number, d.Sessions[i-1].Number)
			}
		}
		for n, life := range d.Lives {
			for _, i := range life.Sessions {
				if d.Sessions[i].Life != n {
					t.Errorf("session %d is of life %d, and listed in %d", i, d.Sessions[i].Life, n)
				}
			}
		}
	}
}

// goodSessions is a life of the process in which nothing goes wrong.
func goodSessions(n int) string {
	var b strings.Builder
	at := time.Date(1, 1, 1, 5, 0, 0, 0, time.UTC)
	say := func(format string, args ...any) {
		fmt.Fprintf(&b, "%s "+format+"\n", append([]any{at.Format("15:04:05.000000000")}, args...)...)
		at = at.Add(100 * time.Millisecond)
	}
	say("INFO  | Gstreamer version: 1.26.2-0")
	for i := range n {
		say("DEBUG | 10.0.0.2 [GET] HTTPS://10.0.0.1/launch")
		say("DEBUG | [PULSE] Created virtual sink: %d", 2+i)
		say("DEBUG | [ENET] connected client: 10.0.0.2:1")
		say("DEBUG | 10.0.0.2 [GET] HTTPS://10.0.0.1/cancel")
	}
	return b.String()
}

// TestFoldingBoundsWhatIsKept, and says so.
func TestFoldingBoundsWhatIsKept(t *testing.T) {
	const sessions = 400
	keep := limits{first: 10, last: 20, batch: 5, bytes: 1e9}
	d := folded(t, keep, lives(3)+goodSessions(sessions))
	if n := len(d.Sessions); n > keep.first+keep.last+keep.batch+10 || n < keep.first+keep.last {
		t.Errorf("%d sessions are kept", n)
	}
	if got := len(d.Sessions) + d.Folded.Sessions; got != sessions+3 || d.Folded.Faulty != 0 {
		t.Errorf("%d sessions in all, %+v", got, d.Folded)
	}
	var out bytes.Buffer
	want := d.Folded.sentence()
	for name, write := range map[string]func() error{
		"text":     func() error { return d.WriteText(&out, false) },
		"markdown": func() error { return d.WriteMarkdown(&out) },
		"html":     func() error { return d.WriteHTML(&out) },
	} {
		out.Reset()
		if err := write(); err != nil || !strings.Contains(out.String(), want) {
			t.Errorf("%s does not say %q: %v", name, want, err)
		}
	}
	c := catalogue(t)
	if _, err := c.CompareSessions(d, 2, 200); err == nil || !strings.Contains(err.Error(), "only counted") {
		t.Errorf("a session that is not kept: %v", err)
	}
	if cmp, err := c.CompareSessions(d, 2, sessions); err != nil || cmp.Bad.Session.Number != sessions {
		t.Errorf("a session that is: %v", err)
	}
	trend := d.Trend()
	if i := len(trend.Counters); i == 0 || trend.Counters[0].Slope < 0.99 || trend.Counters[0].Slope > 1.01 {
		t.Errorf("counters: %+v", trend.Counters)
	}

	looped := folded(t, keep, strings.Repeat("10:00:00.000000000 INFO  | Gstreamer version: 1.26.2-0\n", 1000))
	if n := len(looped.Lives); n > keep.first+keep.last+keep.batch+10 || n+looped.Folded.Lives != 1000 {
		t.Errorf("%d lives are kept, %d folded", n, looped.Folded.Lives)
	}
}
