package logsource

import (
	"bytes"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/kennel-stream/kennel/internal/wolflog"
)

const (
	// narrowest and widest are the widths at which text is wrapped.
	narrowest, widest = 60, 160
	// nearEdge is how far before the edge a line may end because its next word was
	// too long.
	nearEdge = 24
	// fewWrapped is how many wrapped lines show that all are, at a width that is
	// not among usualWidths.
	fewWrapped = 3
)

// usualWidths are those at which mail and terminals wrap.
var usualWidths = map[int]bool{72: true, 76: true, 78: true, 79: true, 80: true, 100: true, 120: true, 132: true}

// unwrapped joins lines that were broken at a width.
func unwrapped(_ string, head []byte, from io.Reader) (io.Reader, error) {
	w := widthOf(head)
	if w == nil || isOwnJSON(head) {
		return from, nil
	}
	return &converter{from: from, records: w}, nil
}

// wrapped are lines of at most a width, of which those that have no beginning of
// their own go on with the one before.
type wrapped struct {
	width int
	words bool // broken between words, whose blank is gone
	begun bool
	held  []byte
	tail  string // the newest piece of it
	extra int    // lines that were joined to the one that is held
}

// widthOf finds out at which width a text was wrapped; nil for none.
func widthOf(head []byte) *wrapped {
	var lines []string
	width := 0
	for line := range bytes.Lines(head) {
		text := strings.TrimRight(string(line), "\r\n")
		if width = max(width, utf8.RuneCountInString(text)); width > widest {
			return nil
		}
		lines = append(lines, text)
	}
	if width < narrowest {
		return nil
	}
	w := &wrapped{width: width}
	hard, soft, loose := 0, 0, 0
	for i := 1; i < len(lines); i++ {
		before, next := lines[i-1], lines[i]
		if next == "" || wolflog.Parse(next).Shape != wolflog.Free || strings.HasPrefix(next, " ") && utf8.RuneCountInString(before) < width {
			continue
		}
		switch n := utf8.RuneCountInString(before); {
		case n == width:
			hard++
		case w.full(before, next):
			soft++
		case n > width-nearEdge:
			loose++
		}
	}
	w.words = soft > hard/4 && soft > 0
	if all := hard + soft; all == 0 || loose > all/4 || all < fewWrapped && !usualWidths[width] {
		return nil
	}
	return w
}

// full tells whether the first word of the next line did not fit any more.
func (w *wrapped) full(line, next string) bool {
	n := utf8.RuneCountInString(line)
	word, _, _ := strings.Cut(next, " ")
	return n > w.width-nearEdge-utf8.RuneCountInString(word) && n+1+utf8.RuneCountInString(word) > w.width && n <= w.width
}

func (w *wrapped) convert(out, line []byte) []byte {
	line = bytes.TrimSuffix(line, []byte("\r"))
	if w.begun && w.goesOn(string(line)) {
		if w.words {
			w.held = append(w.held, ' ')
		}
		w.held = append(w.held, line...)
		w.extra++
		w.tail = string(line)
		return out
	}
	out = w.flush(out)
	w.held, w.begun, w.tail = append(w.held[:0], line...), true, string(line)
	return out
}

// goesOn tells whether a line is the rest of the one before.
func (w *wrapped) goesOn(line string) bool {
	if line == "" || len(w.held) > mostLine || wolflog.Parse(line).Shape != wolflog.Free {
		return false
	}
	return utf8.RuneCountInString(w.tail) == w.width || w.words && w.full(w.tail, line)
}

// flush gives the line that is held, with as many lines as it had.
func (w *wrapped) flush(out []byte) []byte {
	if !w.begun {
		return out
	}
	out = append(append(out, w.held...), '\n')
	for range w.extra {
		out = append(out, '\n')
	}
	w.begun, w.extra, w.held = false, 0, w.held[:0]
	return out
}
