package appscan

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/kennel-stream/kennel/internal/config"
)

// TestThePageShowsTheEntriesThatAreMade holds docs/apps.md against the recipes.
func TestThePageShowsTheEntriesThatAreMade(t *testing.T) {
	page, err := os.ReadFile("../../docs/apps.md")
	if err != nil {
		t.Fatal(err)
	}
	shown := map[string]config.Runner{}
	for i, part := range strings.Split(string(page), "```toml\n") {
		if i == 0 {
			continue
		}
		text, _, _ := strings.Cut(part, "```\n")
		c, err := config.Parse("docs/apps.md", []byte("version = 1\n"+text))
		if err != nil {
			t.Errorf("%v in\n%s", err, text)
			continue
		}
		for _, a := range c.Apps {
			shown[a.Title] = a.Runner
		}
	}
	made := map[string]bool{}
	for _, r := range known {
		if r.title == "Google Chrome" || made[r.title] {
			continue
		}
		made[r.title] = true
		got := shown[r.title]
		args, err := got.Command()
		if err != nil || !slices.Equal(args, r.args) || !slices.Equal(got.Env, r.env) {
			t.Errorf("%s: the page has %q, %q, what is made %q, %q", r.title, args, got.Env, r.args, r.env)
		}
	}
}
