package rtsp

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
)

const (
	protocol  = "RTSP/1.0"
	maxFields = 64
	headEnd   = "\r\n\r\n"
)

// ParseRequest reads a whole request, as a Server does. Without a Content-length
// everything after the headers is payload; with one, at least so much must be
// there, and what follows is dropped. The payload is part of message.
func ParseRequest(message []byte) (*Request, error) {
	start, header, rest, err := split(message)
	if err != nil {
		return nil, err
	}
	words := strings.Split(start, " ")
	if len(words) != 3 || words[2] != protocol || !isToken(words[0]) || words[1] == "" {
		return nil, fmt.Errorf("%w: %q is no request line", ErrMalformed, shorten(start))
	}
	length, given, err := contentLength(header)
	if err != nil {
		return nil, err
	}
	if given {
		if length > len(rest) {
			return nil, fmt.Errorf("%w: %d bytes of payload where %d were announced", ErrMalformed, len(rest), length)
		}
		rest = rest[:length]
	}
	return &Request{Method: words[0], Target: words[1], Header: header, Payload: rest}, nil
}

// ParseResponse reads a whole answer. All after the headers is payload, which is
// part of message; a Content-length is not looked at, as in the client.
func ParseResponse(message []byte) (*Response, error) {
	start, header, rest, err := split(message)
	if err != nil {
		return nil, err
	}
	words := strings.SplitN(start, " ", 3)
	if len(words) != 3 || words[0] != protocol || words[2] == "" {
		return nil, fmt.Errorf("%w: %q is no status line", ErrMalformed, shorten(start))
	}
	status, err := strconv.ParseUint(words[1], 10, 16)
	if err != nil || len(words[1]) != 3 {
		return nil, fmt.Errorf("%w: %q is no status", ErrMalformed, shorten(words[1]))
	}
	if len(header) == 0 {
		return nil, fmt.Errorf("%w: an answer without any header", ErrMalformed)
	}
	return &Response{Status: int(status), Reason: words[2], Header: header, Payload: rest}, nil
}

// split takes a message apart into its first line, its header and the rest.
func split(message []byte) (start string, header Header, rest []byte, err error) {
	head, rest, found := bytes.Cut(message, []byte(headEnd))
	if !found {
		return "", nil, nil, fmt.Errorf("%w: the headers do not end", ErrMalformed)
	}
	if bytes.IndexByte(head, 0) >= 0 {
		return "", nil, nil, fmt.Errorf("%w: NUL among the headers", ErrMalformed)
	}
	if bytes.Count(head, []byte("\r\n")) > maxFields {
		return "", nil, nil, fmt.Errorf("%w: more than %d headers", ErrTooLarge, maxFields)
	}
	lines := strings.Split(string(head), "\r\n")
	for _, line := range lines[1:] {
		name, value, found := strings.Cut(line, ":")
		value = strings.Trim(value, " \t")
		if !found || !isToken(name) || !isText(value) {
			return "", nil, nil, fmt.Errorf("%w: %q is no header", ErrMalformed, shorten(line))
		}
		header = append(header, Field{name, value})
	}
	if !isText(lines[0]) {
		return "", nil, nil, fmt.Errorf("%w: %q begins no message", ErrMalformed, shorten(lines[0]))
	}
	return lines[0], header, rest, nil
}

// contentLength returns the payload length that a header names, if it does.
func contentLength(header Header) (length int, given bool, err error) {
	text := header.Get(HeaderContentLength)
	if text == "" {
		return 0, false, nil
	}
	n, err := strconv.ParseUint(text, 10, 31)
	if err != nil {
		return 0, false, fmt.Errorf("%w: content length %q", ErrMalformed, shorten(text))
	}
	return int(n), true, nil
}

// isToken tells whether s is a method or the name of a header.
func isToken(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] >= 0x7f || s[i] == ':' {
			return false
		}
	}
	return s != ""
}

// isText tells whether s stays within its line.
func isText(s string) bool { return !strings.ContainsAny(s, "\r\n\x00") }
