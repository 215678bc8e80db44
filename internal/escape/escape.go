// Package escape makes text that somebody else chose safe to read.
//
// Apps choose window titles and write output, clients choose names, and logs hold
// whatever was written to them. Such text can hold control sequences of a
// terminal, line breaks that forge a line, and characters that turn the reading
// direction around. Text escapes a value before it becomes a part of a line. A
// Writer escapes all that passes through it but for line breaks and tabs, so that
// a value which somebody forgot does no harm. What is escaped shows as \u001b, as
// in JSON, so that JSON stays JSON.
package escape

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"
)

// Text returns s on one line, with everything escaped that is no visible
// character of its own. Letters of every script, and spaces between them, stay.
func Text(s string) string {
	if !strings.ContainsFunc(s, hidden) && utf8.ValidString(s) {
		return s
	}
	return string(appendEscaped(nil, []byte(s), hidden))
}

// Markdown returns s as Text does, with the characters escaped that would begin a
// tag, a link, code or a column of a table.
func Markdown(s string) string { return markdown.Replace(Text(s)) }

// markdown escapes the backslash, too, or one in front of a bar would free it.
var markdown = strings.NewReplacer(`\`, `\\`, "|", `\|`, "<", `\<`, "[", `\[`, "`", "\\`")

// hidden reports whether a character does something other than to show itself.
func hidden(r rune) bool {
	switch {
	case r < ' ', r >= 0x7f && r < 0xa0: // C0, delete, C1
		return true
	case r >= 0x202a && r <= 0x202e, r >= 0x2066 && r <= 0x2069, r == 0x200e, r == 0x200f, r == 0x061c: // direction
		return true
	case r == 0x2028, r == 0x2029: // line and paragraph
		return true
	case r == 0x200b, r == 0x2060, r == 0xfeff: // no width, and no use between letters
		return true
	case r >= 0xe0000 && r <= 0xe0fff: // tags
		return true
	}
	return unicode.Is(unicode.Co, r) || unicode.Is(unicode.Cs, r)
}

// flowing is hidden for a text of several lines.
func flowing(r rune) bool { return r != '\n' && r != '\t' && hidden(r) }

// appendEscaped appends src to dst with the characters escaped for which escaped
// is true, and each byte that is no UTF-8.
func appendEscaped(dst, src []byte, escaped func(rune) bool) []byte {
	for len(src) > 0 {
		r, size := utf8.DecodeRune(src)
		switch {
		case r == utf8.RuneError && size == 1:
			dst = fmt.Appendf(dst, `\u00%02x`, src[0])
		case !escaped(r):
			dst = append(dst, src[:size]...)
		case r > 0xffff: // as JSON does: a surrogate pair
			r -= 0x10000
			dst = fmt.Appendf(dst, `\u%04x\u%04x`, 0xd800+r>>10, 0xdc00+r&0x3ff)
		default:
			dst = fmt.Appendf(dst, `\u%04x`, r)
		}
		src = src[size:]
	}
	return dst
}

// Writer escapes what is written through it, but for line breaks and tabs. The
// beginning of a character at the end of a write waits for its rest, because
// buffers cut characters in two. It may be used by several goroutines.
type Writer struct {
	below io.Writer

	mu   sync.Mutex // covers what follows
	rest []byte     // the beginning of a character, less than utf8.UTFMax bytes
}

// NewWriter returns a Writer on w.
func NewWriter(w io.Writer) *Writer { return &Writer{below: w} }

// Write escapes and writes p. The count is that of p's bytes.
func (w *Writer) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	out := p
	if len(w.rest) > 0 {
		out = append(w.rest, p...)
		w.rest = nil
	}
	if cut := len(out) - unfinished(out); cut < len(out) {
		out, w.rest = out[:cut], append([]byte(nil), out[cut:]...)
	}
	if !utf8.Valid(out) || bytes.ContainsFunc(out, flowing) {
		out = appendEscaped(make([]byte, 0, len(out)+16), out, flowing)
	}
	if _, err := w.below.Write(out); err != nil {
		return 0, err
	}
	return len(p), nil
}

// unfinished counts the bytes at the end of p that begin a character.
func unfinished(p []byte) int {
	for n := 1; n < utf8.UTFMax && n <= len(p); n++ {
		if last := p[len(p)-n:]; utf8.RuneStart(last[0]) {
			if utf8.FullRune(last) {
				return 0
			}
			return n
		}
	}
	return 0
}

// Below returns the writer under w if w is a Writer, else w: for those who draw on
// a terminal and write nothing that others chose.
func Below(w io.Writer) io.Writer {
	if own, ok := w.(*Writer); ok {
		return own.below
	}
	return w
}
