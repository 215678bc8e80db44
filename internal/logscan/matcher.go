package logscan

import (
	"bytes"
	"encoding/binary"
	"slices"
)

const (
	// block is the width of what is looked at in one step, in bytes.
	block = 4
	// shortest is the length from which a literal takes part in the big step;
	// those below it are looked for one by one, or they would slow all down.
	shortest = 6
	// tableBits is the size of the tables; the first must stay in the fastest
	// cache.
	tableBits = 15
)

// Matcher finds literals by the method of Wu and Manber: it looks at the last
// block of a window as wide as the shortest literal, and shifts the window by
// what the table says that no literal can begin before. It is only read after
// NewMatcher, by any number of goroutines.
type Matcher struct {
	literals [][]byte
	short    []int                  // literals to be looked for one by one
	window   int                    // the length of the shortest of the others; 0 for none
	shift    [1 << tableBits]uint8  // by the hash of a block
	bucket   [1 << tableBits]uint16 // of blocks that end a window: an index into lists
	lists    [][]anchored           // literals whose window ends so
	low      []byte                 // the low mark, empty for none
}

// MarkLow sets a literal of which only is told between which hits it stands: one
// that nearly every line may hold, such as that of a log's lowest level. It is
// set before the first scan.
func (m *Matcher) MarkLow(literal string) { m.low = []byte(literal) }

// anchored is a literal and where in it its window begins.
type anchored struct{ sign, at int }

// NewMatcher makes a matcher of literals, which are found as they are written,
// upper and lower case apart. One that is empty or holds a line's end is never
// found. Of those with 6 bytes or more the shortest decides how fast all are;
// each that is shorter costs a pass of its own.
func NewMatcher(literals []string) *Matcher {
	m := &Matcher{lists: [][]anchored{nil}}
	var long []int
	for i, l := range literals {
		m.literals = append(m.literals, []byte(l))
		switch {
		case l == "" || bytes.ContainsAny([]byte(l), "\n"):
		case len(l) < shortest:
			m.short = append(m.short, i)
		default:
			long = append(long, i)
			if m.window == 0 || len(l) < m.window {
				m.window = len(l)
			}
		}
	}
	// A shift must fit into its byte.
	m.window = min(m.window, 255)
	for i := range m.shift {
		m.shift[i] = uint8(max(0, m.window-block+1))
	}
	for _, i := range long {
		m.add(i)
	}
	return m
}

// add enters a literal into the tables.
func (m *Matcher) add(sign int) {
	at := rarest(m.literals[sign], m.window)
	window := m.literals[sign][at : at+m.window]
	for end := block; end <= m.window; end++ {
		h := hash(binary.LittleEndian.Uint32(window[end-block:]))
		m.shift[h] = min(m.shift[h], uint8(m.window-end))
	}
	h := hash(binary.LittleEndian.Uint32(window[m.window-block:]))
	if m.bucket[h] == 0 {
		m.lists = append(m.lists, nil)
		m.bucket[h] = uint16(len(m.lists) - 1)
	}
	m.lists[m.bucket[h]] = append(m.lists[m.bucket[h]], anchored{sign, at})
}

func hash(b uint32) uint32 { return (b * 2654435761) >> (32 - tableBits) }

// commonText is what lines of such logs are full of. A window that avoids it
// stops the search seldom.
const commonText = `00:11:22.334455667 DEBUG | INFO  | WARN  | ERROR | TRACE | [GSTREAMER] [DOCKER] [RTSP] ` +
	`[ENET] [STREAM_SESSION] [HTTPS] [GET] HTTPS:// /serverinfo /applist Received packet Forcing IDR ` +
	`Starting Stopping pipeline: producer: Creating Created Failed to create  container: session  buffer ` +
	`2025-10-02T06:40:11.752176Z  INFO smithay::backend:: waylanddisplaycore:: gst wayland display wayland-1 ` +
	`0:00:00.000000000     1 0x7f WARN  ERROR _video _audio interpipesrc input unknown message received error the `

// common is how often each block is in commonText.
var common = func() map[uint32]int {
	counts := map[uint32]int{}
	for i := range len(commonText) - block + 1 {
		counts[binary.LittleEndian.Uint32([]byte(commonText[i:]))]++
	}
	return counts
}()

