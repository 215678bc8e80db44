package logscan

import (
	"bytes"
	"cmp"
	"slices"
)

var newline, carriage = []byte{'\n'}, []byte{'\r'}

// searcher is one worker with what it needs from segment to segment.
type searcher struct {
	m     *Matcher
	seg   *segment
	found []found
	stops stops
	// Of each literal: the end of the line that it was found in last, so that a
	// line that is full of it counts it once.
	told []int
	end  int // of the line that was looked at last
}

// found is a literal in a line.
type found struct{ pos, sign, end int } // of the line is the end

func newSearcher(m *Matcher) *searcher {
	return &searcher{m: m, told: make([]int, len(m.literals))}
}

// search fills in what the segment's lines hold.
func (s *searcher) search(seg *segment) {
	s.seg, s.found, s.end = seg, s.found[:0], -1
	for i := range s.told {
		s.told[i] = -1
	}
	text := seg.buf[:seg.limit]
	s.m.windows(text, &s.stops, s.note)
	if len(s.m.short) > 0 {
		s.m.shorts(text, s.note)
		slices.SortFunc(s.found, func(a, b found) int { return cmp.Compare(a.pos, b.pos) })
	}
	s.lines()
}

// note remembers a literal, once per line.
func (s *searcher) note(sign, pos int) {
	if pos < s.told[sign] {
		return
	}
	if pos >= s.end || len(s.m.short) > 0 {
		s.end = s.lineEnd(pos)
	}
	s.told[sign] = s.end
	s.found = append(s.found, found{pos, sign, s.end})
}

func (s *searcher) lineEnd(pos int) int {
	if i := bytes.IndexByte(s.seg.buf[pos:s.seg.limit], '\n'); i >= 0 {
		return pos + i
	}
	return s.seg.limit
}

// lines makes hits of what was found, and counts lines.
func (s *searcher) lines() {
	seg := s.seg
	seg.hits, seg.signs, seg.newlines = seg.hits[:0], seg.signs[:0], 0
	at := 0        // up to here newlines are counted; always the beginning of a line
	low := s.low() // where the first low mark is
	for i := 0; i < len(s.found); {
		begin := bytes.LastIndexByte(seg.buf[at:s.found[i].pos], '\n') + 1 + at
		h := hit{begin: begin, end: s.found[i].end, first: len(seg.signs)}
		for ; i < len(s.found) && s.found[i].pos < h.end; i++ {
			// What lies beyond the cut does not count: of a line that is longer than
			// a segment it would not be seen.
			if f := s.found[i]; f.pos+len(s.m.literals[f.sign]) <= begin+MaxLine {
				seg.signs = append(seg.signs, f.sign)
			}
		}
		seg.newlines += int64(bytes.Count(seg.buf[at:begin], newline))
		h.newlines, h.last, at = seg.newlines, len(seg.signs), begin
		if h.last > h.first {
			if h.low = low < h.end; h.low {
				low = len(seg.buf) + 1 // once per segment is enough
			}
			seg.hits = append(seg.hits, h)
		}
	}
	seg.low = low < seg.limit
	seg.newlines += int64(bytes.Count(seg.buf[at:seg.limit], newline))
}

// lowWithin is how much of a segment is looked through for the low mark, in bytes:
// nearly every line may hold it, and a log that is larger has other segments.
const lowWithin = 32 << 10

// low is where the first low mark stands, beyond the segment for none.
func (s *searcher) low() int {
	if len(s.m.low) > 0 {
		if i := bytes.Index(s.seg.buf[:min(s.seg.limit, lowWithin)], s.m.low); i >= 0 {
			return i
		}
	}
	return len(s.seg.buf) + 1
}

// line tells of a hit.
func (seg *segment) line(h hit, before int64) Line {
	l := Line{
		Number: before + h.newlines, Offset: seg.offset + int64(h.begin), Signs: seg.signs[h.first:h.last],
		Text: bytes.TrimSuffix(seg.buf[h.begin:h.end], carriage),
		Cut:  seg.cut && h.end == seg.limit, Low: h.low,
		past: seg.buf[max(0, h.begin-afterBytes):h.begin],
	}
	if len(l.Text) > MaxLine {
		l.Text, l.Cut = l.Text[:MaxLine], true
	}
	if next := h.end + 1; next < len(seg.buf) {
		l.rest = seg.buf[next:min(len(seg.buf), next+afterBytes)]
	}
	return l
}
