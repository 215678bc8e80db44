package main

import (
	"bytes"
	"encoding/binary"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"html"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"github.com/kennel-stream/kennel/internal/diagnosis"
	"github.com/kennel-stream/kennel/internal/logsource"
	"github.com/kennel-stream/kennel/internal/wolflog"
)

// mutation is what copying, exporting and cutting does to a log.
type mutation struct {
	name  string
	least int // percent of logs of which the answer must stay
	// loses says that lines are missing: what shows no more may be inconclusive.
	loses bool
	make  func(lines []string) string
}

// each changes every line; at is about when it was written.
func each(change func(line string, n int, at time.Time) string) func([]string) string {
	return func(lines []string) string {
		at := time.Date(2026, 3, 1, 6, 0, 0, 0, time.UTC)
		var d wolflog.Dater
		d.On(at)
		var b strings.Builder
		for n, line := range lines {
			l := wolflog.Parse(line)
			if when, ok := d.Date(&l); ok && when.After(at) {
				at = when
			}
			b.WriteString(change(line, n+1, at) + "\n")
		}
		return b.String()
	}
}

func prefixed(make func(n int, at time.Time) string) func([]string) string {
	return each(func(line string, n int, at time.Time) string { return make(n, at) + line })
}

// drop leaves out so many percent of the lines.
func drop(percent int) func([]string) string {
	return func(lines []string) string {
		r := rand.New(rand.NewPCG(uint64(len(lines)), uint64(percent)))
		return strings.Join(slices.DeleteFunc(slices.Clone(lines), func(string) bool { return r.IntN(100) < percent }), "\n") + "\n"
	}
}

// fold breaks lines at a width, between words or anywhere.
func fold(width int, words bool) func([]string) string {
	return each(func(line string, _ int, _ time.Time) string {
		var pieces []string
		for rest := []rune(line); len(rest) > 0; {
			end := min(width, len(rest))
			if i := strings.LastIndexByte(string(rest[:end]), ' '); words && end < len(rest) && rest[end] != ' ' && i > 0 {
				end = len([]rune(string(rest[:end])[:i]))
			}
			pieces = append(pieces, string(rest[:end]))
			if rest = rest[end:]; words && len(rest) > 0 && rest[0] == ' ' {
				rest = rest[1:]
			}
		}
		return strings.Join(pieces, "\n")
	})
}

func utf16Of(text string) string {
	var b bytes.Buffer
	b.Write([]byte{0xff, 0xfe})
	_ = binary.Write(&b, binary.LittleEndian, utf16.Encode([]rune(text)))
	return b.String()
}

func plainly(lines []string) string { return strings.Join(lines, "\n") + "\n" }

var mutations = []mutation{
	{"CRLF", 97, false, func(lines []string) string { return strings.ReplaceAll(plainly(lines), "\n", "\r\n") }},
	{"BOM", 97, false, func(lines []string) string { return "\xef\xbb\xbf" + plainly(lines) }},
	{"UTF-16", 97, false, func(lines []string) string { return utf16Of(plainly(lines)) }},
	{"bad bytes", 97, false, each(func(line string, n int, _ time.Time) string {
		if n%3 == 0 {
			return line + "\xff\xfe"
		}
		return line
	})},
	{"short", 97, false, prefixed(func(_ int, at time.Time) string { return at.Format(time.Stamp) + " host wolf[17]: " })},
	{"short-iso", 97, false, prefixed(func(_ int, at time.Time) string { return at.Format("2006-01-02T15:04:05-0700") + " host wolf[17]: " })},
	{"short-precise", 97, false, prefixed(func(_ int, at time.Time) string { return at.Format(time.StampMicro) + " host wolf[17]: " })},
	{"no-pid", 97, false, prefixed(func(_ int, at time.Time) string { return at.Format(time.Stamp) + " host wolf: " })},
	{"podman -t", 97, false, prefixed(func(_ int, at time.Time) string {
		return at.In(time.FixedZone("", 7200)).Format("2006-01-02T15:04:05.000000000-07:00") + " "
	})},
	{"kubectl --prefix", 97, false, prefixed(func(int, time.Time) string { return "[pod/wolf-0/wolf] " })},
	{"RFC 5424", 97, false, prefixed(func(_ int, at time.Time) string { return "<30>1 " + at.Format(time.RFC3339) + " host wolf 17 - - " })},
	{"quotes", 97, false, prefixed(func(int, time.Time) string { return "> " })},
	{"indent", 97, false, prefixed(func(int, time.Time) string { return "    " })},
	{"cat -n", 97, false, prefixed(func(n int, _ time.Time) string { return fmt.Sprintf("%6d\t", n) })},
	{"grep -n", 97, false, prefixed(func(n int, _ time.Time) string { return fmt.Sprintf("%d:", n) })},
	{"HTML", 97, false, each(func(line string, _ int, _ time.Time) string { return html.EscapeString(line) })},
	{"typographic", 97, false, each(func(line string, _ int, _ time.Time) string {
		return strings.NewReplacer(`"`, "”", "'", "’").Replace(line)
	})},
	{"JSON", 97, false, each(func(line string, _ int, at time.Time) string {
		text, _ := json.Marshal(map[string]string{"timestamp": at.Format(time.RFC3339), "container": "wolf", "message": line})
		return string(text)
	})},
	{"CSV", 97, false, each(func(line string, _ int, at time.Time) string {
		var b strings.Builder
		w := csv.NewWriter(&b)
		_ = w.Write([]string{at.Format(time.RFC3339), "wolf", line})
		w.Flush()
		return strings.TrimSuffix(b.String(), "\n")
	})},
	{"CSV, quoted", 97, false, each(func(line string, _ int, at time.Time) string {
		return fmt.Sprintf(`"%s","wolf","%s"`, at.Format(time.DateTime), strings.ReplaceAll(line, `"`, `""`))
	})},
	{"fold -w 80", 97, false, fold(80, false)},
	{"fold -s -w 80", 97, false, fold(80, true)},
	{"drop 5 %", 97, true, drop(5)},
	{"drop 20 %", 90, true, drop(20)},
	{"newest first", 85, false, func(lines []string) string {
		turned := slices.Clone(lines)
		slices.Reverse(turned)
		return plainly(turned)
	}},
	{"last quarter cut", 85, true, func(lines []string) string { return plainly(lines[:len(lines)-len(lines)/4]) }},
}

