package enet

import "encoding/binary"

// The first two bytes of a datagram: flags, session id and the receiver's peer
// index (ENet protocol.h).
const (
	flagSentTime   = 0x8000
	flagCompressed = 0x4000
	sessionShift   = 12
	peerIDMask     = 0x0FFF
	noPeer         = 0x0FFF // the receiver has no index for us yet
)

// Commands: the low four bits of a command's first byte.
const (
	commandAcknowledge        = 1
	commandConnect            = 2
	commandVerify             = 3
	commandDisconnect         = 4
	commandPing               = 5
	commandReliable           = 6
	commandUnreliable         = 7
	commandFragment           = 8
	commandUnsequenced        = 9
	commandBandwidth          = 10
	commandThrottle           = 11
	commandUnreliableFragment = 12

	commandMask     = 0x0F
	flagAcknowledge = 0x80
	flagUnsequenced = 0x40
)

const (
	commandHeaderSize = 4 // command, channel, sequence number
	datagramHeader    = 4 // with the time, which acknowledgements need
	peerChannel       = 0xFF
	minimumMTU        = 576
	maximumMTU        = 4096
	maximumWindow     = 65536
	// maximumCommands is how many commands ENet puts into a datagram.
	maximumCommands = 32
)

// bodySizes are the fixed bytes after each command's header.
var bodySizes = [...]int{
	commandAcknowledge:        4,
	commandConnect:            44,
	commandVerify:             40,
	commandDisconnect:         4,
	commandPing:               0,
	commandReliable:           2,
	commandUnreliable:         4,
	commandFragment:           20,
	commandUnsequenced:        4,
	commandBandwidth:          8,
	commandThrottle:           12,
	commandUnreliableFragment: 20,
}

// header is the start of a datagram.
type header struct {
	peerID   uint16
	session  uint8
	timed    bool
	sentTime uint16 // the sender's clock in ms, if timed
}

// command is one command of a datagram, with slices into it.
type command struct {
	id       uint8
	flags    uint8 // flagAcknowledge, flagUnsequenced
	channel  uint8
	sequence uint16
	body     []byte
	payload  []byte
}

// word returns the body's 16-bit field at a byte offset.
func (c *command) word(at int) uint16 { return binary.BigEndian.Uint16(c.body[at:]) }

// parseDatagram splits a datagram into its header and commands, and checks all
// of these for form: afterwards nextCommand cannot fail on them.
func parseDatagram(data []byte) (header, []byte, error) {
	if len(data) < 2 {
		return header{}, nil, errShort
	}
	first := binary.BigEndian.Uint16(data)
	h := header{peerID: first & peerIDMask, session: uint8(first>>sessionShift) & 3, timed: first&flagSentTime != 0}
	if first&flagCompressed != 0 {
		return header{}, nil, errCompressed
	}
	rest := data[2:]
	if h.timed {
		if len(rest) < 2 {
			return header{}, nil, errShort
		}
		h.sentTime, rest = binary.BigEndian.Uint16(rest), rest[2:]
	}
	if len(rest) == 0 {
		return header{}, nil, errEmpty
	}
	for check := rest; len(check) > 0; {
		c, after, err := nextCommand(check)
		if err != nil {
			return header{}, nil, err
		}
		// An acknowledgement echoes the time, so asking for one needs it.
		if c.flags&flagAcknowledge != 0 && !h.timed {
			return header{}, nil, errCommand
		}
		check = after
	}
	return h, rest, nil
}

// nextCommand reads the first of the commands and returns what is after it.
func nextCommand(data []byte) (command, []byte, error) {
	if len(data) < commandHeaderSize {
		return command{}, nil, errShort
	}
	c := command{
		id:       data[0] & commandMask,
		flags:    data[0] &^ commandMask,
		channel:  data[1],
		sequence: binary.BigEndian.Uint16(data[2:]),
	}
	if c.id == 0 || int(c.id) >= len(bodySizes) {
		return command{}, nil, errCommand
	}
	data = data[commandHeaderSize:]
	size := bodySizes[c.id]
	if len(data) < size {
		return command{}, nil, errShort
	}
	c.body, data = data[:size], data[size:]
	length := 0
	switch c.id {
	case commandReliable:
		length = int(c.word(0))
	case commandUnreliable, commandUnsequenced, commandFragment, commandUnreliableFragment:
		length = int(c.word(2))
	}
	if len(data) < length {
		return command{}, nil, errShort
	}
	c.payload = data[:length]
	return c, data[length:], nil
}

// appendCommandHeader appends a command's first four bytes.
func appendCommandHeader(dst []byte, idAndFlags, channel uint8, sequence uint16) []byte {
	return binary.BigEndian.AppendUint16(append(dst, idAndFlags, channel), sequence)
}

// before says whether sequence number a is at or before b, on their circle.
func before(a, b uint16) bool { return int16(a-b) <= 0 }
