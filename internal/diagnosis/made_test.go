package diagnosis

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestMadeLogs: logs in Wolf's own words, made up for what few real ones show:
// faults among good sessions, sessions at one time, noise of normal use. Verdict,
// root and session must be those of testdata/made/expected.txt to the letter, and
// so must be how each session went.
func TestMadeLogs(t *testing.T) {
	c := catalogue(t)
	raw, err := os.ReadFile("testdata/made/expected.txt")
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{}
	for line := range strings.Lines(string(raw)) {
		name, want, ok := strings.Cut(strings.TrimSpace(line), " ")
		if !ok || name == "#" {
			continue
		}
		known[name] = true
		log, err := os.ReadFile(filepath.Join("testdata/made", name+".log"))
		if err != nil {
			t.Fatal(err)
		}
		l, err := c.Read(t.Context(), Source{name, bytes.NewReader(log)})
		if err != nil {
			t.Fatal(err)
		}
		if got := outcome(c.Diagnose(l)); got != strings.Join(strings.Fields(want), " ") {
			t.Errorf("%s:\n got %s\nwant %s", name, got, want)
		}
	}
	files, err := filepath.Glob("testdata/made/*.log")
	if err != nil || len(files) != len(known) {
		t.Errorf("%d logs, of which %d have an expectation; %v", len(files), len(known), err)
	}
}

// outcome is a diagnosis in a line: its verdict, the candidates with the sessions
// they are of, then each session's end and what broke it.
func outcome(d *Diagnosis) string {
	var b strings.Builder
	b.WriteString(d.Verdict)
	for _, r := range d.Candidates {
		fmt.Fprintf(&b, " %s@%d", r.ID, r.Session+1)
	}
	b.WriteString(" |")
	for _, s := range d.Sessions {
		fmt.Fprintf(&b, " %s:%s", s.End, s.Verdict)
		if s.Root != nil {
			fmt.Fprintf(&b, ":%s", *s.Root)
		}
	}
	if len(d.Also) > 0 {
		b.WriteString(" | also")
	}
	for _, o := range d.Also {
		fmt.Fprintf(&b, " %s@%d", o.ID, o.Session+1)
	}
	return b.String()
}