// answer is what the doctor says of a log: its verdict and root, or that it is none.
func answer(t *testing.T, c *diagnosis.Catalogue, text string) (verdict, root string) {
	t.Helper()
	logs, err := logsource.Open(t.Context(), logsource.Options{Stdin: strings.NewReader(text)}, "-")
	if err != nil {
		return "unusable", err.Error()
	}
	defer func() { _ = logs.Close() }()
	l, err := c.Read(t.Context(), diagnosis.Source{Name: "-", Reader: logs.Sources[0].Reader})
	if err != nil {
		t.Fatal(err)
	}
	if checkKind(logs.Sources, l) != nil {
		return "unusable", ""
	}
	d := c.Diagnose(l)
	if d.Root != nil {
		root = d.Root.ID
	}
	return d.Verdict, root
}

// realLogs are the lines of each log, without the first, which names its outcome.
func realLogs(t *testing.T) map[string][]string {
	t.Helper()
	all := map[string][]string{}
	for _, dir := range []string{"", "wolf-runs", "issues"} {
		files, err := filepath.Glob(filepath.Join("../../internal/diagnosis/testdata/logs", dir, "*.log"))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			raw, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			lines := strings.Split(strings.ToValidUTF8(strings.TrimSuffix(string(raw), "\n"), "?"), "\n")
			all[strings.TrimSuffix(filepath.Base(file), ".log")] = lines[1:]
		}
	}
	return all
}

// TestMutations: a log that was copied or exported gets the same answer. One that
// lost lines gets it where they are still there, and is inconclusive elsewhere. A
// healthy one never becomes a fault.
func TestMutations(t *testing.T) {
	if testing.Short() {
		t.Skip("NOT TRIED: mutations of all logs, in short mode")
	}
	c, err := diagnosis.Load(nil)
	if err != nil {
		t.Fatal(err)
	}
	logs := realLogs(t)
	type said struct{ verdict, root string }
	before := map[string]said{}
	for name, lines := range logs {
		v, r := answer(t, c, plainly(lines))
		before[name] = said{v, r}
	}
	copies, kept := 0, 0
	for _, m := range mutations {
		same, hidden := 0, 0
		var differ []string
		for name, lines := range logs {
			v, r := answer(t, c, m.make(lines))
			was := before[name]
			if v == was.verdict && (r == was.root || v == diagnosis.Inconclusive) {
				same++
				continue
			}
			if m.loses && (v == diagnosis.Inconclusive || v == "unusable") {
				hidden++
				continue
			}
			differ = append(differ, fmt.Sprintf("%s: %s %s, was %s %s", name, v, r, was.verdict, was.root))
			if was.verdict != diagnosis.Faulty && v == diagnosis.Faulty && healthyByName(t, name) {
				t.Errorf("%s: the healthy %s is called a fault: %s", m.name, name, r)
			}
		}
		slices.Sort(differ)
		if m.least >= 90 {
			copies, kept = copies+len(logs), kept+same
		}
		t.Logf("%-17s %3d of %d the same, %5.1f %%; %d show it no more and are inconclusive", m.name, same, len(logs), 100*float64(same)/float64(len(logs)), hidden)
		for _, one := range differ {
			t.Logf("    %s", one)
		}
		if (same+hidden)*100 < m.least*len(logs) {
			t.Errorf("%s: only %d of %d logs keep their answer", m.name, same+hidden, len(logs))
		}
	}
	t.Logf("all but newest first and cut: %d of %d the same, %.1f %%", kept, copies, 100*float64(kept)/float64(copies))
	if kept*100 < 97*copies {
		t.Errorf("only %d of %d keep their answer", kept, copies)
	}
}

// healthyByName tells whether the key calls a log healthy.
func healthyByName(t *testing.T, name string) bool {
	t.Helper()
	raw, err := os.ReadFile("../../internal/diagnosis/testdata/expected.txt")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(raw)) {
		if words := strings.Fields(line); len(words) > 1 && words[0] == name {
			return slices.Contains(words[1:], diagnosis.OK)
		}
	}
	t.Fatalf("%s is not in the key", name)
	return false
}
