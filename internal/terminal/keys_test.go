package terminal

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseKeys(t *testing.T) {
	for text, want := range map[string][]Key{
		"aZ":                      {{Rune: 'a'}, {Rune: 'Z'}},
		"ü€":                      {{Rune: 'ü'}, {Rune: '€'}},
		"\r\t\x7f":                {{Named: Enter}, {Named: Tab}, {Named: Backspace}},
		"\x1b":                    {{Named: Escape}},
		"\x1bx":                   {{Rune: 'x', Alt: true}},
		"\x01\x1a\x00\x1c":        {{Rune: 'a', Ctrl: true}, {Rune: 'z', Ctrl: true}, {Rune: ' ', Ctrl: true}, {Rune: '\\', Ctrl: true}},
		"\x1b[A\x1bOB\x1b[1;5C":   {{Named: Up}, {Named: Down}, {Named: Right, Ctrl: true}},
		"\x1bOP\x1b[24~\x1b[3;2~": {{Named: F1}, {Named: F1 + 11}, {Named: Delete, Shift: true}},
		"\x1b[Z":                  {{Named: Tab, Shift: true}},
		"\x1b[?62;4cq":            {{Rune: 'q'}}, // a late answer of the terminal is no key
		"\xff!":                   {{Rune: '!'}},
	} {
		got, rest := parseKeys([]byte(text))
		if diff := cmp.Diff(want, got); diff != "" || len(rest) > 0 {
			t.Errorf("%q leaves %q:\n%s", text, rest, diff)
		}
	}
}

func TestAKeyMayComeInTwoParts(t *testing.T) {
	for _, parts := range [][2]string{{"\x1b[1;", "5A"}, {"\xe2\x82", "\xac"}} {
		first, rest := parseKeys([]byte(parts[0]))
		second, left := parseKeys(append(rest, parts[1]...))
		if len(first) != 0 || len(second) != 1 || len(left) != 0 {
			t.Errorf("%q and %q: %v, then %v, and %q is left", parts[0], parts[1], first, second, left)
		}
	}
}

func TestKeysOfATerminal(t *testing.T) {
	person, program := pseudo(t, 80, 24)
	s, err := Open(program, program, environment("TERM", "dumb"))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	// Flow control and job control are the app's: only Ctrl-C and Ctrl-\ are not.
	if _, err := person.WriteString("a\r\x13\x1a\x1b[D"); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	want := []Key{{Rune: 'a'}, {Named: Enter}, {Rune: 's', Ctrl: true}, {Rune: 'z', Ctrl: true}, {Named: Left}}
	var got []Key
	err = s.Keys(ctx, func(k Key) {
		if got = append(got, k); len(got) == len(want) {
			cancel()
		}
	})
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v\n%s", err, diff)
	}
	person.Close()
	if err := s.Keys(t.Context(), func(Key) {}); err == nil {
		t.Error("a terminal that is gone is not noticed")
	}
}

func FuzzParseKeys(f *testing.F) {
	f.Add([]byte("a\x1b[1;5A\xe2\x82\xac"))
	f.Add([]byte("\x1b\x1b[\x1bO"))
	f.Fuzz(func(t *testing.T, b []byte) {
		keys, rest := parseKeys(b)
		if len(keys) > len(b) || len(rest) > len(b) {
			t.Errorf("%d bytes became %d keys, and %d are left", len(b), len(keys), len(rest))
		}
	})
}
