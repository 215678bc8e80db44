package rtsp

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
)

// AppendRequest appends a request as the client writes it. A Content-length is
// added if there is a payload and none is given.
func AppendRequest(b []byte, r *Request) ([]byte, error) {
	if !isToken(r.Method) || r.Target == "" || strings.ContainsAny(r.Target, " \r\n\x00") {
		return b, fmt.Errorf("%w: cannot write the request line %q %q", ErrMalformed, shorten(r.Method), shorten(r.Target))
	}
	header := r.Header
	if len(r.Payload) > 0 && header.Get(HeaderContentLength) == "" {
		header = append(header[:len(header):len(header)], Field{HeaderContentLength, strconv.Itoa(len(r.Payload))})
	}
	return appendMessage(b, r.Method+" "+r.Target+" "+protocol, header, r.Payload)
}

// AppendResponse appends an answer that the client's parser understands, or says
// why it would not.
func AppendResponse(b []byte, r *Response) ([]byte, error) {
	if r.Status < 100 || r.Status > 999 {
		return b, fmt.Errorf("%w: cannot write status %d", ErrMalformed, r.Status)
	}
	reason := r.Reason
	if reason == "" {
		reason = reasons[r.Status]
	}
	if reason == "" {
		reason = "Status"
	}
	if !isText(reason) {
		return b, fmt.Errorf("%w: cannot write the reason %q", ErrMalformed, shorten(reason))
	}
	return appendMessage(b, protocol+" "+strconv.Itoa(r.Status)+" "+reason, r.Header, r.Payload)
}

// appendMessage holds to what the tokenizer of RtspParser.c can cut up: some
// header, values that are not empty and have no space before them, no NUL.
func appendMessage(b []byte, start string, header Header, payload []byte) ([]byte, error) {
	if len(header) == 0 || len(header) > maxFields {
		return b, fmt.Errorf("%w: cannot write %d headers, only 1 to %d", ErrMalformed, len(header), maxFields)
	}
	if bytes.IndexByte(payload, 0) >= 0 {
		return b, fmt.Errorf("%w: cannot write a payload with a NUL", ErrMalformed)
	}
	for _, f := range header {
		if !isToken(f.Name) || f.Value == "" || !isText(f.Value) || strings.Trim(f.Value, " \t") != f.Value {
			return b, fmt.Errorf("%w: cannot write the header %q: %q", ErrMalformed, shorten(f.Name), shorten(f.Value))
		}
	}
	b = append(append(b, start...), "\r\n"...)
	for _, f := range header {
		b = append(append(b, f.Name...), ": "...)
		b = append(append(b, f.Value...), "\r\n"...)
	}
	b = append(b, "\r\n"...)
	return append(b, payload...), nil
}
