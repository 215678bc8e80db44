package gamestream

import (
	"errors"
	"fmt"
)

// Errors that a caller branches on.
var (
	// ErrNotPaired: the host does not know this client's certificate, or the
	// client knows no host certificate yet.
	ErrNotPaired = errors.New("not paired with this host")
	// ErrWrongPIN: the PIN typed at the host is not the one given to Pair.
	ErrWrongPIN = errors.New("the PIN typed at the host is not the client's")
	// ErrAlreadyPairing: the host still waits for the PIN of another attempt.
	ErrAlreadyPairing = errors.New("the host is already pairing with this client")
	// ErrPairingRefused: the host ended the pairing without a reason.
	ErrPairingRefused = errors.New("the host refused to pair")
	// ErrHostSignature: the host could not prove that it owns the certificate
	// that it sent; somebody may sit between client and host.
	ErrHostSignature = errors.New("the host does not own the certificate it sent")
	// ErrHostCertificate: the host showed another certificate over TLS than the
	// pinned one.
	ErrHostCertificate = errors.New("the host's certificate is not the pinned one")
	// ErrMalformed: the peer's answer is not what the protocol asks for.
	ErrMalformed = errors.New("malformed answer")
)

// Status codes that hosts put into the XML root.
const (
	StatusOK            = 200
	StatusBadRequest    = 400
	StatusUnauthorized  = 401
	StatusForbidden     = 403
	StatusNotFound      = 404
	StatusInternal      = 500
	StatusNotAvailable  = 503
	unauthorizedMessage = "The client is not authorized. Certificate verification failed."
)

// StatusError is the status_code and status_message of an answer that is not
// 200. A Backend returns one to choose what the user reads; the client returns
// one for whatever the host sent.
type StatusError struct {
	Code    int
	Message string
}

// Error gives message and code.
func (e *StatusError) Error() string {
	return fmt.Sprintf("the host answered %d: %s", e.Code, e.Message)
}

// Is makes a 401 match ErrNotPaired.
func (e *StatusError) Is(target error) bool {
	return target == ErrNotPaired && e.Code == StatusUnauthorized
}