// rarest returns where the window of a literal begins that has the fewest
// blocks of common text; its last block counts most, since that is looked up.
func rarest(literal []byte, window int) (at int) {
	least := -1
	for begin := range len(literal) - window + 1 {
		cost := 0
		for end := begin + block; end <= begin+window; end++ {
			n := common[binary.LittleEndian.Uint32(literal[end-block:])]
			if n > 0 && end == begin+window {
				n += window
			}
			cost += n
		}
		if least < 0 || cost < least {
			least, at = cost, begin
		}
	}
	return at
}

// lanes is how many places of a text are searched at the same time: each step
// waits for memory twice, and four that do not depend on each other wait
// together.
const lanes = 4

// stops are where the search came to the last block of a window, of each lane.
type stops [lanes][]int32

// windows calls f for each literal in text, with where in text it begins; those
// calls are in ascending order of lines. Short literals are left out. The text
// is shorter than 2 GiB.
func (m *Matcher) windows(text []byte, at *stops, f func(sign, pos int)) {
	if m.window == 0 {
		return
	}
	m.seek(text, at)
	for lane := range at {
		for _, stop := range at[lane] {
			pos := int(stop) + block - m.window
			for _, a := range m.lists[m.bucket[hash(binary.LittleEndian.Uint32(text[stop:]))]] {
				l := m.literals[a.sign]
				if begin := pos - a.at; begin >= 0 && len(text)-begin >= len(l) && string(text[begin:begin+len(l)]) == string(l) {
					f(a.sign, begin)
				}
			}
		}
	}
}

// seek fills in the stops of a text.
func (m *Matcher) seek(text []byte, at *stops) {
	first, end := m.window-block, len(text)-block+1
	stripe := max(0, end-first) / lanes
	var from, to [lanes]int
	for lane := range lanes {
		from[lane], to[lane] = first+lane*stripe, first+(lane+1)*stripe
		at[lane] = at[lane][:0]
	}
	to[lanes-1] = end
	far := m.window - block + 1
	for {
		rounds := (to[0] - from[0]) / far
		for lane := 1; lane < lanes; lane++ {
			rounds = min(rounds, (to[lane]-from[lane])/far)
		}
		if rounds < 4 {
			break
		}
		m.together(text, at, &from, rounds)
	}
	for lane := range lanes {
		for pos := from[lane]; pos < to[lane]; {
			s := int(m.shift[hash(binary.LittleEndian.Uint32(text[pos:]))])
			if s == 0 {
				at[lane] = append(at[lane], int32(pos))
				s = 1
			}
			pos += s
		}
	}
}

// together takes so many steps in all lanes; none reaches the end of its own.
func (m *Matcher) together(text []byte, at *stops, from *[lanes]int, rounds int) {
	a, b, c, d := from[0], from[1], from[2], from[3]
	for range rounds {
		i := int(m.shift[hash(binary.LittleEndian.Uint32(text[a:]))])
		j := int(m.shift[hash(binary.LittleEndian.Uint32(text[b:]))])
		k := int(m.shift[hash(binary.LittleEndian.Uint32(text[c:]))])
		l := int(m.shift[hash(binary.LittleEndian.Uint32(text[d:]))])
		if i == 0 {
			at[0] = append(at[0], int32(a))
			i = 1
		}
		if j == 0 {
			at[1] = append(at[1], int32(b))
			j = 1
		}
		if k == 0 {
			at[2] = append(at[2], int32(c))
			k = 1
		}
		if l == 0 {
			at[3] = append(at[3], int32(d))
			l = 1
		}
		a, b, c, d = a+i, b+j, c+k, d+l
	}
	*from = [lanes]int{a, b, c, d}
}

// shorts calls f for each short literal in text, one literal after the other.
func (m *Matcher) shorts(text []byte, f func(sign, pos int)) {
	for _, sign := range m.short {
		for at := 0; ; {
			i := bytes.Index(text[at:], m.literals[sign])
			if i < 0 {
				break
			}
			f(sign, at+i)
			at += i + 1
		}
	}
}

// Literals returns a copy of what it looks for, in the order of its signs.
func (m *Matcher) Literals() []string {
	all := make([]string, 0, len(m.literals))
	for _, l := range m.literals {
		all = append(all, string(l))
	}
	return slices.Clip(all)
}
