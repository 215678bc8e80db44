package logscan

import (
	"bytes"
	"errors"
	"fmt"
	"io"
)

// segment is a piece of a log that one worker searches: whole lines, and what
// follows the last of them. It belongs to the worker that has it.
type segment struct {
	number int64 // how many were read before it
	buf    []byte
	limit  int   // of the lines; what lies behind it is only shown as what follows
	offset int64 // of the first byte
	cut    bool  // the last line goes on beyond the limit

	// What the worker found.
	newlines int64
	hits     []hit
	signs    []int // of all hits
	low      bool  // the low mark stands behind the last hit
	looked   any   // what ScanBy's caller found out, by hit
}

// hit is a line with a literal.
type hit struct {
	begin, end  int
	first, last int   // its signs
	newlines    int64 // before it, in this segment
	low         bool  // the low mark stands between the hit before and its end
}

// splitter cuts a stream into segments.
type splitter struct {
	r        io.Reader
	carry    []byte // read, but in no segment yet
	offset   int64  // of carry
	skipping bool   // carry is within a line whose beginning was delivered
	ended    bool
	bytes    int64
}

// capacity is how much a segment holds at most.
const capacity = chunk + MaxLine + afterBytes

// next fills a segment; false at the end.
func (s *splitter) next(seg *segment) (bool, error) {
	if s.ended {
		return false, nil
	}
	if cap(seg.buf) == 0 {
		seg.buf = make([]byte, 0, capacity)
	}
	seg.buf = append(seg.buf[:0], s.carry...)
	for {
		asked := cap(seg.buf) - len(seg.buf)
		n, err := s.r.Read(seg.buf[len(seg.buf):cap(seg.buf)])
		seg.buf = seg.buf[:len(seg.buf)+n]
		s.bytes += int64(n)
		s.ended = errors.Is(err, io.EOF)
		if err != nil && !s.ended {
			return false, fmt.Errorf("read the log: %w", err)
		}
		s.skip(seg)
		if s.split(seg, n == 0, n < asked) {
			return true, nil
		}
		if s.ended {
			return false, nil
		}
	}
}

// skip drops what belongs to a line that is too long, but not its end.
func (s *splitter) skip(seg *segment) {
	if !s.skipping {
		return
	}
	i := bytes.IndexByte(seg.buf, '\n')
	if i < 0 {
		i = len(seg.buf)
	}
	s.skipping = i == len(seg.buf)
	s.offset += int64(i)
	seg.buf = seg.buf[:copy(seg.buf, seg.buf[i:])]
}

// split decides how much of the buffer makes the segment, and keeps the rest.
// idle says that nothing more comes for now, short that less came than asked
// for.
func (s *splitter) split(seg *segment, idle, short bool) bool {
	seg.limit, seg.cut = 0, false
	switch full := len(seg.buf) == cap(seg.buf); {
	case s.ended:
		seg.limit = len(seg.buf)
	case idle:
		seg.limit = bytes.LastIndexByte(seg.buf, '\n') + 1
	case full || short:
		seg.limit = bytes.LastIndexByte(seg.buf[:max(0, len(seg.buf)-afterBytes)], '\n') + 1
		if seg.limit == 0 && full {
			seg.limit, seg.cut, s.skipping = len(seg.buf), true, true
		}
	}
	if seg.limit == 0 {
		return false
	}
	seg.offset = s.offset
	s.offset += int64(seg.limit)
	s.carry = append(s.carry[:0], seg.buf[seg.limit:]...)
	return true
}
