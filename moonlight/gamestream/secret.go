package gamestream

import (
	"fmt"
	"io"
)

const redacted = "redacted"

// SessionKey is the AES-128 key of one launch (query parameter rikey). It
// encrypts RTSP, control, video and audio, so it never prints: every verb of
// fmt and every text encoding gives "redacted". Convert it with [16]byte(k).
type SessionKey [16]byte

// String gives "redacted".
func (SessionKey) String() string { return redacted }

// Format gives "redacted" for every verb.
func (SessionKey) Format(state fmt.State, _ rune) { conceal(state) }

// MarshalText gives "redacted"; JSON and structured logs use it too.
func (SessionKey) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// PIN is the four digits that a client shows and a person types at the host.
// It never prints. Convert it with string(p).
type PIN string

// String gives "redacted".
func (PIN) String() string { return redacted }

// Format gives "redacted" for every verb.
func (PIN) Format(state fmt.State, _ rune) { conceal(state) }

// MarshalText gives "redacted".
func (PIN) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// Valid tells whether the PIN is four ASCII digits.
func (p PIN) Valid() bool {
	if len(p) != 4 {
		return false
	}
	for _, digit := range []byte(p) {
		if digit < '0' || digit > '9' {
			return false
		}
	}
	return true
}

func conceal(state fmt.State) {
	_, _ = io.WriteString(state, redacted) // what a printer cannot write, it reports itself
}
