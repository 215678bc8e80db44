package keymap

import (
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// keysyms are the names that XKB has for the characters that are no letters
// or digits.
var keysyms = map[rune]string{
	'!': "exclam", '@': "at", '#': "numbersign", '$': "dollar", '%': "percent", '^': "asciicircum",
	'&': "ampersand", '*': "asterisk", '(': "parenleft", ')': "parenright", '-': "minus", '_': "underscore",
	'=': "equal", '+': "plus", '[': "bracketleft", '{': "braceleft", ']': "bracketright", '}': "braceright",
	';': "semicolon", ':': "colon", '\'': "apostrophe", '"': "quotedbl", '`': "grave", '~': "asciitilde",
	'\\': "backslash", '|': "bar", ',': "comma", '<': "less", '.': "period", '>': "greater", '/': "slash",
	'?': "question", ' ': "space", '\n': "Return", '\t': "Tab", '\b': "BackSpace",
}

// parse reads what each evdev code types on the two first levels of text.
func parse(t *testing.T, text string) map[uint16][]string {
	t.Helper()
	codes := map[string]uint16{}
	for _, m := range regexp.MustCompile(`(?m)^\s*<(\w+)>\s*=\s*(\d+);`).FindAllStringSubmatch(text, -1) {
		n, _ := strconv.Atoi(m[2])
		codes[m[1]] = uint16(n - 8)
	}
	levels := map[uint16][]string{}
	for _, m := range regexp.MustCompile(`(?m)^\s*key <(\w+)>\s*\{\s*\[([^\]]*)\]`).FindAllStringSubmatch(text, -1) {
		var syms []string
		for _, s := range strings.Split(m[2], ",") {
			syms = append(syms, strings.TrimSpace(s))
		}
		levels[codes[m[1]]] = syms
	}
	return levels
}

func TestEveryASCIICharacterIsOnItsKey(t *testing.T) {
	levels := parse(t, us)
	for r := rune(32); r < 127; r++ {
		name := keysyms[r]
		if name == "" {
			name = string(r)
		}
		s, ok := Lookup(r)
		if !ok {
			t.Errorf("%q is not on the keymap", r)
			continue
		}
		level := 0
		if s.Shift {
			level = 1
		}
		if syms := levels[s.Code]; len(syms) <= level || syms[level] != name {
			t.Errorf("%q: key %d types %v, want %s on level %d", r, s.Code, syms, name, level)
		}
	}
}

func TestExtraCharactersCompile(t *testing.T) {
	tool, err := exec.LookPath("xkbcli")
	if err != nil {
		t.Skip("xkbcli is not installed")
	}
	extra := []rune("é€日😀")
	cmd := exec.CommandContext(t.Context(), tool, "compile-keymap", "--from-xkb")
	cmd.Stdin = strings.NewReader(Text(extra))
	out, err := cmd.Output() // xkbcli 1.5 exits with 1 even when it succeeds
	if len(out) == 0 {
		t.Fatalf("xkbcli refuses the keymap: %v", err)
	}
	levels := parse(t, string(out))
	var got []string
	for i := range extra {
		got = append(got, levels[ExtraCode(i)][0])
	}
	if d := cmp.Diff([]string{"eacute", "EuroSign", "U65E5", "U0001F600"}, canonical(got)); d != "" {
		t.Error(d)
	}
}

// canonical undoes that xkbcli may print a keysym by number or name.
func canonical(names []string) []string {
	known := map[string]string{"U00E9": "eacute", "U20AC": "EuroSign"}
	for i, n := range names {
		if k, ok := known[n]; ok {
			names[i] = k
		}
	}
	return names
}

func TestTextWithoutExtraIsTheKeymap(t *testing.T) {
	if Text(nil) != us || !strings.HasPrefix(us, "xkb_keymap {") {
		t.Error("the keymap is not the embedded one")
	}
	if n := strings.Count(Text([]rune(strings.Repeat("é", 40))), "U00E9"); n != MaxExtra {
		t.Errorf("%d extra keys, want %d", n, MaxExtra)
	}
}

func TestModifiers(t *testing.T) {
	var s State
	steps := []struct {
		code    uint16
		pressed bool
		want    Modifiers
	}{
		{KeyLeftShift, true, Modifiers{Depressed: ModShift}},
		{KeyRightShift, true, Modifiers{Depressed: ModShift}},
		{KeyLeftShift, false, Modifiers{Depressed: ModShift}},
		{KeyRightShift, false, Modifiers{}},
		{KeyCapsLock, true, Modifiers{Depressed: ModLock, Locked: ModLock}},
		{KeyCapsLock, false, Modifiers{Locked: ModLock}},
		{KeyLeftCtrl, true, Modifiers{Depressed: ModControl, Locked: ModLock}},
		{KeyLeftCtrl, false, Modifiers{Locked: ModLock}},
		{KeyCapsLock, true, Modifiers{Depressed: ModLock, Locked: ModLock}},
		{KeyCapsLock, false, Modifiers{}},
		{KeyNumLock, true, Modifiers{Depressed: ModNum, Locked: ModNum}},
		{KeyNumLock, false, Modifiers{Locked: ModNum}},
		{KeyRightAlt, true, Modifiers{Depressed: ModAlt, Locked: ModNum}},
		{KeyLeftMeta, true, Modifiers{Depressed: ModAlt | ModSuper, Locked: ModNum}},
	}
	for i, step := range steps {
		s.Key(step.code, step.pressed)
		if d := cmp.Diff(step.want, s.Modifiers()); d != "" {
			t.Fatalf("step %d: %s", i, d)
		}
	}
}

// TestReleasedKeyboardIsAtRest: whatever was pressed, releasing all leaves
// nothing but locks.
func TestReleasedKeyboardIsAtRest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var s State
		for range rapid.IntRange(0, 60).Draw(t, "strokes") {
			code := rapid.OneOf(rapid.Just(uint16(KeyCapsLock)), rapid.Just(uint16(KeyLeftShift)), rapid.Just(uint16(KeyRightShift)), rapid.Uint16()).Draw(t, "code")
			pressed := rapid.Bool().Draw(t, "pressed")
			before := s.Down(code)
			ok, _ := s.Key(code, pressed)
			if ok != (code != 0 && code <= KeyMax && before != pressed) {
				t.Fatalf("key %d %v: ok %v, was down %v", code, pressed, ok, before)
			}
		}
		for len(s.Pressed()) > 0 {
			s.Key(s.Pressed()[0], false)
		}
		if s.Modifiers().Depressed != 0 {
			t.Fatalf("modifiers %+v are left", s.Modifiers())
		}
	})
}
