package wolfapi

import (
	"os"
	"regexp"
	"testing"
)

// TestTheTableIsTrue holds the table of docs/wolf-api.md against what answers.
func TestTheTableIsTrue(t *testing.T) {
	text, err := os.ReadFile("../../docs/wolf-api.md")
	if err != nil {
		t.Fatal(err)
	}
	said := map[string]string{}
	for _, row := range regexp.MustCompile("(?m)^\\| `([A-Z]+ /[^`]*)` \\| (yes|no) \\|").FindAllStringSubmatch(string(text), -1) {
		said[row[1]] = row[2]
	}
	all := calls()
	for _, c := range all {
		want := "yes"
		if regexp.MustCompile(`^Not supported`).MatchString(c.note) {
			want = "no"
		}
		if name := c.method + " " + c.path; said[name] != want {
			t.Errorf("docs/wolf-api.md says %q of %s, it should say %q", said[name], name, want)
		}
	}
	if len(said) != len(all) {
		t.Errorf("docs/wolf-api.md has %d calls, the server %d", len(said), len(all))
	}
}
