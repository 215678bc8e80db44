package evidence

import (
	"errors"
	"fmt"
	"net/http"
)

// ErrorKind is one of a closed set of reasons, with one mapping to the status
// of a GameStream answer, of an API answer, and to a program's exit code.
type ErrorKind int

// The kinds of errors.
const (
	// Internal: a fault of ours, or one that nobody foresaw.
	Internal ErrorKind = iota
	// Invalid: the request or the configuration is wrong.
	Invalid
	// Unauthorized: the caller is not paired or not allowed.
	Unauthorized
	// Full: a limit is reached; later it may work.
	Full
	// NotFound: the thing does not exist.
	NotFound
	// Conflict: the thing exists already or is in another state.
	Conflict
	// Unavailable: something that is needed is missing or not ready.
	Unavailable
	// Deadline: it took too long.
	Deadline
)

var kinds = [...]struct {
	name string
	xml  int
	http int
	exit int
}{
	Internal:     {"internal", 500, http.StatusInternalServerError, 1},
	Invalid:      {"invalid", 400, http.StatusBadRequest, 2},
	Unauthorized: {"unauthorized", 401, http.StatusUnauthorized, 3},
	Full:         {"full", 503, http.StatusServiceUnavailable, 4},
	NotFound:     {"not-found", 404, http.StatusNotFound, 5},
	Conflict:     {"conflict", 400, http.StatusConflict, 6},
	Unavailable:  {"unavailable", 503, http.StatusServiceUnavailable, 7},
	Deadline:     {"deadline", 503, http.StatusGatewayTimeout, 8},
}

// String is the kind's name in the API.
func (k ErrorKind) String() string { return kinds[k.index()].name }

// XMLStatus is the status_code of a GameStream answer. Its HTTP status is
// always 200, or clients lose the message.
func (k ErrorKind) XMLStatus() int { return kinds[k.index()].xml }

// HTTPStatus is the status of an API answer.
func (k ErrorKind) HTTPStatus() int { return kinds[k.index()].http }

// ExitCode is the exit status of a kennel command that fails this way.
func (k ErrorKind) ExitCode() int { return kinds[k.index()].exit }

func (k ErrorKind) index() int {
	if k < 0 || int(k) >= len(kinds) {
		return int(Internal)
	}
	return int(k)
}

// ParseErrorKind returns the kind of that name, Internal for an unknown one.
func ParseErrorKind(name string) ErrorKind {
	for k := range kinds {
		if kinds[k].name == name {
			return ErrorKind(k)
		}
	}
	return Internal
}

// Error is an error with a kind, a message for people, and optionally the
// fault of the catalogue behind it. The message says what was tried, on what,
// and what to do about it.
type Error struct {
	Kind    ErrorKind
	Fault   FaultID
	Message string
	Err     error
}

// Error returns the message and the cause.
func (e *Error) Error() string {
	if e.Err == nil {
		return e.Message
	}
	if e.Message == "" {
		return e.Err.Error()
	}
	return e.Message + ": " + e.Err.Error()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Errorf makes an Error of a kind. A %w in the format keeps its cause.
func Errorf(kind ErrorKind, format string, args ...any) *Error {
	err := fmt.Errorf(format, args...)
	if errors.Unwrap(err) == nil {
		return &Error{Kind: kind, Message: err.Error()}
	}
	// The cause is part of the text already; keep it reachable without repeating it.
	return &Error{Kind: kind, Err: err}
}

// WithFault names the fault of the catalogue behind the error.
func (e *Error) WithFault(id FaultID) *Error {
	e.Fault = id
	return e
}

// KindOf returns the kind of the first Error in err's chain, Internal when
// there is none.
func KindOf(err error) ErrorKind {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Kind
	}
	return Internal
}

// FaultOf returns the fault of the first Error in err's chain that names one.
func FaultOf(err error) FaultID {
	for err != nil {
		e, ok := errors.AsType[*Error](err)
		if !ok {
			return ""
		}
		if e.Fault != "" {
			return e.Fault
		}
		err = e.Err
	}
	return ""
}
