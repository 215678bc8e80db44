package diagnosis

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
)

// hostile is what an app or a client may have written into a log: commands for a
// terminal, the other reading direction, tags, and a column of a table.
const hostile = "\x1b]0;pwned\x07 \x1b[2J \u009b2J \u202egnp.exe \u2066 <script>alert(1)</script> | \\| `x` [a](javascript:b)"

// TestReportsEscapeLogs: no report hands on what a terminal, a browser or a table
// would obey, from whichever part of a log it comes.
func TestReportsEscapeLogs(t *testing.T) {
	lines := session(
		"10:01:01.000000000 ERROR | [GSTREAMER] Pipeline error: "+hostile, `10:01:02.000000000 WARN  | [DOCKER] error 500 - {"message":"`+hostile+`"}`,
		"10:01:03.000000000 ERROR | "+hostile, quitAt("10:02", "10.0.0.7"),
	)
	c := catalogue(t)
	l, err := c.Read(t.Context(), Source{"good " + hostile, strings.NewReader(strings.Join(session(quitAt("10:02", "10.0.0.7")), "\n"))},
		Source{"bad " + hostile, strings.NewReader(strings.Join(lines, "\n"))})
	if err != nil {
		t.Fatal(err)
	}
	d := c.Diagnose(l)
	comparison, err := c.Compare(d, d)
	if err != nil {
		t.Fatal(err)
	}
	for name, write := range map[string]func(*bytes.Buffer) error{
		"text":       func(b *bytes.Buffer) error { return d.WriteText(b, false) },
		"colours":    func(b *bytes.Buffer) error { return d.WriteText(b, true) },
		"conclusion": func(b *bytes.Buffer) error { return d.WriteConclusion(b, false) },
		"markdown":   func(b *bytes.Buffer) error { return d.WriteMarkdown(b) },
		"html":       func(b *bytes.Buffer) error { return d.WriteHTML(b) },
		"comparison": func(b *bytes.Buffer) error { return comparison.WriteMarkdown(b) },
		"trend":      func(b *bytes.Buffer) error { return d.Trend().WriteText(b) },
		"timeline":   func(b *bytes.Buffer) error { _, err := b.Write(d.Picture().SVG()); return err },
		"both":       func(b *bytes.Buffer) error { _, err := b.Write(comparison.Picture().SVG()); return err },
	} {
		var out bytes.Buffer
		if err := write(&out); err != nil {
			t.Fatal(err)
		}
		text := out.String()
		if name == "colours" {
			if !strings.Contains(text, red) && !strings.Contains(text, yellow) {
				t.Errorf("no colours in %q", text)
			}
			for _, own := range []string{red, green, yellow, faint, bold, "\x1b[0m"} {
				text = strings.ReplaceAll(text, own, "")
			}
		}
		for _, bad := range []string{"\x1b", "\x07", "\u009b", "\u202e", "\u2066"} {
			if strings.Contains(text, bad) {
				t.Errorf("%s holds %q:\n%s", name, bad, text)
			}
		}
		if name == "html" || name == "timeline" || name == "both" {
			if strings.Contains(text, "<script") {
				t.Errorf("%s holds a script:\n%s", name, text)
			}
		}
	}
}

// TestCellsOfMarkdown: a cell ends neither its row nor its column, and is no tag.
func TestCellsOfMarkdown(t *testing.T) {
	for text, want := range map[string]string{
		"a | b": `a \| b`, `\|`: `\\\|`, "<script>": `\<script>`, "a\nb": "a b", "\x1b": `\\u001b`, "[x](y) `z`": "\\[x](y) \\`z\\`",
		"Größe, 日本, 🙂": "Größe, 日本, 🙂",
	} {
		if got := cell(text); got != want {
			t.Errorf("%q is the cell %q, want %q", text, got, want)
		}
	}
	var out bytes.Buffer
	p := &printer{w: &out}
	p.cells(fmt.Sprintf("%s %s", strings.Repeat("|", 300), hostile), "b")
	if n := strings.Count(strings.ReplaceAll(strings.ReplaceAll(out.String(), `\\`, ""), `\|`, ""), "|"); n != 3 {
		t.Errorf("%d bars: %s", n, out.String())
	}
}
