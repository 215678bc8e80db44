package client

import (
	"errors"
	"fmt"
)

// ErrClosed means that the compositor closed the connection, or died.
var ErrClosed = errors.New("the compositor closed the wayland connection")

// ProtocolError is the compositor's last word to a client that broke the
// protocol (wayland.xml wl_display.error). The connection is over.
type ProtocolError struct {
	// Object is the id of the object that the error is about, and Interface
	// what it is or was, "" when the id is unknown.
	Object    uint32
	Interface string
	// Code is one of the interface's error enum.
	Code uint32
	// Message is for people.
	Message string
}

// Error says what the compositor said.
func (e *ProtocolError) Error() string {
	name := e.Interface
	if name == "" {
		name = "unknown object"
	}
	return fmt.Sprintf("wayland protocol error %d on %s#%d: %s", e.Code, name, e.Object, e.Message)
}
