package rtsp

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// Names of headers, spelled as clients look for them.
const (
	// HeaderCSeq numbers requests from 1; an answer repeats its request's.
	HeaderCSeq = "CSeq"
	// HeaderClientVersion is 14 for every client of today.
	HeaderClientVersion = "X-GS-ClientVersion"
	// HeaderHost is an address without a port; see Request.LowQualityAudio.
	HeaderHost = "Host"
	// HeaderContentLength is the length of a request's payload in bytes. Clients
	// need none in answers.
	HeaderContentLength = "Content-length"
	// HeaderContentType is application/sdp where there is a payload.
	HeaderContentType = "Content-type"
	// HeaderSession is given by the host with SETUP and echoed by the client.
	HeaderSession = "Session"
	// HeaderTransport carries ports.
	HeaderTransport = "Transport"
	// HeaderPingPayload is what the client's UDP pings of a stream will say.
	HeaderPingPayload = "X-SS-Ping-Payload"
	// HeaderConnectData is the number that the client's ENet connect will carry.
	HeaderConnectData = "X-SS-Connect-Data"
)

// Stream is what a SETUP sets up.
type Stream uint8

// The streams, in the order in which clients set them up.
const (
	StreamNone Stream = iota
	StreamAudio
	StreamVideo
	StreamControl
)

// String returns audio, video, control or none.
func (s Stream) String() string {
	switch s {
	case StreamAudio:
		return "audio"
	case StreamVideo:
		return "video"
	case StreamControl:
		return "control"
	}
	return "none"
}

// Target returns what a client of host version 7.1.431 asks SETUP for; ANNOUNCE
// has the one of StreamControl.
func (s Stream) Target() string {
	if s == StreamControl {
		return "streamid=control/13/0"
	}
	return "streamid=" + s.String() + "/0/0"
}

// StreamOf returns the stream that a target such as streamid=video/0/0 names, or
// StreamNone. Older clients send fewer numbers, so they are not looked at.
func StreamOf(target string) Stream {
	name, ok := strings.CutPrefix(target, "streamid=")
	if !ok {
		return StreamNone
	}
	name, _, _ = strings.Cut(name, "/")
	for s := StreamAudio; s <= StreamControl; s++ {
		if name == s.String() {
			return s
		}
	}
	return StreamNone
}

// FormatTransport returns the Transport header of a SETUP answer: the UDP port
// of the host to which the client shall send.
func FormatTransport(serverPort uint16) string {
	return "server_port=" + strconv.Itoa(int(serverPort))
}

// ParseTransport returns the port out of the Transport header of an answer. Like
// the client it looks for server_port= anywhere and takes the digits after it.
func ParseTransport(value string) (serverPort uint16, err error) {
	_, rest, found := strings.Cut(value, "server_port=")
	end := 0
	for end < len(rest) && rest[end] >= '0' && rest[end] <= '9' {
		end++
	}
	port, err := strconv.ParseUint(rest[:end], 10, 16)
	if !found || err != nil || port == 0 {
		return 0, fmt.Errorf("%w: transport header %q names no server_port", ErrMalformed, shorten(value))
	}
	return uint16(port), nil
}

// FormatSession returns the Session header of a SETUP answer. The id must not be
// empty nor hold a semicolon; timeout is told in whole seconds, if above 0.
func FormatSession(id string, timeout time.Duration) string {
	if timeout < time.Second {
		return id
	}
	return id + ";timeout = " + strconv.Itoa(int(timeout/time.Second))
}

// ParseSession returns the id out of a Session header.
func ParseSession(value string) (id string, err error) {
	id, _, _ = strings.Cut(value, ";")
	if id == "" {
		return "", fmt.Errorf("%w: session header %q names no session", ErrMalformed, shorten(value))
	}
	return id, nil
}

// PingPayload is what a client puts into its UDP pings, so that the host knows
// whose address it has found: 16 characters.
type PingPayload [16]byte

// NewPingPayload returns 16 random hexadecimal digits.
func NewPingPayload() PingPayload {
	var random [8]byte
	rand.Read(random[:])
	var p PingPayload
	hex.Encode(p[:], random[:])
	return p
}

// String returns the 16 characters.
func (p PingPayload) String() string { return string(p[:]) }

// ParsePingPayload reads an X-SS-Ping-Payload header. Clients take one that has
// not exactly 16 characters as absent and send the four bytes PING instead.
func ParsePingPayload(value string) (PingPayload, error) {
	var p PingPayload
	if copy(p[:], value) != len(p) || len(value) != len(p) {
		return p, fmt.Errorf("%w: ping payload %q has %d characters, not 16", ErrMalformed, shorten(value), len(value))
	}
	return p, nil
}

// FormatConnectData returns an X-SS-Connect-Data header.
func FormatConnectData(data uint32) string { return strconv.FormatUint(uint64(data), 10) }

// ParseConnectData reads an X-SS-Connect-Data header, decimal or with 0x.
func ParseConnectData(value string) (uint32, error) {
	data, err := strconv.ParseUint(value, 0, 32)
	if err != nil {
		return 0, fmt.Errorf("%w: connect data %q is no number of 32 bits", ErrMalformed, shorten(value))
	}
	return uint32(data), nil
}

// Address returns the session address that a launch tells the client: rtspenc://
// if encrypted, which only clients with a core version of 1 or more understand.
func Address(host netip.AddrPort, encrypted bool) string {
	scheme := "rtsp"
	if encrypted {
		scheme = "rtspenc"
	}
	return scheme + "://" + netip.AddrPortFrom(host.Addr().Unmap().WithZone(""), host.Port()).String()
}

// shorten keeps what a peer sent short enough for an error.
func shorten(s string) string {
	const limit = 64
	if len(s) <= limit {
		return s
	}
	return s[:limit] + "..."
}
