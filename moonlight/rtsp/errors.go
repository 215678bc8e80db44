package rtsp

import (
	"errors"
	"fmt"
)

var (
	// ErrMalformed is wrapped by errors about a message or header that does not
	// follow the protocol.
	ErrMalformed = errors.New("malformed rtsp message")
	// ErrTooLarge is wrapped by errors about a message beyond the limit of its reader.
	ErrTooLarge = errors.New("rtsp message too large")
	// ErrNotDecrypted means that no key opens the message.
	ErrNotDecrypted = errors.New("rtsp message not decrypted")
	// ErrReplay means that a key opens the message, but that a message of its
	// sequence number or a later one was there before.
	ErrReplay = errors.New("rtsp message sent again")
)

// AttributeError says which attribute of a session description has a value that
// cannot be used. It wraps ErrMalformed.
type AttributeError struct {
	// Name is the attribute as on the wire, such as x-nv-video[0].maxFPS.
	Name string
	// Value is what the peer sent, shortened; "" if the attribute is missing.
	Value string
	// Reason says what would have been right.
	Reason string
}

// Error names the attribute and the value.
func (e *AttributeError) Error() string {
	if e.Value == "" {
		return fmt.Sprintf("session description: attribute %s: %s", e.Name, e.Reason)
	}
	return fmt.Sprintf("session description: attribute %s: %q: %s", e.Name, e.Value, e.Reason)
}

// Unwrap returns ErrMalformed.
func (e *AttributeError) Unwrap() error { return ErrMalformed }

// StatusError is an answer other than 200, as an error of the client role.
type StatusError struct {
	Method string
	Status int
	Reason string
}

// Error says what was asked and what the host answered.
func (e *StatusError) Error() string {
	return fmt.Sprintf("rtsp %s: the host answered %d %s", e.Method, e.Status, e.Reason)
}
