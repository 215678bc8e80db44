package control

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"sync/atomic"
)

// Role is an end of the control stream.
type Role int

// The two ends.
const (
	Client Role = iota + 1
	Host
)

// Version is how envelopes are numbered for the cipher.
type Version int

const (
	// V2 is used when bit 0 of x-ss-general.encryptionEnabled is set: a 12-byte
	// nonce of the whole sequence number and the direction.
	V2 Version = 2
	// Legacy is used otherwise: a 16-byte nonce of the low byte of the sequence
	// number only. Nonces repeat after 256 messages and are the same in both
	// directions, so it hides little and its sequence numbers prove nothing.
	Legacy Version = 1
)

const (
	envelopeType  = 0x0001
	tagSize       = 16
	headerSize    = 8           // type, length, sequence number
	innerSize     = 4           // type, payload length
	minimumLength = 4 + tagSize // what the length field counts besides the inner message

	// Overhead is how many bytes longer an envelope is than its payload.
	Overhead = headerSize + tagSize + innerSize
	// MaxPayload is the longest payload sealed or opened, in bytes. The real
	// client sends up to 256 with the inner header.
	MaxPayload = 1024
)

// Errors that callers tell apart.
var (
	// ErrMalformed: the envelope or its payload cannot be read.
	ErrMalformed = errors.New("malformed control message")
	// ErrAuthentication: the envelope was not sealed by the other end with this
	// key, or was changed on its way.
	ErrAuthentication = errors.New("control message fails authentication")
	// ErrReplayed: the envelope was opened before.
	ErrReplayed = errors.New("control message was replayed")
	// ErrTooOld: the envelope is older than the replay window, so whether it was
	// opened before is not known.
	ErrTooOld = errors.New("control message is older than the replay window")
	// ErrExhausted: all 2^32 sequence numbers are used; the session needs a new
	// key.
	ErrExhausted = errors.New("control sequence numbers are used up")
)

// nonces makes the cipher's nonces for one direction.
type nonces struct {
	aead  cipher.AEAD
	nonce []byte // kept, because a slice that is passed to an interface escapes
}

func newNonces(key [16]byte, from Role, version Version) (nonces, error) {
	block, err := aes.NewCipher(key[:])
	if err != nil {
		return nonces{}, fmt.Errorf("make the control cipher: %w", err)
	}
	if from != Client && from != Host {
		return nonces{}, fmt.Errorf("make the control cipher: role %d is neither client nor host", from)
	}
	n := nonces{}
	switch version {
	case V2:
		n.nonce = make([]byte, 12)
		n.nonce[10], n.nonce[11] = 'C', 'C'
		if from == Host {
			n.nonce[10] = 'H'
		}
		n.aead, err = cipher.NewGCM(block)
	case Legacy:
		n.nonce = make([]byte, 16)
		n.aead, err = cipher.NewGCMWithNonceSize(block, len(n.nonce))
	default:
		err = fmt.Errorf("version %d is neither V2 nor Legacy", version)
	}
	if err != nil {
		return nonces{}, fmt.Errorf("make the control cipher: %w", err)
	}
	return n, nil
}

// at returns the nonce of a sequence number; the next call overwrites it.
func (n *nonces) at(sequence uint32) []byte {
	if len(n.nonce) == 16 {
		n.nonce[0] = byte(sequence)
	} else {
		binary.LittleEndian.PutUint32(n.nonce, sequence)
	}
	return n.nonce
}

// Sealer makes envelopes in one direction. It is not safe for concurrent use.
type Sealer struct {
	nonces
	next uint64
}

// NewSealer makes a Sealer for messages from one end, with the session key that
// the client gave as rikey. A key must not be used by two Sealers of one role.
func NewSealer(key [16]byte, from Role, version Version) (*Sealer, error) {
	n, err := newNonces(key, from, version)
	if err != nil {
		return nil, err
	}
	return &Sealer{nonces: n}, nil
}

// Seal appends an envelope to dst, which may not overlap payload. It allocates
// nothing if dst has room for Overhead bytes more than the payload. The error
// is ErrExhausted, or ErrMalformed for a payload longer than MaxPayload.
func (s *Sealer) Seal(dst []byte, typ Type, payload []byte) ([]byte, error) {
	if len(payload) > MaxPayload {
		return dst, fmt.Errorf("seal control message %v of %d bytes, at most %d: %w", typ, len(payload), MaxPayload, ErrMalformed)
	}
	if s.next > math.MaxUint32 {
		return dst, ErrExhausted
	}
	sequence := uint32(s.next)
	s.next++

	start := len(dst)
	dst = binary.LittleEndian.AppendUint16(dst, envelopeType)
	dst = binary.LittleEndian.AppendUint16(dst, uint16(minimumLength+innerSize+len(payload)))
	dst = binary.LittleEndian.AppendUint32(dst, sequence)
	dst = append(dst, make([]byte, tagSize)...)
	inner := len(dst)
	dst = binary.LittleEndian.AppendUint16(dst, uint16(typ))
	dst = binary.LittleEndian.AppendUint16(dst, uint16(len(payload)))
	dst = append(dst, payload...)
	end := len(dst)
	// The cipher puts its tag behind the text, the wire has it in front.
	dst = append(dst, make([]byte, tagSize)...)
	s.aead.Seal(dst[inner:inner], s.at(sequence), dst[inner:end], nil)
	copy(dst[start+headerSize:], dst[end:])
	return dst[:end], nil
}

