// Package keymap holds the XKB keymap that a display gives its clients, finds
// the keys that type a text on it, and tracks modifiers as XKB does.
//
// Keys are evdev codes (linux/input-event-codes.h); XKB's are larger by 8.
package keymap

import (
	_ "embed"
	"fmt"
	"strings"
)

// us is the compiled US layout; see NOTICE for its origin and licence.
//
//go:embed us.xkb
var us string

// Keys that this package and its callers name.
const (
	KeyBackspace  = 14
	KeyTab        = 15
	KeyEnter      = 28
	KeyLeftCtrl   = 29
	KeyLeftShift  = 42
	KeyRightShift = 54
	KeyLeftAlt    = 56
	KeySpace      = 57
	KeyCapsLock   = 58
	KeyNumLock    = 69
	KeyRightCtrl  = 97
	KeyRightAlt   = 100
	KeyLeftMeta   = 125
	KeyRightMeta  = 126
	// KeyMax is the largest code that the keymap knows.
	KeyMax = 700
)

// MaxExtra is how many characters one remapped keymap can add.
const MaxExtra = 12

// firstExtra is KEY_F13, the first of the keys that Text remaps.
const firstExtra = 183

// Text is the keymap, with the characters of extra (at most MaxExtra; others
// are left out) on the keys that ExtraCode names.
func Text(extra []rune) string {
	if len(extra) == 0 {
		return us
	}
	// Statements that come later in a section replace earlier ones.
	at := strings.LastIndex(us, "\tmodifier_map Shift")
	var b strings.Builder
	b.Grow(len(us) + 40*len(extra))
	b.WriteString(us[:at])
	for i, r := range extra[:min(len(extra), MaxExtra)] {
		fmt.Fprintf(&b, "\tkey <FK%d> { [ U%04X ] };\n", 13+i, r)
	}
	b.WriteString(us[at:])
	return b.String()
}

// ExtraCode is the key that types extra[i] of Text.
func ExtraCode(i int) uint16 { return uint16(firstExtra + i) }

// Stroke is a key and whether shift goes with it.
type Stroke struct {
	Code  uint16
	Shift bool
	// Letter is set where caps lock turns the shift around.
	Letter bool
}

var strokes = makeStrokes()

// makeStrokes lists the rows of the US keyboard: the code of the first key,
// the characters without and with shift.
func makeStrokes() map[rune]Stroke {
	rows := []struct {
		first        uint16
		plain, shift string
	}{
		{2, "1234567890-=", "!@#$%^&*()_+"},
		{16, "qwertyuiop[]", "QWERTYUIOP{}"},
		{30, "asdfghjkl;'`", "ASDFGHJKL:\"~"},
		{43, "\\zxcvbnm,./", "|ZXCVBNM<>?"},
	}
	m := map[rune]Stroke{
		' ': {Code: KeySpace}, '\n': {Code: KeyEnter}, '\r': {Code: KeyEnter},
		'\t': {Code: KeyTab}, '\b': {Code: KeyBackspace}, 0x7f: {Code: KeyBackspace},
	}
	for _, row := range rows {
		for i := range len(row.plain) {
			code, p, s := row.first+uint16(i), rune(row.plain[i]), rune(row.shift[i])
			letter := p >= 'a' && p <= 'z'
			m[p], m[s] = Stroke{code, false, letter}, Stroke{code, true, letter}
		}
	}
	return m
}

// Lookup finds the key that types r on the layout.
func Lookup(r rune) (Stroke, bool) {
	s, ok := strokes[r]
	return s, ok
}

// Typeable reports whether an extra key can type r: no control character and
// no part of a surrogate pair.
func Typeable(r rune) bool {
	return r >= 0xa0 && r <= 0x10ffff && (r < 0xd800 || r > 0xdfff)
}
