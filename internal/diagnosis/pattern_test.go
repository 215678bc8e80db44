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
	quick := 0
	for _, re := range all {
		p := patternOf(re)
		if p.there != nil {
			quick++
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
	if quick < len(all)/3 {
		t.Errorf("only %d of %d expressions begin with a literal", quick, len(all))
	}
}
