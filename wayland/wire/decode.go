package wire

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
)

// Errors of a Decoder, wrapped with what was being decoded.
var (
	ErrTruncated = errors.New("message is shorter than its arguments")
	ErrTrailing  = errors.New("message is longer than its arguments")
	ErrString    = errors.New("string has no terminator or holds a zero byte")
	ErrNull      = errors.New("argument must not be null")
	ErrNoFD      = errors.New("a file descriptor is missing")
)

// Decoder reads the arguments of one message. The first error sticks: later
// reads return zero values, so that callers look at Err once.
type Decoder struct {
	rest []byte
	fds  *FDQueue
	err  error
}

// Reset starts to decode body, whose descriptors are the next of fds.
// Strings are copied, arrays alias body.
func (d *Decoder) Reset(body []byte, fds *FDQueue) { *d = Decoder{rest: body, fds: fds} }

// Err returns the first error.
func (d *Decoder) Err() error { return d.err }

// Finish returns the first error, or ErrTrailing when arguments are left.
func (d *Decoder) Finish() error {
	if d.err == nil && len(d.rest) > 0 {
		d.err = fmt.Errorf("%d bytes: %w", len(d.rest), ErrTrailing)
	}
	return d.err
}

func (d *Decoder) fail(err error) {
	if d.err == nil {
		d.err = err
		d.rest = nil
	}
}

// Uint reads an unsigned integer; object ids are such too.
func (d *Decoder) Uint() uint32 {
	if len(d.rest) < 4 {
		d.fail(ErrTruncated)
		return 0
	}
	v := binary.NativeEndian.Uint32(d.rest)
	d.rest = d.rest[4:]
	return v
}

// Int reads a signed integer.
func (d *Decoder) Int() int32 { return int32(d.Uint()) }

// Fixed reads a fixed-point number.
func (d *Decoder) Fixed() Fixed { return Fixed(d.Uint()) }

// Array reads an array of bytes, which aliases the message.
func (d *Decoder) Array() []byte {
	size := d.Uint()
	if d.err != nil {
		return nil
	}
	padded := (uint64(size) + 3) &^ 3
	if padded > uint64(len(d.rest)) {
		d.fail(ErrTruncated)
		return nil
	}
	v := d.rest[:size:size]
	d.rest = d.rest[padded:]
	return v
}

// text reads a string with its terminator; ok is false for null.
func (d *Decoder) text() (s string, ok bool) {
	b := d.Array()
	if d.err != nil || len(b) == 0 {
		return "", false
	}
	end := len(b) - 1
	if bytes.IndexByte(b, 0) != end {
		d.fail(ErrString)
		return "", false
	}
	return string(b[:end]), true
}

// String reads a string that must not be null.
func (d *Decoder) String() string {
	s, ok := d.text()
	if !ok {
		d.fail(ErrNull)
	}
	return s
}

// NullableString reads a string, nil for null.
func (d *Decoder) NullableString() *string {
	s, ok := d.text()
	if !ok {
		return nil
	}
	return &s
}

// FD takes the next descriptor, which then is the caller's to close; -1 after
// an error.
func (d *Decoder) FD() int {
	if d.err != nil {
		return -1
	}
	fd, ok := d.fds.Pop()
	if !ok {
		d.fail(ErrNoFD)
		return -1
	}
	return fd
}
