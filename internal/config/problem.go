package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Problem is one thing that is wrong with a configuration.
type Problem struct {
	// Line and Column count from 1, and columns in bytes. Both are 0 where the
	// problem has no place in a file: a missing key, a value from a flag.
	Line, Column int
	// Path is the key, such as "log.format" or "apps[0].title"; empty for the whole file.
	Path string
	// Message says what is wrong and what is allowed.
	Message string

	atKey bool // the key is wrong, not its value
}

// Error is everything that is wrong with a configuration, in file order.
type Error struct {
	// File is the name of the file, empty where there is none.
	File string
	// Problems holds at least one problem.
	Problems []Problem
}

// Error gives one line per problem: "file:line:column: key: message".
func (e *Error) Error() string {
	lines := make([]string, len(e.Problems))
	for i, p := range e.Problems {
		lines[i] = p.text(e.File)
	}
	return strings.Join(lines, "\n")
}

func (p Problem) text(file string) string {
	var b strings.Builder
	if file != "" {
		b.WriteString(file)
		if p.Line > 0 {
			fmt.Fprintf(&b, ":%d:%d", p.Line, p.Column)
		}
		b.WriteString(": ")
	}
	if p.Path != "" {
		b.WriteString(shownPath(p.Path) + ": ")
	}
	b.WriteString(p.Message)
	return b.String()
}

// shownPath keeps a key that holds line breaks or is very long from breaking
// the one line of its report.
func shownPath(path string) string {
	if !printable(path) || len(path) > maxTitle {
		return fmt.Sprintf("%q", clip(path))
	}
	return path
}

// problems collects findings; positions are added by locate.
type problems struct {
	list []Problem
}

// add reports a value. Only the first problem of a path counts: what follows
// from it is noise.
func (p *problems) add(path, message string) {
	for _, earlier := range p.list {
		if path != "" && earlier.Path == path {
			return
		}
	}
	p.list = append(p.list, Problem{Path: path, Message: message})
}

func (p *problems) addf(path, format string, args ...any) {
	p.add(path, fmt.Sprintf(format, args...))
}

// addKey reports a key that should not be there.
func (p *problems) addKey(path, message string) {
	p.list = append(p.list, Problem{Path: path, Message: message, atKey: true})
}

// locate gives every problem without a position that of its key, or of the
// nearest enclosing table that the file has.
func (p *problems) locate(at positions) {
	for i := range p.list {
		if p.list[i].Line == 0 {
			pos := at.of(p.list[i].Path)
			if p.list[i].atKey {
				pos = at.ofKey(p.list[i].Path)
			}
			p.list[i].Line, p.list[i].Column = pos.line, pos.column
		}
	}
}

// maxProblems bounds the report on a file that is not a configuration at all.
const maxProblems = 50

// err is nil without findings, else an *Error in file order.
func (p *problems) err(file string) error {
	if len(p.list) == 0 {
		return nil
	}
	list := slices.Clone(p.list)
	slices.SortStableFunc(list, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	if len(list) > maxProblems {
		rest := len(list) - maxProblems
		list = append(list[:maxProblems:maxProblems], Problem{Message: fmt.Sprintf("and %d more problems", rest)})
	}
	return &Error{File: file, Problems: list}
}
