package diagnosis

import (
	"os"
	"regexp"
	"strings"
	"testing"
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
		"Stopped container", "Stopped container: /", "Stopped container: /a b", "Stopped container : /a", "[GET] HTTP://a/launch", "[GET] HTTPS:///launch?x=/launch&y /launch", "[GET] HTTP://a b/launch",
		"[GET] HTTPSS://a/launch", "[GET] HTTPS:/a/launch", "[GET] HTTP://x [GET] HTTP://\xff\u00e9/cancel", "[GET] HTTPS://a/resume/resume\tb", "[GET] HTTP", "[GET] HTTPS",
	)
	quick, runs, urls := 0, 0, 0
	for _, re := range all {
		p := patternOf(re)
		if p.there != nil {
			quick++
		}
		if p.run != nil {
			runs++
		}
		if p.url != nil {
			urls++
		}
		for _, line := range lines {
			if p.prefix != "" && !strings.Contains(line, p.prefix) && !re.MatchString(line) {
				continue
			}
			want, matches := firstGroup(re.FindStringSubmatch(line))
			if got, ok := p.group(line); re.NumSubexp() > 0 && (got != want || ok != matches) || p.in(line) != matches {
				t.Errorf("%s in %q: got %q, %v, want %q, %v", re, line, got, ok, want, matches)
			}
		}
	}
	if quick < len(all)/3 || runs < 6 || urls < 3 {
		t.Errorf("only %d of %d expressions begin with a literal, %d with a run behind it, %d with the rest of an address", quick, len(all), runs, urls)
	}
}
