package logsource

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"unicode/utf16"
	"unicode/utf8"
)

// decoded makes UTF-8 of what says by its first bytes that it is another form of
// Unicode: PowerShell writes what a program prints as UTF-16.
func decoded(head []byte, from io.Reader) io.Reader {
	switch {
	case bytes.HasPrefix(head, []byte{0xff, 0xfe}):
		return &wide{from: from, order: binary.LittleEndian}
	case bytes.HasPrefix(head, []byte{0xfe, 0xff}):
		return &wide{from: from, order: binary.BigEndian}
	case bytes.HasPrefix(head, []byte("\xef\xbb\xbf")):
		return &without{from: from, left: 3}
	}
	return from
}

// without leaves out the first bytes.
type without struct {
	from io.Reader
	left int
}

func (w *without) Read(p []byte) (int, error) {
	for w.left > 0 {
		n, err := w.from.Read(make([]byte, w.left))
		w.left -= n
		if n == 0 || err != nil {
			return 0, err
		}
	}
	return w.from.Read(p)
}

// wide reads UTF-16. What is no text becomes U+FFFD, as does half a character at
// the end.
type wide struct {
	from  io.Reader
	order binary.ByteOrder
	in    []byte // read, not decoded: half a character
	out   []byte // decoded, not delivered
	begun bool   // the mark at the beginning is gone
	err   error
}

// wideSize is how much is decoded at a time.
const wideSize = 32 << 10

func (w *wide) Read(p []byte) (int, error) {
	for len(w.out) == 0 {
		if w.err != nil {
			return 0, w.err
		}
		begin := len(w.in)
		w.in = append(w.in, make([]byte, wideSize)...)
		n, err := w.from.Read(w.in[begin:])
		w.in, w.err = w.in[:begin+n], err
		if n == 0 && err == nil {
			return 0, nil
		}
		w.decode()
	}
	n := copy(p, w.out)
	w.out = w.out[n:]
	return n, nil
}

// decode makes text of what is whole.
func (w *wide) decode() {
	w.out = w.out[:0]
	at := 0
	for ; at+2 <= len(w.in); at += 2 {
		r := rune(w.order.Uint16(w.in[at:]))
		if utf16.IsSurrogate(r) {
			if at+4 > len(w.in) && w.err == nil {
				break
			}
			if at+4 <= len(w.in) {
				if both := utf16.DecodeRune(r, rune(w.order.Uint16(w.in[at+2:]))); both != utf8.RuneError {
					r, at = both, at+2
				}
			}
		}
		if !w.begun {
			w.begun = true
			if r == '\ufeff' {
				continue
			}
		}
		w.out = utf8.AppendRune(w.out, r)
	}
	w.in = w.in[:copy(w.in, w.in[at:])]
	if errors.Is(w.err, io.EOF) && len(w.in) > 0 {
		w.out, w.in = utf8.AppendRune(w.out, utf8.RuneError), nil
	}
}
