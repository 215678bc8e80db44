package wolfapi

import (
	"slices"
	"strings"
	"testing"

	"github.com/kennel-stream/kennel/internal/config"
)

func TestAppsKeepTheirIDs(t *testing.T) {
	for _, tt := range []struct{ id, slug string }{
		{"378473508", "helix-agent"}, // a number is the one that Moonlight sees
		{"test", "wolf-test"},
		{"01k6hs0zyb-5bcbj2c0axg5rkd", "wolf-01k6hs0zyb-5bcbj2c0axg5rkd"},
		{"Zed External_1", "wolfx-b9im8825f1q6asjec5m5uc8"},
		{"f47ac10b-58cc-4372-a567-0e02b2c3d479", "wolf-f47ac10b-58cc-4372-a567-0e02b2c3d479"},
		{"F47AC10B-58CC-4372-A567-0E02B2C3D479", "wolfx-"},
		{"9999999999", "wolf-9999999999"}, // no id of Moonlight's
		{"007", "wolf-007"},
		{"-1", "wolfx-"},
		{"é", "wolfx-"},
	} {
		app := config.App{Title: "Helix agent", Runner: config.Runner{Type: config.RunnerProcess, RunCmd: "foot"}}
		if err := nameApp(&app, tt.id); err != nil {
			t.Errorf("%s: %v", tt.id, err)
			continue
		}
		resolved, err := config.ResolveApps([]config.App{app})
		if err != nil {
			t.Errorf("%s: %v", tt.id, err)
			continue
		}
		if got := idOf(resolved[0]); string(got) != tt.id || !strings.HasPrefix(resolved[0].Slug, tt.slug) {
			t.Errorf("%s became %s with the slug %s", tt.id, got, resolved[0].Slug)
		}
	}
	if err := nameApp(&config.App{}, strings.Repeat("É", 40)); err == nil {
		t.Error("an id that nothing can hold was taken")
	}
	if demo := config.Demo(); idOf(demo) != "788346166" {
		t.Errorf("the demo has the id %s", idOf(demo))
	}
}

// TestClientNumbers: they fit into 63 bits, so that no tool cuts them off.
func TestClientNumbers(t *testing.T) {
	for client, want := range map[string]Key{
		"00000000000000ff" + strings.Repeat("0", 48): "255",
		strings.Repeat("f", 64):                      "9223372036854775807",
	} {
		if got := clientNumber(client); got != want {
			t.Errorf("%s became %s, want %s", client, got, want)
		}
	}
	if clientNumber("canary") == clientNumber("other") {
		t.Error("two clients have one number")
	}
}

func TestCommandsSplitAgain(t *testing.T) {
	for _, args := range [][]string{{"foot"}, {"sh", "-c", "while :; do echo 'x'; sleep 1; done"}, {"a", "", "b c", `d"e\f`, "~", "$HOME"}} {
		words, err := config.SplitCommand(quoted(args))
		if err != nil || !slices.Equal(words, args) {
			t.Errorf("%q became %q by way of %s: %v", args, words, quoted(args), err)
		}
	}
}
