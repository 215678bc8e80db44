package appscan

import (
	"errors"
	"fmt"
	"strings"
)

// Why an Exec line cannot be used.
var (
	errOpenQuote = errors.New("a quote is not closed")
	errNoCommand = errors.New("it names no program")
)

// splitExec splits the value of Exec into words, with the field codes removed,
// as nothing is to be opened (Desktop Entry Specification, "The Exec key").
func splitExec(line, name, path string) ([]string, error) {
	words, err := execWords(line)
	if err != nil {
		return nil, err
	}
	args := words[:0]
	for _, w := range words {
		text, err := removeFields(w.text, name, path)
		if err != nil {
			return nil, err
		}
		if text == "" && !w.quoted && w.text != "" {
			continue // a field code alone is no argument
		}
		w.text = text
		args = append(args, w)
	}
	if len(args) == 0 || args[0].text == "" {
		return nil, errNoCommand
	}
	plain := make([]string, len(args))
	for i, w := range args {
		plain[i] = w.text
	}
	return plain, nil
}

type word struct {
	text   string
	quoted bool
}

// execWords splits at blanks outside of double quotes. A backslash escapes the
// next character inside of them, and outside as well: many files have it so.
func execWords(line string) ([]word, error) {
	var words []word
	var text strings.Builder
	quote, quoted, began := false, false, false
	end := func() {
		if began {
			words = append(words, word{text.String(), quoted})
		}
		text.Reset()
		quoted, began = false, false
	}
	for i := 0; i < len(line); i++ {
		c := line[i]
		switch {
		case c == '"':
			quote, quoted, began = !quote, true, true
		case c == '\\' && i+1 < len(line):
			i++
			text.WriteByte(line[i])
			began = true
		case !quote && strings.IndexByte(" \t\n\r", c) >= 0:
			end()
		default:
			text.WriteByte(c)
			began = true
		}
	}
	if quote {
		return nil, errOpenQuote
	}
	end()
	return words, nil
}

// removeFields expands field codes as for a start without files.
func removeFields(text, name, path string) (string, error) {
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] != '%' {
			b.WriteByte(text[i])
			continue
		}
		if i++; i == len(text) {
			return "", fmt.Errorf("%q ends with a lone %%", text)
		}
		switch c := text[i]; c {
		case '%':
			b.WriteByte('%')
		case 'c':
			b.WriteString(name)
		case 'k':
			b.WriteString(path)
		case 'f', 'F', 'u', 'U', 'i', 'd', 'D', 'n', 'N', 'v', 'm':
		default:
			return "", fmt.Errorf("%q has the unknown field code %%%c", text, c)
		}
	}
	return b.String(), nil
}
