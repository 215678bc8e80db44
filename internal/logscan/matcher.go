package logscan

import (
	"bytes"
	"encoding/binary"
)

// block is the width of what is looked at in one step, in bytes.
const block = 4

// Matcher finds literals by the method of Wu and Manber: it looks at the last
// block of a window as wide as the shortest literal, and shifts the window by
// what the table says that no literal can begin before. It is only read after
// NewMatcher, by any number of goroutines.
type Matcher struct {
	literals [][]byte
	longest  int
	window   int             // the length of the shortest literal
	shift    [1 << 15]uint8  // by the hash of a block
	bucket   [1 << 15]uint16 // of blocks that end a window: an index into lists, 0 for none
	lists    [][]int         // literals whose window ends so
}

// NewMatcher makes a matcher of literals, each of block bytes or more; shorter
// ones are never found. The shortest one decides how fast all are.
func NewMatcher(literals []string) *Matcher {
	m := &Matcher{window: 255, lists: [][]int{nil}}
	for _, l := range literals {
		m.literals = append(m.literals, []byte(l))
		if len(l) >= block {
			m.window = min(m.window, len(l))
			m.longest = max(m.longest, len(l))
		}
	}
	far := m.window - block + 1
	for i := range m.shift {
		m.shift[i] = uint8(far)
	}
	for i, l := range m.literals {
		if len(l) < block {
			continue
		}
		for end := block; end <= m.window; end++ {
			h := hash(binary.LittleEndian.Uint32(l[end-block:]))
			m.shift[h] = min(m.shift[h], uint8(m.window-end))
		}
		h := hash(binary.LittleEndian.Uint32(l[m.window-block:]))
		if m.bucket[h] == 0 {
			m.lists = append(m.lists, nil)
			m.bucket[h] = uint16(len(m.lists) - 1)
		}
		m.lists[m.bucket[h]] = append(m.lists[m.bucket[h]], i)
	}
	return m
}

func hash(b uint32) uint32 { return (b * 2654435761) >> 17 }

// find returns where the first literal at or after from begins, -1 for none.
func (m *Matcher) find(text []byte, from int) int {
	for at := from + m.window - block; at+block <= len(text); {
		h := hash(binary.LittleEndian.Uint32(text[at:]))
		if s := m.shift[h]; s != 0 {
			at += int(s)
			continue
		}
		begin := at + block - m.window
		for _, i := range m.lists[m.bucket[h]] {
			if bytes.HasPrefix(text[begin:], m.literals[i]) {
				return begin
			}
		}
		at++
	}
	return -1
}

// each calls f with every literal that begins at pos.
func (m *Matcher) each(text []byte, pos int, f func(int)) {
	at := pos + m.window - block
	if at+block > len(text) {
		return
	}
	for _, i := range m.lists[m.bucket[hash(binary.LittleEndian.Uint32(text[at:]))]] {
		if bytes.HasPrefix(text[pos:], m.literals[i]) {
			f(i)
		}
	}
}
