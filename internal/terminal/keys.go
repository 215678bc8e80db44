package terminal

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/sys/unix"
)

// Named is a key that types no character.
type Named int

// The keys that a terminal tells apart. F1 to F12 follow each other.
const (
	Enter Named = iota + 1
	Tab
	Backspace
	Escape
	Up
	Down
	Right
	Left
	Home
	End
	PageUp
	PageDown
	Insert
	Delete
	F1
)

// Key is what was typed: a character, or a key that types none.
type Key struct {
	Rune             rune // 0 for a named key
	Named            Named
	Shift, Alt, Ctrl bool
}

// Keys calls each with what is typed until ctx ends, which it notices within
// 100 ms, or the terminal is gone. One goroutine at a time may call it.
func (s *Screen) Keys(ctx context.Context, each func(Key)) error {
	var rest []byte
	buf := make([]byte, 1024)
	for ctx.Err() == nil {
		ready := []unix.PollFd{{Fd: int32(s.in.Fd()), Events: unix.POLLIN}}
		n, err := unix.Poll(ready, 100)
		if n == 0 || errors.Is(err, unix.EINTR) {
			continue
		}
		if err == nil {
			n, err = unix.Read(int(s.in.Fd()), buf)
		}
		switch {
		case errors.Is(err, unix.EINTR) || errors.Is(err, unix.EAGAIN):
			continue
		case err != nil:
			return fmt.Errorf("read from the terminal: %w", err)
		case n == 0 && ready[0].Revents&unix.POLLHUP != 0:
			return errors.New("read from the terminal: it was closed")
		}
		var keys []Key
		if keys, rest = parseKeys(append(rest, buf[:n]...)); len(rest) > 64 {
			rest = nil // no sequence of a terminal is that long
		}
		for _, k := range keys {
			each(k)
		}
	}
	return nil
}

// parseKeys takes what a terminal sends apart. rest is the beginning of
// something that has not come whole.
func parseKeys(b []byte) (keys []Key, rest []byte) {
	for len(b) > 0 {
		k, n := parseKey(b)
		if n == 0 {
			return keys, append([]byte(nil), b...)
		}
		if k != (Key{}) {
			keys = append(keys, k)
		}
		b = b[n:]
	}
	return keys, nil
}

// parseKey takes the first key: how many bytes it has, 0 when some are missing.
// What is no key is the zero Key.
func parseKey(b []byte) (Key, int) {
	switch c := b[0]; {
	case c == 0x1b:
		return parseEscape(b)
	case c == '\r' || c == '\n':
		return Key{Named: Enter}, 1
	case c == '\t':
		return Key{Named: Tab}, 1
	case c == 0x7f || c == '\b':
		return Key{Named: Backspace}, 1
	case c == 0:
		return Key{Rune: ' ', Ctrl: true}, 1
	case c < 0x1b:
		return Key{Rune: rune(c) + 'a' - 1, Ctrl: true}, 1
	case c < ' ':
		return Key{Rune: rune(c) + '@', Ctrl: true}, 1
	}
	if !utf8.FullRune(b) {
		return Key{}, 0
	}
	r, n := utf8.DecodeRune(b)
	if r == utf8.RuneError {
		return Key{}, n
	}
	return Key{Rune: r}, n
}

// parseEscape takes a key that begins with ESC. One that ends there is the
// escape key: terminals write a sequence at once.
func parseEscape(b []byte) (Key, int) {
	if len(b) == 1 {
		return Key{Named: Escape}, 1
	}
	if b[1] != '[' && b[1] != 'O' || len(b) == 2 {
		k, n := parseKey(b[1:])
		if n == 0 {
			return k, 0
		}
		k.Alt = k != (Key{})
		return k, n + 1
	}
	for i := 2; i < len(b); i++ {
		if c := b[i]; c >= 0x40 && c <= 0x7e {
			return sequence(string(b[2:i]), c), i + 1
		}
	}
	return Key{}, 0
}

// letters and numbers name the keys of the sequences ESC [ letter and
// ESC [ number ~ (xterm's "PC-style function keys").
var (
	letters = map[byte]Named{'A': Up, 'B': Down, 'C': Right, 'D': Left, 'H': Home, 'F': End, 'P': F1, 'Q': F1 + 1, 'R': F1 + 2, 'S': F1 + 3}
	numbers = map[int]Named{
		1: Home, 2: Insert, 3: Delete, 4: End, 5: PageUp, 6: PageDown, 7: Home, 8: End, 11: F1, 12: F1 + 1, 13: F1 + 2, 14: F1 + 3,
		15: F1 + 4, 17: F1 + 5, 18: F1 + 6, 19: F1 + 7, 20: F1 + 8, 21: F1 + 9, 23: F1 + 10, 24: F1 + 11,
	}
)

// sequence is the key of ESC [ parameters final.
func sequence(parameters string, final byte) Key {
	number, modifiers, _ := strings.Cut(parameters, ";")
	k := Key{Named: letters[final]}
	switch {
	case final == 'Z':
		return Key{Named: Tab, Shift: true}
	case final == '~':
		n, _ := strconv.Atoi(number)
		k.Named = numbers[n]
	}
	if k.Named == 0 {
		return Key{}
	}
	if m, err := strconv.Atoi(modifiers); err == nil && m > 1 {
		m--
		k.Shift, k.Alt, k.Ctrl = m&1 != 0, m&2 != 0, m&4 != 0
	}
	return k
}
