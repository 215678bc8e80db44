package logsource

import (
	"bytes"
	"unicode/utf8"

	"github.com/kennel-stream/kennel/internal/evidence"
	"github.com/kennel-stream/kennel/internal/wolflog"
)

// forms are contents that hold no lines as they are, by how they begin, with
// what makes lines of them.
var forms = []struct {
	magic  string
	at     int
	what   string
	unpack string // goes before the name
	rest   string // goes behind it
}{
	{"\xfd7zXZ\x00", 0, "compressed by xz", "xz -dc", ""},
	{"BZh", 0, "compressed by bzip2", "bzip2 -dc", ""},
	{"\x04\x22\x4d\x18", 0, "compressed by lz4", "lz4 -dc", ""},
	{"PK\x03\x04", 0, "a zip archive", "unzip -p", ""},
	{"7z\xbc\xaf\x27\x1c", 0, "a 7z archive", "7z x -so", ""},
	{"ustar", 257, "a tar archive", "tar -xOf", ""},
	{"LPKSHHRH", 0, "a journal in its binary form", "journalctl -o export --file", ""},
	{"\x1f\x8b", 0, "compressed by gzip twice", "gzip -dc", " | gzip -dc"},
	{"\x28\xb5\x2f\xfd", 0, "compressed twice", "zstd -dc", " | zstd -dc"},
}

// mostBinary is the share of bytes that no text has, in percent, from which a
// log is none; a Latin-1 text in a language with accents stays far below.
const mostBinary = 10

// refuse says why a log that begins so cannot be read as lines; nil for text.
func refuse(name string, head []byte) error {
	for _, f := range forms {
		if len(head) >= f.at && bytes.HasPrefix(head[f.at:], []byte(f.magic)) {
			return evidence.Errorf(evidence.Invalid, "%s is %s, which is not read as it is: %s %s%s | kennel doctor -", name, f.what, f.unpack, name, f.rest)
		}
	}
	if looksBinary(head) {
		return evidence.Errorf(evidence.Invalid, "%s is no text but a binary file: name a log", name)
	}
	return nil
}

// looksBinary judges a beginning. NULs do not count: a log that was cut while
// its writer held it open begins with as many as it had bytes.
func looksBinary(head []byte) bool {
	odd, all := 0, 0
	for len(head) > 0 {
		r, n := utf8.DecodeRune(head)
		if r == utf8.RuneError && n == 1 && len(head) < utf8.UTFMax {
			break // a character that was cut
		}
		head = head[n:]
		switch {
		case r == 0:
			continue
		case r == utf8.RuneError && n == 1:
			odd++
		case r < ' ' && !bytes.ContainsRune([]byte("\t\n\v\f\r\b\a\x1b"), r):
			odd++
		}
		all += n
	}
	return odd*100 > all*mostBinary
}

// isKnown tells whether a line of the beginning has a shape that Wolf, what runs
// in it, or Kennel writes.
func isKnown(head []byte) bool {
	for line := range bytes.Lines(head) {
		if l := wolflog.Parse(string(line[:min(len(line), longestShape)])); l.Shape != wolflog.Free {
			return true
		}
	}
	return false
}

// longestShape is as much of a line as is looked at for its shape.
const longestShape = 1 << 10
