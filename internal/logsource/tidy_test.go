package logsource

import (
	"io"
	"strings"
	"testing"
)

// TestTidy: what copies and exports do to a log is undone, with as many lines as
// before; a log as it was written is left alone.
func TestTidy(t *testing.T) {
	const (
		a    = `10:00:00.000000000 INFO  | Gstreamer version: 1.26.2-0`
		b    = `10:00:01.000000000 ERROR | [GSTREAMER] Pipeline parse error: no element "x" of <y> & 'z' that is long`
		c    = `10:00:02.000000000 INFO  | HTTP server listening on port: 47989`
		d    = `10:00:03.000000000 INFO  | the end, with a comma`
		want = a + "\n" + b + "\n" + c + "\n" + d + "\n"
	)
	edge, filler := strings.LastIndex(b[:81], " "), strings.Repeat(" x", 40)[:80-len(c)]
	lines := func(all ...string) string { return strings.Join(all, "\n") + "\n" }
	for name, text := range map[string]string{
		"as it was written": want,
		"newest first":      lines(d, c, b, a),
		"HTML":              strings.NewReplacer(`"`, "&quot;", "'", "&#39;", "<", "&lt;", ">", "&gt;", "&", "&amp;").Replace(want),
		"typographic":       strings.NewReplacer(` "`, " “", `" `, "” ", "'", "’").Replace(want),
		"CSV":               lines("2026-01-01T10:00:00Z,wolf,"+a, `2026-01-01T10:00:00Z,wolf,"`+strings.ReplaceAll(b, `"`, `""`)+`"`, "2026-01-01T10:00:00Z,wolf,"+c, `2026-01-01T10:00:00Z,wolf,"`+d+`"`),
		"quoted CSV":        lines(`"1","`+a+`"`, `"1","`+strings.ReplaceAll(b, `"`, `""`)+`"`, `"1","`+c+`"`, `"1","`+d+`"`),
		"JSON":              lines(`{"n":1,"message":"`+a+`"}`, `{"n":1,"message":"`+strings.ReplaceAll(b, `"`, `\"`)+`"}`, `{"n":1,"message":"`+c+`"}`, `{"n":1,"message":"`+d+`"}`),
		"a list of JSON":    lines(`[{"a":"`+a+`"},`, `{"a":"`+strings.ReplaceAll(b, `"`, `\"`)+`"},`, `{"a":"`+c+`"},`, `{"a":"`+d+`"}]`),
		"wrapped":           lines(a, b[:80], b[80:], c, d),
		"wrapped at words":  lines(a, b[:edge], b[edge+1:], c+filler, d),
	} {
		set, err := Open(t.Context(), Options{Stdin: strings.NewReader(text)}, "-")
		if err != nil {
			t.Fatal(name, err)
		}
		got, err := io.ReadAll(set.Sources[0].Reader)
		if err != nil {
			t.Fatal(name, err)
		}
		plain := strings.ReplaceAll(strings.ReplaceAll(string(got), "\n\n", "\n"), filler, "")
		if plain != want {
			t.Errorf("%s:\n got %s\nwant %s", name, plain, want)
		}
		if n := strings.Count(text, "\n"); strings.Count(string(got), "\n") != n {
			t.Errorf("%s: %d lines, want %d", name, strings.Count(string(got), "\n"), n)
		}
		if turned := strings.Contains(strings.Join(set.Warnings(), " "), "newest lines first"); turned != (name == "newest first") {
			t.Errorf("%s: %q", name, set.Warnings())
		}
		_ = set.Close()
	}
}

// FuzzTidy: whatever stands in a log, it can be read, and no line is lost.
func FuzzTidy(f *testing.F) {
	f.Add("10:00:03.000000000 INFO  | a\n10:00:02.000000000 INFO  | b\n10:00:01.000000000 INFO  | c\n10:00:00.000000000 INFO  | d\n")
	f.Add("[{\"a\":\"10:00:00.000000000 INFO  | &quot;a&quot;\"},\n\"1\",\"2\"\n")
	f.Add(strings.Repeat("x", 80) + "\n" + strings.Repeat("y", 80) + "\nz\n")
	f.Fuzz(func(t *testing.T, text string) {
		set, err := Open(t.Context(), Options{Stdin: strings.NewReader(text)}, "-")
		if err != nil {
			return
		}
		defer func() { _ = set.Close() }()
		for _, s := range set.Sources {
			if _, err := io.Copy(io.Discard, s.Reader); err != nil {
				t.Skip(err)
			}
		}
	})
}
