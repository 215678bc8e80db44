// Package logscan finds the lines of a log that hold one of many literals, at
// the speed of memory: whatever does not hold one is never looked at as a line.
package logscan

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
)

// MaxLine is how much of a line is delivered, in bytes; the rest is cut.
const MaxLine = 64 << 10

// chunk is how much is read at a time.
const chunk = 1 << 20

// Line is a line with at least one of the literals.
type Line struct {
	// Number counts from 1, Offset is that of its first byte.
	Number, Offset int64
	// Text is the line without its end, cut at MaxLine; valid during the call.
	Text []byte
	// After is what follows the line, up to a few hundred bytes and to the end
	// of a line: some messages go on there. Valid during the call.
	After []byte
	// Signs are the indices of the literals that it holds, in no order, each
	// once. Of literals of which one is a part of the other both are told.
	Signs []int
	// Cut says that the line was longer.
	Cut bool
}

// Stats counts what was read.
type Stats struct {
	Bytes, Lines, Hits int64
}

// afterBytes is how much of what follows a line is delivered.
const afterBytes = 512

// scan is one run over a reader.
type scan struct {
	m    *Matcher
	hit  func(Line) error
	line Line
	seen []int64 // of each literal: the number of the line that it was found in last

	offset  int64 // of the buffer's first byte
	number  int64 // of the line that the buffer begins in
	counted int   // up to here in the buffer newlines are counted
	stats   Stats
}

// Scan reads r to its end and calls hit, in order, for each line that holds a
// literal. Memory is bounded, whatever the lines' lengths. It ends early with
// the error of hit or of ctx.
func (m *Matcher) Scan(ctx context.Context, r io.Reader, hit func(Line) error) (Stats, error) {
	s := &scan{m: m, hit: hit, number: 1, seen: make([]int64, len(m.literals))}
	buf := make([]byte, 0, chunk+MaxLine+afterBytes+len(m.literals))
	inLong := false // the buffer begins in the middle of a line that was delivered, or is too long
	for {
		if err := ctx.Err(); err != nil {
			return s.stats, fmt.Errorf("scan the log: %w", err)
		}
		n, err := io.ReadAtLeast(r, buf[len(buf):cap(buf)], 1)
		buf = buf[:len(buf)+n]
		s.stats.Bytes += int64(n)
		end := errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
		if err != nil && !end {
			return s.stats, fmt.Errorf("read the log: %w", err)
		}
		if !end && len(buf) < cap(buf)/2 {
			continue // a pipe gives little at a time
		}
		limit := len(buf)
		if !end {
			limit = s.limit(buf)
		}
		skip := 0
		if inLong {
			skip = bytes.IndexByte(buf[:limit], '\n') + 1
			if skip == 0 {
				skip = limit
			}
		}
		if err := s.search(buf, skip, limit); err != nil {
			return s.stats, err
		}
		inLong = limit > 0 && buf[limit-1] != '\n' && (inLong && skip == limit || limit >= MaxLine)
		s.advance(buf, limit)
		buf = buf[:copy(buf, buf[limit:])]
		if end {
			s.finish(limit, buf)
			return s.stats, nil
		}
	}
}

// limit is up to where the buffer can be searched: whole lines with what
// follows them, or all of one that is too long.
func (s *scan) limit(buf []byte) int {
	room := max(0, len(buf)-afterBytes)
	if i := bytes.LastIndexByte(buf[:room], '\n'); i >= 0 {
		return i + 1
	}
	if len(buf) >= MaxLine+afterBytes {
		// Not to split a literal.
		return max(0, room-s.m.longest)
	}
	return 0
}

// search delivers the lines of buf[from:limit] that hold a literal.
func (s *scan) search(buf []byte, from, limit int) error {
	for at := from; at < limit; {
		pos := s.m.find(buf[:limit], at)
		if pos < 0 {
			return nil
		}
		begin := bytes.LastIndexByte(buf[at:pos], '\n') + 1 + at
		end := bytes.IndexByte(buf[pos:limit], '\n')
		next := limit
		if end < 0 {
			end = limit
		} else {
			end += pos
			next = end + 1
		}
		if err := s.deliver(buf, begin, end, next); err != nil {
			return err
		}
		at = next
	}
	return nil
}

func (s *scan) deliver(buf []byte, begin, end, next int) error {
	s.number += int64(bytes.Count(buf[s.counted:begin], newline))
	s.counted = begin
	l := &s.line
	l.Number, l.Offset, l.Signs, l.Cut = s.number, s.offset+int64(begin), l.Signs[:0], false
	l.Text = bytes.TrimSuffix(buf[begin:end], carriage)
	if len(l.Text) > MaxLine {
		l.Text, l.Cut = l.Text[:MaxLine], true
	}
	for at := 0; at < len(l.Text); {
		pos := s.m.find(l.Text, at)
		if pos < 0 {
			break
		}
		s.m.each(l.Text, pos, func(sign int) {
			if s.seen[sign] != s.number {
				s.seen[sign] = s.number
				l.Signs = append(l.Signs, sign)
			}
		})
		at = pos + 1
	}
	if len(l.Signs) == 0 {
		return nil // it lies beyond the cut
	}
	l.After = buf[next:min(len(buf), next+afterBytes)]
	if i := bytes.LastIndexByte(l.After, '\n'); i >= 0 {
		l.After = l.After[:i]
	}
	s.stats.Hits++
	return s.hit(*l)
}

// advance forgets buf[:limit].
func (s *scan) advance(buf []byte, limit int) {
	n := int64(bytes.Count(buf[s.counted:limit], newline))
	s.number += n
	s.counted = 0
	s.offset += int64(limit)
}

// finish counts a last line that has no end.
func (s *scan) finish(limit int, rest []byte) {
	s.stats.Lines = s.number - 1
	if s.offset > 0 && (limit > 0 || len(rest) > 0) {
		s.stats.Lines = s.number
	}
}

var newline, carriage = []byte{'\n'}, []byte{'\r'}
