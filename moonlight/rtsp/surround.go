package rtsp

import (
	"bytes"
	"fmt"
	"slices"
)

// maxLayouts is enough for two qualities each of 2 to 8 channels.
const maxLayouts = 16

// SurroundLayout says how the channels of a multistream Opus packet lie. The
// order of the client's channels is FL FR C LFE BL BR SL SR.
type SurroundLayout struct {
	// Channels is 2 to 8; clients ask for 2, 6 and 8.
	Channels int
	// Streams counts the Opus streams, Coupled those of them that hold two channels.
	Streams, Coupled int
	// Mapping holds, for each of the client's channels, the decoded channel that
	// it plays, as in the mapping table of an Opus decoder.
	Mapping []uint8
	// HighQuality is for a client that asks for AudioQuality 1.
	HighQuality bool
}

// StandardLayouts returns layouts for 5.1 and 7.1: in normal quality left and
// right share a stream, and the centre and LFE have one each, so that neither is
// heard in the other; in high quality every channel has a stream.
func StandardLayouts() []SurroundLayout {
	return []SurroundLayout{
		{6, 4, 2, []uint8{0, 1, 4, 5, 2, 3}, false},
		{6, 6, 0, []uint8{0, 1, 2, 3, 4, 5}, true},
		{8, 5, 3, []uint8{0, 1, 6, 7, 2, 3, 4, 5}, false},
		{8, 8, 0, []uint8{0, 1, 2, 3, 4, 5, 6, 7}, true},
	}
}

func (l SurroundLayout) check() error {
	decoded := l.Streams + l.Coupled
	if l.Channels < 2 || l.Channels > 8 || len(l.Mapping) != l.Channels {
		return fmt.Errorf("surround layout: %d channels with a mapping of %d, want 2 to 8 of both", l.Channels, len(l.Mapping))
	}
	if l.Streams < 1 || l.Coupled < 0 || l.Coupled > l.Streams || decoded > l.Channels {
		return fmt.Errorf("surround layout of %d channels: %d streams with %d coupled do not fit", l.Channels, l.Streams, l.Coupled)
	}
	for _, m := range l.Mapping {
		if int(m) >= decoded {
			return fmt.Errorf("surround layout of %d channels: no decoded channel %d", l.Channels, m)
		}
	}
	return nil
}

// orderLayouts puts the normal layout of each number of channels first, which is
// the only thing that tells it from the one of high quality.
func orderLayouts(layouts []SurroundLayout) ([]SurroundLayout, error) {
	if len(layouts) > maxLayouts {
		return nil, fmt.Errorf("%d surround layouts, at most %d are possible", len(layouts), maxLayouts)
	}
	ordered := slices.Clone(layouts)
	slices.SortStableFunc(ordered, func(a, b SurroundLayout) int {
		if a.Channels == b.Channels && a.HighQuality != b.HighQuality && b.HighQuality {
			return -1
		} else if a.Channels == b.Channels && a.HighQuality != b.HighQuality {
			return 1
		}
		return a.Channels - b.Channels
	})
	seen := make(map[int]int)
	for _, l := range ordered {
		if err := l.check(); err != nil {
			return nil, err
		}
		if l.HighQuality != (seen[l.Channels] == 1) || seen[l.Channels] > 1 {
			return nil, fmt.Errorf("surround layouts of %d channels: want one normal and at most one of high quality", l.Channels)
		}
		seen[l.Channels]++
	}
	return ordered, nil
}

// appendWire appends the digits of a layout. The client moves the last number of
// a normal mapping to the place of LFE, since the first host of this protocol had
// LFE last, so it is put there.
func (l SurroundLayout) appendWire(b []byte) []byte {
	b = append(b, '0'+byte(l.Channels), '0'+byte(l.Streams), '0'+byte(l.Coupled))
	mapping := l.Mapping
	if !l.HighQuality && l.Channels > 3 {
		mapping = append(append(slices.Clone(mapping[:3]), mapping[4:]...), mapping[3])
	}
	for _, m := range mapping {
		b = append(b, '0'+m)
	}
	return b
}

// findLayouts reads all layouts; of each number of channels the first is normal,
// the second of high quality and the others unseen by a client.
func findLayouts(text []byte) ([]SurroundLayout, error) {
	var layouts []SurroundLayout
	seen := make(map[int]int)
	for range maxLayouts {
		_, rest, found := bytes.Cut(text, []byte(attrSurround+"="))
		if !found {
			break
		}
		text = rest
		word := rest
		if end := bytes.IndexFunc(rest, func(r rune) bool { return r < '0' || r > '9' }); end >= 0 {
			word = rest[:end]
		}
		l, err := parseLayout(word, seen)
		if err != nil {
			return nil, &AttributeError{Name: attrSurround, Value: shorten(string(word)), Reason: err.Error()}
		}
		if seen[l.Channels]++; seen[l.Channels] <= 2 {
			layouts = append(layouts, l)
		}
	}
	return layouts, nil
}

func parseLayout(word []byte, seen map[int]int) (SurroundLayout, error) {
	if len(word) < 3 || len(word) != 3+int(word[0]-'0') {
		return SurroundLayout{}, fmt.Errorf("want three digits and as many more as the first says")
	}
	l := SurroundLayout{Channels: int(word[0] - '0'), Streams: int(word[1] - '0'), Coupled: int(word[2] - '0')}
	l.HighQuality = seen[l.Channels] > 0
	for _, digit := range word[3:] {
		l.Mapping = append(l.Mapping, digit-'0')
	}
	if !l.HighQuality && l.Channels > 3 {
		lfe := l.Mapping[l.Channels-1]
		copy(l.Mapping[4:], l.Mapping[3:l.Channels-1])
		l.Mapping[3] = lfe
	}
	return l, l.check()
}
