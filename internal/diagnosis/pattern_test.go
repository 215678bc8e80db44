package diagnosis

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestPatternsAreTheirExpressions: on every line of the real logs, and where an
// expression fits only behind a place that looks like its beginning.
func TestPatternsAreTheirExpressions(t *testing.T) {
	lines := []string{"", "aab", "on port: x on port: 12", "Created virtual sink: 1 Created virtual sink: 2"}
	for _, dir := range []string{"", "wolf-runs", "issues"} {
		for _, file := range logs(t, dir) {
			raw, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			lines = append(lines, strings.Split(string(raw[:min(len(raw), 20_000)]), "\n")...)
		}
	}
	all := []*regexp.Regexp{regexp.MustCompile(`aa?b`), regexp.MustCompile(`x$`), regexp.MustCompile(`(?i)gl_out`), regexp.MustCompile(`on port: (\d+)|Created`)}
	for i := range marks {
		if marks[i].re != nil {
			all = append(all, marks[i].re)
		}
	}
	for _, f := range catalogue(t).faults {
		for _, s := range f.Signs {
			if s.re != nil {
				all = append(all, s.re)
			}
		}
	}
	lines = append(
		lines, "on port: 1\u00e9", "Starting container: /a\u00e9\xff\vb\tc", "Starting container: / x", "Created virtual sink: 1234567890", "Created virtual sink: 123456789",
		"/123456789/", "/1234567890/", "/123456789012345678901/", "/1234567890 /12345678901/", "listening on: wayland- listening on: wayland-7x", "Stopping container: /",
	)
	quick, runs := 0, 0
	for _, re := range all {
		p := patternOf(re)
		if p.there != nil {
			quick++
		}
		if p.run != nil {
			runs++
		}
		for _, line := range lines {
			if p.prefix != "" && !strings.Contains(line, p.prefix) && !re.MatchString(line) {
				continue
			}
			if diff := cmp.Diff(re.FindStringSubmatch(line), p.find(line)); diff != "" || p.in(line) != re.MatchString(line) {
				t.Errorf("%s in %q: %s", re, line, diff)
			}
		}
	}
	if quick < len(all)/3 || runs < 5 {
		t.Errorf("only %d of %d expressions begin with a literal, %d with a run behind it", quick, len(all), runs)
	}
}
