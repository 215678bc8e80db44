package diagnosis

import (
	"bytes"
	"slices"
	"strings"
	"testing"
)

// TestLongPathsBreakBetweenTheirParts: a path that is wider than the report is
// broken after a slash, and what has none between two characters.
func TestLongPathsBreakBetweenTheirParts(t *testing.T) {
	path := "(/var/lib/docker/containers/" + strings.Repeat("a", 30) + "/logs/" + strings.Repeat("b", 40) + "/wolf.log:12)"
	for text, want := range map[string][]string{
		"at " + path:                   {"at", "(/var/lib/docker/containers/" + strings.Repeat("a", 30) + "/logs/", strings.Repeat("b", 40) + "/wolf.log:12)"},
		strings.Repeat("é", 50):        {strings.Repeat("é", 34), strings.Repeat("é", 16)},
		"a/" + strings.Repeat("x", 70): {"a/" + strings.Repeat("x", 66), "xxxx"},
		strings.Repeat("word ", 3):     {"word word word"},
	} {
		got := slices.Collect(wrap(text, 68))
		if !slices.Equal(got, want) {
			t.Errorf("%q:\n got %q\nwant %q", text, got, want)
		}
	}
}

// TestWellAfter: of a fault that was long ago the report says what came after.
func TestWellAfter(t *testing.T) {
	lines := session(`10:01:01.000000000 WARN  | [DOCKER] error 500 - {"message":"x"}`, quitAt("10:02", "10.0.0.7"))
	for _, at := range []string{"11:01", "12:01"} {
		lines = slices.Concat(lines, launched(at, "10.0.0.7"), []string{quitAt(at[:4]+"5", "10.0.0.7")})
	}
	var text bytes.Buffer
	if err := diagnose(t, lines...).WriteText(&text, false); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(text.String(), "2 sessions after it went well") {
		t.Error(text.String())
	}
	// Their display's name is no counter, which the list of sessions says.
	if !strings.Contains(text.String(), "wayland-N is the lowest name") {
		t.Error(text.String())
	}
}

// TestWhatToSendInstead: a log without times says so, and one with times does not.
func TestWhatToSendInstead(t *testing.T) {
	for line, want := range map[string]bool{"[LOBBY] Session 1 joining lobby 2": true, "10:00:00.000000000 INFO  | [LOBBY] Session 1 joining lobby 2": false} {
		d := diagnose(t, line)
		if d.Verdict != Inconclusive || strings.Contains(d.Reason, "docker logs --timestamps") != want {
			t.Errorf("%q: %s, %s", line, d.Verdict, d.Reason)
		}
	}
}

// TestTablesAreNarrow: a row is under 100 characters, whatever stands in it.
func TestTablesAreNarrow(t *testing.T) {
	for _, texts := range [][]string{{strings.Repeat("ä", 300), strings.Repeat("b", 90), "c"}, {"a", "b", "c"}} {
		var out bytes.Buffer
		p := &printer{w: &out}
		p.cells(texts...)
		if n := len([]rune(strings.TrimSuffix(out.String(), "\n"))); n > tableWidth || strings.Count(out.String(), "|") != len(texts)+1 {
			t.Errorf("%d characters: %s", n, out.String())
		}
	}
}
