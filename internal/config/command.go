package config

import (
	"errors"
	"fmt"
	"strings"
)

// shellOnly are characters that mean something only to a shell.
const shellOnly = "|&;<>()$`*?[]~#"

// SplitCommand splits a command line into words in the manner of a POSIX
// shell: blanks separate words, single quotes keep everything, double quotes
// and the backslash keep blanks. No shell takes part, so variables, pipes and
// patterns do nothing; where one is written without quotes, which a shell
// would act on, the command is refused rather than run with another meaning.
func SplitCommand(line string) ([]string, error) {
	s := splitter{rest: line}
	for s.rest != "" {
		if err := s.step(); err != nil {
			return nil, fmt.Errorf("split %q: %w", clip(line), err)
		}
	}
	s.endWord()
	if len(s.words) == 0 || s.words[0] == "" {
		return nil, fmt.Errorf("%q names no program", clip(line))
	}
	return s.words, nil
}

type splitter struct {
	rest   string
	words  []string
	word   strings.Builder
	inWord bool // an empty quoted word is a word too
}

func (s *splitter) step() error {
	c := s.rest[0]
	s.rest = s.rest[1:]
	switch {
	case c == 0:
		return errors.New("a command cannot hold a zero byte")
	case c == ' ' || c == '\t' || c == '\n' || c == '\r':
		s.endWord()
		return nil
	case c == '\'':
		return s.singleQuoted()
	case c == '"':
		return s.doubleQuoted()
	case c == '\\':
		if s.rest == "" {
			return errors.New("a backslash at the end escapes nothing")
		}
		c, s.rest = s.rest[0], s.rest[1:]
	case s.special(c):
		return fmt.Errorf("no shell runs this command, so %q would reach the program as it is: put it into single quotes if that is meant, or use args = [\"sh\", \"-c\", \"...\"]", c)
	}
	s.inWord = true
	s.word.WriteByte(c)
	return nil
}

// special tells whether a shell would act on c here. A tilde and a hash do so
// only at the beginning of a word.
func (s *splitter) special(c byte) bool {
	if c == '~' || c == '#' {
		return !s.inWord
	}
	return strings.IndexByte(shellOnly, c) >= 0
}

func (s *splitter) singleQuoted() error {
	text, rest, ok := strings.Cut(s.rest, "'")
	if !ok {
		return errors.New("a single quote is not closed")
	}
	if strings.Contains(text, "\x00") {
		return errors.New("a command cannot hold a zero byte")
	}
	s.inWord = true
	s.word.WriteString(text)
	s.rest = rest
	return nil
}

func (s *splitter) doubleQuoted() error {
	s.inWord = true
	for i := 0; i < len(s.rest); i++ {
		switch c := s.rest[i]; c {
		case '"':
			s.rest = s.rest[i+1:]
			return nil
		case 0:
			return errors.New("a command cannot hold a zero byte")
		case '$', '`':
			return fmt.Errorf("no shell runs this command, so %q in double quotes stays as it is: use single quotes if that is meant", c)
		case '\\':
			if i+1 < len(s.rest) && strings.IndexByte("\"\\$`", s.rest[i+1]) >= 0 {
				i++
			}
			s.word.WriteByte(s.rest[i])
		default:
			s.word.WriteByte(c)
		}
	}
	return errors.New("a double quote is not closed")
}

func (s *splitter) endWord() {
	if s.inWord {
		s.words = append(s.words, s.word.String())
		s.word.Reset()
		s.inWord = false
	}
}
