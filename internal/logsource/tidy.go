package logsource

import (
	"bytes"
	"html"
	"io"
	"regexp"
	"strings"

	"github.com/kennel-stream/kennel/internal/evidence"
)

// tidy undoes what copying and exporting does to a log: lines newest first, fields
// of JSON or CSV, escapes of HTML, typographic quotes, and lines that were wrapped.
// What is needed is judged by the beginning; a log as it was written is left alone.
func (s *Set) tidy(name string, head []byte, from io.Reader) (io.Reader, error) {
	for _, step := range []func(string, []byte, io.Reader) (io.Reader, error){s.oldestFirst, exported, unescaped, unwrapped} {
		next, err := step(name, head, from)
		if err != nil {
			return nil, err
		}
		if next == from {
			continue
		}
		if head, from, err = peek(next, headSize); err != nil {
			return nil, evidence.Errorf(evidence.Invalid, "read %s: %w", name, err)
		}
	}
	return from, nil
}

// htmlEscape is what pages make of quotes and brackets.
var htmlEscape = regexp.MustCompile(`&(?:quot|apos|lt|gt|amp|nbsp|#39|#34|#x27|#x22|#x2F);`)

// typographic are the quotes and blanks that editors and chats put in.
var typographic = strings.NewReplacer("“", `"`, "”", `"`, "„", `"`, "‘", "'", "’", "'", "\u00a0", " ")

// unescaped makes plain text of a log out of a page or an editor.
func unescaped(_ string, head []byte, from io.Reader) (io.Reader, error) {
	page, typeset := htmlEscape.Match(head), typographic.Replace(string(head)) != string(head)
	if !page && !typeset {
		return from, nil
	}
	return &converter{from: from, records: plainText{page: page}}, nil
}

// plainText are lines with escapes of HTML, if page, and typographic quotes.
type plainText struct{ page bool }

func (p plainText) convert(out, line []byte) []byte {
	text := string(line)
	if p.page && bytes.IndexByte(line, '&') >= 0 {
		text = html.UnescapeString(text)
	}
	text = typographic.Replace(text)
	return append(append(out, strings.ReplaceAll(text, "\n", " ")...), '\n')
}

func (plainText) flush(out []byte) []byte { return out }
