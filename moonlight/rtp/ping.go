package rtp

import "fmt"

// PingSize is the length in bytes of a ping with a payload.
const PingSize = 20

// legacyPing is what clients send that were given no payload.
const legacyPing = "PING"

// Ping is a client's datagram that shows the address of a media stream
// (moonlight-common-c VideoStream.c, AudioStream.c, SS_PING).
type Ping struct {
	// Payload is that of X-SS-Ping-Payload.
	Payload [16]byte
	// Counter rises by one with every ping from 1.
	Counter uint32
	// Legacy is set for a ping without payload and counter.
	Legacy bool
}

// ParsePing reads a ping; anything else is ErrMalformed.
func ParsePing(p []byte) (Ping, error) {
	if string(p) == legacyPing {
		return Ping{Legacy: true}, nil
	}
	if len(p) != PingSize {
		return Ping{}, fmt.Errorf("%w: ping of %d bytes", ErrMalformed, len(p))
	}
	return Ping{Payload: [16]byte(p[:16]), Counter: be.Uint32(p[16:])}, nil
}

// Append encodes the ping after dst.
func (p Ping) Append(dst []byte) []byte {
	if p.Legacy {
		return append(dst, legacyPing...)
	}
	return be.AppendUint32(append(dst, p.Payload[:]...), p.Counter)
}
