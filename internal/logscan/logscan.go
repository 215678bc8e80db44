// Package logscan finds the lines of a log that hold one of many literals, at
// the speed of memory: whatever does not hold one is never looked at as a line.
package logscan

import (
	"bytes"
	"context"
	"io"
	"runtime"
	"slices"
	"strings"
)

const (
	// MaxLine is how much of a line is looked at and delivered, in bytes; the
	// rest is cut.
	MaxLine = 64 << 10
	// chunk is how much is read at a time.
	chunk = 128 << 10
	// afterBytes is how much of what follows a line is delivered.
	afterBytes = 512
	// maxWorkers bounds memory: each has a segment or two.
	maxWorkers = 16
)

// Line is a line with at least one of the literals.
type Line struct {
	// Number counts from 1, Offset is that of its first byte.
	Number, Offset int64
	// Text is the line without its end, cut at MaxLine; valid during the call.
	Text []byte
	// Signs are the indices of the literals that it holds, in no order, each
	// once. Of literals of which one is a part of the other both are told.
	// Valid during the call.
	Signs []int
	// Cut says that the line was longer.
	Cut bool
	// Low says that between the hit before this line and its end a line holds the
	// matcher's low mark, see Matcher.MarkLow. Of what is read at a time the first is
	// told.
	Low bool

	past []byte // what is before it, up to afterBytes
	rest []byte // what follows it, up to afterBytes
	copy string // of Text, where many were copied at once
}

// String is the text, for as long as it is needed. What is kept of it for long
// should be cloned: lines that were found together are kept together.
func (l *Line) String() string {
	if l.copy != "" {
		return l.copy
	}
	return string(l.Text)
}

// After is what follows the line, up to a few hundred bytes and to the end of a
// line: some messages go on there. Valid as long as the line.
func (l *Line) After() []byte {
	if i := bytes.LastIndexByte(l.rest, '\n'); i >= 0 {
		return l.rest[:i]
	}
	return l.rest
}

// Before is the line before this one and more, up to a few hundred bytes that
// begin anywhere in a line. It is empty where this line begins what is read at a
// time. Valid as long as the line.
func (l *Line) Before() []byte { return bytes.TrimSuffix(l.past, newline) }

// Stats counts what was read.
type Stats struct {
	Bytes, Lines, Hits int64
	// Low says that the low mark stands behind the last hit, see Matcher.MarkLow.
	Low bool
}

// Scan reads r to its end and calls hit, in order and never at the same time,
// but not always on the same goroutine, for each line that holds a literal. As
// many segments are searched at the same time as the program may use processors. Memory is bounded, whatever the
// lines' lengths. It ends early with the error of hit or of ctx, as soon as r
// returns from what it is reading.
//
// A reader that follows a growing log says by a Read of no bytes and no error
// that nothing more comes for now: what is there is delivered then, even where
// what follows the last line is not complete.
func (m *Matcher) Scan(ctx context.Context, r io.Reader, hit func(Line) error) (Stats, error) {
	return m.scan(ctx, runtime.GOMAXPROCS(0), r, nil, func(seg *segment, i int, before int64) error {
		return hit(seg.line(seg.hits[i], before))
	})
}

// ScanBy is Scan with so many segments at the same time, at least one, for those
// who scan several logs at once; and what can be said of a line by itself is found
// out by look, for several lines at the same time. Its second argument is what
// hit is given with the line's number and Low, and is as an earlier line has left
// it. The line that look is given has neither.
func ScanBy[T any](ctx context.Context, m *Matcher, workers int, r io.Reader, look func(*Line, *T), hit func(number int64, low bool, looked *T) error) (Stats, error) {
	each := func(seg *segment) {
		looked, _ := seg.looked.([]T)
		looked = slices.Grow(looked[:0], len(seg.hits))[:len(seg.hits)]
		length := 0
		for _, h := range seg.hits {
			length += min(h.end-h.begin, MaxLine)
		}
		var all strings.Builder
		all.Grow(length)
		var line Line
		for i, h := range seg.hits {
			line = seg.line(h, 0)
			begin := all.Len()
			all.Write(line.Text)
			line.copy = all.String()[begin:]
			look(&line, &looked[i])
		}
		seg.looked = looked
	}
	return m.scan(ctx, workers, r, each, func(seg *segment, i int, before int64) error {
		return hit(before+seg.hits[i].newlines, seg.hits[i].low, &seg.looked.([]T)[i])
	})
}

// scan has look, if any, called by the workers for each segment, and hit for each
// line in order.
func (m *Matcher) scan(ctx context.Context, workers int, r io.Reader, look func(*segment), hit hitFunc) (Stats, error) {
	workers = max(1, min(workers, maxWorkers))
	p := newPipeline(r, workers, look, hit)
	err := p.run(ctx, m, workers)
	p.stats.Bytes = p.split.bytes
	return p.stats, err
}
