package enet

import "encoding/binary"

// The throttle numbers that ENet clients ask for; a host must echo whatever it
// is given. They have no effect here.
const (
	throttleInterval     = 5000
	throttleAcceleration = 2
	throttleDeceleration = 2
)

// unsetSession stands for a session id in the first request of a client.
const unsetSession = 0xFF

// handshake is the body of CONNECT and of VERIFY_CONNECT, which lacks data.
type handshake struct {
	peerID                               uint16 // the sender's index for this connection
	incomingSession, outgoingSession     uint8
	mtu, window, channels                uint32
	incomingBandwidth                    uint32
	outgoingBandwidth                    uint32
	interval, acceleration, deceleration uint32 // packet throttle
	connectID                            uint32 // opaque; echoed bit by bit
	data                                 uint32
}

// appendConnect appends the body of CONNECT.
func (s *handshake) appendConnect(dst []byte) []byte {
	return binary.BigEndian.AppendUint32(s.appendVerify(dst), s.data)
}

// appendVerify appends the body of VERIFY_CONNECT.
func (s *handshake) appendVerify(dst []byte) []byte {
	dst = binary.BigEndian.AppendUint16(dst, s.peerID)
	dst = append(dst, s.incomingSession, s.outgoingSession)
	for _, v := range [...]uint32{
		s.mtu, s.window, s.channels, s.incomingBandwidth, s.outgoingBandwidth,
		s.interval, s.acceleration, s.deceleration, s.connectID,
	} {
		dst = binary.BigEndian.AppendUint32(dst, v)
	}
	return dst
}

// parseHandshake reads either body, which has been checked for its length.
func parseHandshake(body []byte) handshake {
	long := func(i int) uint32 { return binary.BigEndian.Uint32(body[4+4*i:]) }
	s := handshake{
		peerID:            binary.BigEndian.Uint16(body),
		incomingSession:   body[2],
		outgoingSession:   body[3],
		mtu:               long(0),
		window:            long(1),
		channels:          long(2),
		incomingBandwidth: long(3),
		outgoingBandwidth: long(4),
		interval:          long(5),
		acceleration:      long(6),
		deceleration:      long(7),
		connectID:         long(8),
	}
	if len(body) == bodySizes[commandConnect] {
		s.data = long(9)
	}
	return s
}

// nextSession chooses the session id of a new connection: the one after what
// the client had, and not what this place in the table had before, so that
// datagrams of the connection before fit neither.
func nextSession(asked, previous uint8) uint8 {
	if asked == unsetSession {
		asked = previous
	}
	next := (asked + 1) & 3
	if next == previous {
		next = (next + 1) & 3
	}
	return next
}
