package media

import (
	"bytes"
	"errors"
	"fmt"
	"iter"
)

// ErrNotDecodable means that a decoder cannot start from an access unit.
var ErrNotDecodable = errors.New("a decoder cannot start here")

// NALType is nal_unit_type of ITU-T H.264, table 7-1.
type NALType uint8

// NAL unit types that matter for streaming.
const (
	NALSlice     NALType = 1
	NALIDR       NALType = 5
	NALSEI       NALType = 6
	NALSPS       NALType = 7
	NALPPS       NALType = 8
	NALDelimiter NALType = 9
)

// NAL is one NAL unit of a byte stream (ITU-T H.264, annex B).
type NAL struct {
	// Raw is the unit with its start code and the zero byte that may precede it.
	Raw []byte
	// Unit is the unit without start code; its first byte is the header.
	Unit []byte
}

// Type returns the type of the unit.
func (n NAL) Type() NALType { return NALType(n.Unit[0] & 0x1f) }

// VCL reports whether the unit is a slice of a picture.
func (n NAL) VCL() bool { return n.Type() >= NALSlice && n.Type() <= NALIDR }

var startCode = []byte{0, 0, 1}

// NALs walks through the units of a byte stream. Bytes before the first start
// code and empty units are passed over; trailing zeros belong to no unit.
func NALs(stream []byte) iter.Seq[NAL] {
	return func(yield func(NAL) bool) {
		begin := bytes.Index(stream, startCode)
		for begin >= 0 {
			body := begin + len(startCode)
			end, next := len(stream), -1
			if n := bytes.Index(stream[body:], startCode); n >= 0 {
				next = body + n
				end = next
			}
			raw := begin
			if raw > 0 && stream[raw-1] == 0 {
				raw--
			}
			for end > body && stream[end-1] == 0 {
				end--
			}
			if end > body && !yield(NAL{Raw: stream[raw:end:end], Unit: stream[body:end:end]}) {
				return
			}
			begin = next
		}
	}
}

// CheckKeyframe returns nil when an access unit begins, after an optional
// delimiter, with SPS, PPS and an IDR slice, as a Moonlight client demands of
// the frame that it starts from; otherwise an error that wraps ErrNotDecodable.
func CheckKeyframe(au []byte) error {
	expected := []NALType{NALSPS, NALPPS, NALIDR}
	first := true
	for n := range NALs(au) {
		if first && n.Type() == NALDelimiter {
			first = false
			continue
		}
		first = false
		if n.Type() != expected[0] {
			return fmt.Errorf("%w: NAL unit of type %d where type %d is due", ErrNotDecodable, n.Type(), expected[0])
		}
		if expected = expected[1:]; len(expected) == 0 {
			return nil
		}
	}
	return fmt.Errorf("%w: the access unit ends before NAL unit type %d", ErrNotDecodable, expected[0])
}

// Tidy makes an encoder's access units fit to be sent: without SEI, fillers and
// delimiters, and with the parameter sets in front of each IDR picture and
// nowhere else. The zero value is ready for use.
type Tidy struct {
	sps, pps []byte
	scratch  []byte
}

// Filter returns the tidied access unit, which is valid until the next call,
// and whether it is a key frame. An access unit without a picture yields
// nothing. An IDR picture for which no parameter sets have been seen is an
// error that wraps ErrNotDecodable.
func (t *Tidy) Filter(au []byte) (tidied []byte, key bool, err error) {
	picture := false
	for n := range NALs(au) {
		switch n.Type() {
		case NALSPS:
			t.sps = appendUnit(t.sps[:0], n)
		case NALPPS:
			t.pps = appendUnit(t.pps[:0], n)
		case NALIDR:
			key = key || !picture // all slices of an IDR picture are
		}
		picture = picture || n.VCL()
	}
	out := t.scratch[:0]
	if !picture {
		return nil, false, nil
	}
	if key {
		if len(t.sps) == 0 || len(t.pps) == 0 {
			return nil, true, fmt.Errorf("%w: the encoder gave an IDR picture without parameter sets", ErrNotDecodable)
		}
		out = append(append(out, t.sps...), t.pps...)
	}
	for n := range NALs(au) {
		if n.VCL() {
			out = appendUnit(out, n)
		}
	}
	t.scratch = out
	return out, key, nil
}

// appendUnit appends a unit with the long start code, which decoders accept
// everywhere.
func appendUnit(dst []byte, n NAL) []byte {
	dst = append(dst, 0, 0, 0, 1)
	return append(dst, n.Unit...)
}
