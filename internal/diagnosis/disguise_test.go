package diagnosis

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

var wolfLine = regexp.MustCompile(`^\d\d:\d\d:\d\d\.\d{9} (INFO|WARN|ERROR|DEBUG|TRACE|FATAL)`)

// disguises are what happens to a log on its way to us; none changes what it says.
var disguises = map[string]func(line string, n int) string{
	"compose": func(line string, _ int) string { return "wolf-1  | " + line },
	"timestamps": func(line string, n int) string {
		return time.Date(2026, 11, 23, 10, 0, 0, n*1000, time.UTC).Format("2006-01-02T15:04:05.000000000Z") + " " + line
	},
	"colours": func(line string, _ int) string {
		if wolfLine.MatchString(line) {
			return "\x1b[37;1m" + line + "\x1b[0m"
		}
		return line
	},
	"half a colour": func(line string, _ int) string {
		if wolfLine.MatchString(line) {
			return "[33;1m" + line + "[0m"
		}
		return line
	},
	"carriage returns": func(line string, _ int) string { return line + "\r" },
	"one blank less":   func(line string, _ int) string { return strings.Replace(line, "INFO  |", "INFO |", 1) },
	"jsonfile": func(line string, n int) string {
		return fmt.Sprintf(`{"log":%q,"stream":"stderr","time":"2026-11-23T10:00:00.%09dZ"}`, line+"\n", n*1000)
	},
}

// TestDisguisesChangeNothing: prefixes, colours and line ends.
func TestDisguisesChangeNothing(t *testing.T) {
	c := catalogue(t)
	for _, file := range logs(t, "wolf-runs") {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		_, text, _ := strings.Cut(string(raw), "\n")
		plain := real(t, c, file)
		for name, disguise := range disguises {
			if name == "jsonfile" {
				continue // undone before the grammar, where files are opened
			}
			var b strings.Builder
			n := 0
			for line := range strings.Lines(text) {
				n++
				b.WriteString(disguise(strings.TrimRight(line, "\r\n"), n) + "\n")
			}
			l, err := c.Read(t.Context(), Source{"log", strings.NewReader(b.String())})
			if err != nil {
				t.Fatal(err)
			}
			d := c.Diagnose(l)
			if d.Verdict != plain.Verdict || len(d.Sessions) != len(plain.Sessions) || (d.Root == nil) != (plain.Root == nil) || d.Root != nil && d.Root.ID != plain.Root.ID {
				t.Errorf("%s with %s: %s %v with %d sessions, plain %s %v with %d", filepath.Base(file), name,
					d.Verdict, d.Root, len(d.Sessions), plain.Verdict, plain.Root, len(plain.Sessions))
			}
		}
	}
}

// TestABrokenOffLogHasNoOtherRoot: with less evidence the answer is the same, or
// none, but never something that the whole log does not say.
func TestABrokenOffLogHasNoOtherRoot(t *testing.T) {
	c, want := catalogue(t), expected(t)
	r := rand.New(rand.NewPCG(1, 2))
	for _, file := range logs(t, "wolf-runs") {
		name := strings.TrimSuffix(filepath.Base(file), ".log")
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		_, text, _ := bytes.Cut(raw, []byte("\n"))
		lines := bytes.SplitAfter(text, []byte("\n"))
		for range 5 {
			end := 1 + r.IntN(len(lines))
			l, err := c.Read(t.Context(), Source{"log", bytes.NewReader(bytes.Join(lines[:end], nil))})
			if err != nil {
				t.Fatal(err)
			}
			d := c.Diagnose(l)
			if d.Root == nil {
				continue
			}
			// A client that left and has not come back may do so after the log's end.
			ok := d.Root.ID == "client-vanished"
			for _, id := range want[name] {
				ok = ok || id == d.Root.ID
			}
			for _, link := range real(t, c, file).Chain {
				ok = ok || link.Fault == d.Root.ID
			}
			if !ok {
				t.Errorf("%s cut after line %d of %d: root %s, want one of %v", name, end, len(lines), d.Root.ID, want[name])
			}
		}
	}
}
