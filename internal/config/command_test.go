package config

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestSplitCommand(t *testing.T) {
	for line, want := range map[string][]string{
		"foot":                          {"foot"},
		"  foot\t--app  x \n":           {"foot", "--app", "x"},
		`sh -c 'echo "$HOME" | wc'`:     {"sh", "-c", `echo "$HOME" | wc`},
		`a "b c" d\ e ''`:               {"a", "b c", "d e", ""},
		`a "x\"y\\z\$\n"`:               {"a", `x"y\z$\n`},
		`a b'c'"d"e`:                    {"a", "bcde"},
		`a https://x.org/p#frag user~1`: {"a", "https://x.org/p#frag", "user~1"},
		`/opt/spiel/Größe --title='日本 語'`: {"/opt/spiel/Größe", "--title=日本 語"},
	} {
		got, err := SplitCommand(line)
		if err != nil {
			t.Errorf("%q: %v", line, err)
			continue
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q: %s", line, diff)
		}
	}
}

func TestSplitCommandRefuses(t *testing.T) {
	for line, part := range map[string]string{
		"":           "names no program",
		"  ":         "names no program",
		"'' a":       "names no program",
		"a 'b":       "single quote is not closed",
		`a "b`:       "double quote is not closed",
		`a \`:        "escapes nothing",
		"a | b":      "no shell",
		"a; b":       "no shell",
		"a > f":      "no shell",
		"a $HOME":    "no shell",
		`a "$HOME"`:  "no shell",
		"a ~/x":      "no shell",
		"a *.png":    "no shell",
		"a x?y=1&z":  "no shell",
		"a \x00":     "zero byte",
		"a '\x00'":   "zero byte",
		"a \"\x00\"": "zero byte",
	} {
		if got, err := SplitCommand(line); err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("%q: words %q, error %v, want %q", line, got, err, part)
		}
	}
}

// Whatever the words are, quoting them and splitting gives them back.
func TestSplitCommandUndoesQuoting(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		words := rapid.SliceOfN(rapid.StringMatching(`[^\x00]{1,12}`), 1, 6).Draw(t, "words")
		var line []string
		for _, word := range words {
			line = append(line, "'"+strings.ReplaceAll(word, "'", `'\''`)+"'")
		}
		got, err := SplitCommand(strings.Join(line, " "))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(words, got); diff != "" {
			t.Fatal(diff)
		}
	})
}

func TestDerivedSlugs(t *testing.T) {
	for title, want := range map[string]string{
		"Demo":                      "demo",
		"  Half-Life  2: Episode 1": "half-life-2-episode-1",
		"Café":                      "caf",
		"日本":                        "app-1f26ee51",
		strings.Repeat("ab ", 40):   strings.TrimRight(strings.Repeat("ab-", 40)[:64], "-"),
	} {
		if got := DerivedSlug(title); got != want {
			t.Errorf("%q gives %q, want %q", title, got, want)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		title := rapid.String().Draw(t, "title")
		if slug := DerivedSlug(title); !validSlug(slug) {
			t.Fatalf("%q gives %q", title, slug)
		}
	})
}

// Clients remember apps by id: these must never change.
func TestDerivedIDsAreStable(t *testing.T) {
	for slug, want := range map[string]int{"demo": 788346166, "steam": 235577587} {
		if got := DerivedID(slug); got != want {
			t.Errorf("id of %q is %d, want %d", slug, got, want)
		}
	}
}

func TestResolveApps(t *testing.T) {
	given := []App{{Title: "A b", Runner: Runner{Type: RunnerDemo}}}
	got, err := ResolveApps(given)
	if err != nil {
		t.Fatal(err)
	}
	if got[0].Slug != "a-b" || got[0].ID != DerivedID("a-b") || given[0].Slug != "" {
		t.Errorf("got %+v from %+v", got, given)
	}
	_, err = ResolveApps([]App{{Title: "A", Runner: Runner{Type: RunnerDemo}}, {Title: "a", Runner: Runner{Type: "podman"}}})
	const want = `apps[1].runner.type: "podman" is not allowed; use "process", "docker" or "demo"
apps[1].slug: "a" is also the slug of "A"; write a slug of its own for one of them`
	if err == nil || err.Error() != want {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
}