// Opener reads the envelopes of one direction. It is not safe for concurrent
// use, except Stats.
type Opener struct {
	nonces
	seen  window
	count struct{ opened, malformed, forged, replayed, tooOld atomic.Uint64 }
}

// OpenerStats counts what an Opener has met.
type OpenerStats struct {
	// Opened is how many messages were good; the others are how many were turned
	// down with the error of that name (Forged: ErrAuthentication).
	Opened, Malformed, Forged, Replayed, TooOld uint64
}

// NewOpener makes an Opener for messages sealed by the end from.
func NewOpener(key [16]byte, from Role, version Version) (*Opener, error) {
	n, err := newNonces(key, from, version)
	if err != nil {
		return nil, err
	}
	return &Opener{nonces: n}, nil
}

// Open reads one envelope, which must fill the datagram. The message is put
// into dst's memory, whatever it held, and allocates nothing if dst has a
// capacity of len(datagram); dst and datagram may not overlap. The error is
// one of ErrMalformed, ErrAuthentication, ErrReplayed and ErrTooOld.
func (o *Opener) Open(dst, datagram []byte) (Message, error) {
	message, err := o.open(dst, datagram)
	switch err {
	case nil:
		o.count.opened.Add(1)
	case ErrAuthentication:
		o.count.forged.Add(1)
	case ErrReplayed:
		o.count.replayed.Add(1)
	case ErrTooOld:
		o.count.tooOld.Add(1)
	default:
		o.count.malformed.Add(1)
	}
	return message, err
}

// Authentic reports whether datagram is an envelope of the other end that is
// newer than all that were opened. It uses dst as Open does, and neither counts
// nor remembers the envelope: Open takes it afterwards. With Legacy it also
// accepts replays, because that version does not authenticate the number.
func (o *Opener) Authentic(dst, datagram []byte) bool {
	if checkEnvelope(datagram) != nil {
		return false
	}
	sequence := binary.LittleEndian.Uint32(datagram[4:])
	if !o.seen.newest(sequence) {
		return false
	}
	_, err := o.decrypt(dst, datagram, sequence)
	return err == nil
}

// checkEnvelope checks the length and the first two fields.
func checkEnvelope(datagram []byte) error {
	if len(datagram) < Overhead || len(datagram) > Overhead+MaxPayload ||
		binary.LittleEndian.Uint16(datagram) != envelopeType ||
		int(binary.LittleEndian.Uint16(datagram[2:])) != len(datagram)-4 {
		return ErrMalformed
	}
	return nil
}

// decrypt returns the inner message in dst's memory.
func (o *Opener) decrypt(dst, datagram []byte, sequence uint32) ([]byte, error) {
	dst = append(dst[:0], datagram[headerSize+tagSize:]...)
	dst = append(dst, datagram[headerSize:headerSize+tagSize]...)
	return o.aead.Open(dst[:0], o.at(sequence), dst, nil)
}

func (o *Opener) open(dst, datagram []byte) (Message, error) {
	if err := checkEnvelope(datagram); err != nil {
		return Message{}, err
	}
	sequence := binary.LittleEndian.Uint32(datagram[4:])
	if err := o.seen.check(sequence); err != nil {
		return Message{}, err
	}
	inner, err := o.decrypt(dst, datagram, sequence)
	if err != nil {
		return Message{}, ErrAuthentication
	}
	// From here on the other end is known to have sent it, well formed or not.
	o.seen.add(sequence)
	if int(binary.LittleEndian.Uint16(inner[2:])) != len(inner)-innerSize {
		return Message{}, ErrMalformed
	}
	return Message{Type: Type(binary.LittleEndian.Uint16(inner)), Payload: inner[innerSize:]}, nil
}

// Stats returns the counters. Any goroutine may call it.
func (o *Opener) Stats() OpenerStats {
	return OpenerStats{
		Opened:    o.count.opened.Load(),
		Malformed: o.count.malformed.Load(),
		Forged:    o.count.forged.Load(),
		Replayed:  o.count.replayed.Load(),
		TooOld:    o.count.tooOld.Load(),
	}
}
