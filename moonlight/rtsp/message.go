package rtsp

import (
	"net/netip"
	"net/url"
	"strings"
)

// Methods that clients use, in the order of a handshake.
const (
	MethodOptions  = "OPTIONS"
	MethodDescribe = "DESCRIBE"
	MethodSetup    = "SETUP"
	MethodAnnounce = "ANNOUNCE"
	MethodPlay     = "PLAY"
)

// Status codes of answers. Clients show any other than StatusOK to their user,
// with its number.
const (
	StatusOK                 = 200
	StatusBadRequest         = 400
	StatusUnauthorized       = 401
	StatusForbidden          = 403
	StatusNotFound           = 404
	StatusInternalError      = 500
	StatusNotImplemented     = 501
	StatusServiceUnavailable = 503
)

// reasons are the texts that go with the codes when a Response has none.
var reasons = map[int]string{
	StatusOK:                 "OK",
	StatusBadRequest:         "Bad Request",
	StatusUnauthorized:       "Unauthorized",
	StatusForbidden:          "Forbidden",
	StatusNotFound:           "Not Found",
	StatusInternalError:      "Internal Server Error",
	StatusNotImplemented:     "Not Implemented",
	StatusServiceUnavailable: "Service Unavailable",
}

// A Field is one header line.
type Field struct {
	Name, Value string
}

// Header holds the header lines of a message in the order of the wire. Clients
// match the names in answers with regard to case: use the names of this package.
type Header []Field

// Get returns the value of the first field of that name, in any case, or "".
func (h Header) Get(name string) string {
	for _, f := range h {
		if strings.EqualFold(f.Name, name) {
			return f.Value
		}
	}
	return ""
}

// Add appends a field.
func (h *Header) Add(name, value string) { *h = append(*h, Field{name, value}) }

// Set replaces the first field of that name, or appends one.
func (h *Header) Set(name, value string) {
	for i, f := range *h {
		if strings.EqualFold(f.Name, name) {
			(*h)[i] = Field{name, value}
			return
		}
	}
	*h = append(*h, Field{name, value})
}

// Request is a message from the client to the host.
type Request struct {
	Method string
	// Target is an address (rtsp://0.0.0.0:48010) for OPTIONS and DESCRIBE, a
	// stream (streamid=audio/0/0) for SETUP and ANNOUNCE, "/" for PLAY.
	Target  string
	Header  Header
	Payload []byte

	// Candidate is the ID of the key that opened the request; "" if it came in
	// the clear. Only a Server sets it, as it does the addresses.
	Candidate string
	// RemoteAddr is the client's end of the connection, LocalAddr the host's.
	RemoteAddr, LocalAddr netip.AddrPort
}

// LowQualityAudio tells whether the client asks for stereo at a low bit rate,
// which it does by the address 0.0.0.0 in place of the host's (RtspConnection.c:
// below 15 Mbit/s, with a slow decoder, or surround over the internet).
func (r *Request) LowQualityAudio() bool {
	if r.Header.Get(HeaderHost) == "0.0.0.0" {
		return true
	}
	u, err := url.Parse(r.Target)
	return err == nil && u.Hostname() == "0.0.0.0"
}

// Response is a message from the host to the client.
type Response struct {
	// Status is one of the Status constants, or another number of three digits.
	Status int
	// Reason is the text after the number; if empty, one that fits the number is
	// written, since clients cannot read a status line without.
	Reason string
	Header Header
	// Payload must not hold NUL bytes.
	Payload []byte
}

// NewResponse returns an answer without headers and payload. A Server adds the
// number of the request.
func NewResponse(status int) *Response { return &Response{Status: status} }
