package escape

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestText(t *testing.T) {
	for text, want := range map[string]string{
		"": "",
		"Grüße, 日本語, עברית, 🙂, a b":     "Grüße, 日本語, עברית, 🙂, a b",
		"\x1b]0;pwned\x07":              `\u001b]0;pwned\u0007`,
		"\x1b[2J":                       `\u001b[2J`,
		"\u009b2J\u009d0;x\u009c":       `\u009b2J\u009d0;x\u009c`,
		"a\nb\tc\r":                     `a\u000ab\u0009c\u000d`,
		"\u202egnp.exe":                 `\u202egnp.exe`,
		"\u2066x\u2069":                 `\u2066x\u2069`,
		"a\u200bb\ufeff":                `a\u200bb\ufeff`,
		"\u2028":                        `\u2028`,
		"bad \xff\xc3 bytes":            `bad \u00ff\u00c3 bytes`,
		"\x9b2J":                        `\u009b2J`, // C1 in one byte, as some terminals take it
		"\U000e0041":                    `\udb40\udc41`,
		"👨‍👩‍👧":                         "👨‍👩‍👧", // joined: the joiner has a use
		"\x7f":                          `\u007f`,
		"<script>|`$(x)`</script> & \"": "<script>|`$(x)`</script> & \"",
	} {
		if got := Text(text); got != want {
			t.Errorf("%q is %q, want %q", text, got, want)
		}
	}
}

func TestWriter(t *testing.T) {
	var out bytes.Buffer
	w := NewWriter(&out)
	const line = "a\tb\x1b[2J\nc\xff\n"
	if n, err := w.Write([]byte(line)); n != len(line) || err != nil {
		t.Errorf("wrote %d, %v", n, err)
	}
	if got, want := out.String(), "a\tb\\u001b[2J\nc\\u00ff\n"; got != want {
		t.Errorf("wrote %q, want %q", got, want)
	}
	if Below(w) != &out || Below(&out) != &out {
		t.Error("the writer below is not found")
	}
}

// TestJSONStaysJSON: a document means the same after a Writer.
func TestJSONStaysJSON(t *testing.T) {
	const value = "\x1b\u009b\u202e\U000e0041 ü"
	var out bytes.Buffer
	if err := json.NewEncoder(NewWriter(&out)).Encode(value); err != nil {
		t.Fatal(err)
	}
	var back string
	if err := json.Unmarshal(out.Bytes(), &back); err != nil || back != value {
		t.Errorf("%s is %q, %v", out.Bytes(), back, err)
	}
}

func FuzzText(f *testing.F) {
	f.Add("\x1b]0;x\x07")
	f.Add("ü\u202e\xff")
	f.Fuzz(func(t *testing.T, s string) {
		got := Text(s)
		if !utf8.ValidString(got) || strings.ContainsFunc(got, hidden) {
			t.Errorf("%q became %q", s, got)
		}
		if again := Text(got); again != got {
			t.Errorf("%q is not stable: %q", got, again)
		}
	})
}

// TestCharactersCutInTwo: a buffer above the Writer may end within a character.
func TestCharactersCutInTwo(t *testing.T) {
	const text = "ü日🙂\u202e\u009bx\xff\xf0\x9f\n"
	var whole bytes.Buffer
	_, _ = NewWriter(&whole).Write([]byte(text))
	for cut := range len(text) {
		var out bytes.Buffer
		w := NewWriter(&out)
		for _, part := range []string{text[:cut], text[cut:]} {
			if n, err := w.Write([]byte(part)); n != len(part) || err != nil {
				t.Fatalf("wrote %d, %v", n, err)
			}
		}
		if out.String() != whole.String() {
			t.Errorf("cut at %d: %q, want %q", cut, out.String(), whole.String())
		}
	}
}
