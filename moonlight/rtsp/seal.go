package rtsp

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"fmt"
)

// An encrypted message is BE32 0x80000000|length, BE32 sequence, the GCM tag and
// the ciphertext (RtspConnection.c, encrypted RTSP header).
const (
	frameHeaderSize = 24
	tagSize         = 16
	encryptedFlag   = 0x80000000
)

// Side says who sent a message; it is part of the nonce, so that both sides may
// count from 1 under one key.
type Side byte

// The two sides of a connection.
const (
	FromClient Side = 'C'
	FromHost   Side = 'H'
)

// Frame is the head of an encrypted message.
type Frame struct {
	// Length counts the bytes that follow the 24 bytes of the head.
	Length uint32
	// Sequence must not repeat for a side under a key.
	Sequence uint32
	tag      [tagSize]byte
}

// IsEncrypted tells by the first byte of a message whether a Frame begins with
// it. No method begins with a byte above 127.
func IsEncrypted(first byte) bool { return first&0x80 != 0 }

// ParseFrame reads the 24 bytes of a head. The length is what the peer claims;
// bound it before use.
func ParseFrame(head []byte) (Frame, error) {
	if len(head) < frameHeaderSize || !IsEncrypted(head[0]) {
		return Frame{}, fmt.Errorf("%w: no head of an encrypted message", ErrMalformed)
	}
	f := Frame{
		Length:   binary.BigEndian.Uint32(head) &^ encryptedFlag,
		Sequence: binary.BigEndian.Uint32(head[4:]),
	}
	copy(f.tag[:], head[8:])
	return f, nil
}

// Seal appends message, encrypted and with its head, to b. Nothing may ever be
// sealed again with the same key, side and sequence.
func Seal(b []byte, key [16]byte, from Side, sequence uint32, message []byte) ([]byte, error) {
	if uint64(len(message)) >= encryptedFlag {
		return b, fmt.Errorf("%w: cannot seal %d bytes", ErrTooLarge, len(message))
	}
	aead, err := newGCM(key)
	if err != nil {
		return b, err
	}
	nonce := nonceOf(from, sequence)
	sealed := aead.Seal(nil, nonce[:], message, nil)
	text, tag := sealed[:len(message)], sealed[len(message):]
	b = binary.BigEndian.AppendUint32(b, encryptedFlag|uint32(len(message)))
	b = binary.BigEndian.AppendUint32(b, sequence)
	b = append(b, tag...)
	return append(b, text...), nil
}

// Open returns the message whose head is f and whose ciphertext is text, or
// ErrNotDecrypted.
func (f Frame) Open(key [16]byte, from Side, text []byte) ([]byte, error) {
	aead, err := newGCM(key)
	if err != nil {
		return nil, err
	}
	nonce := nonceOf(from, f.Sequence)
	sealed := make([]byte, 0, len(text)+tagSize)
	sealed = append(append(sealed, text...), f.tag[:]...)
	message, err := aead.Open(sealed[:0], nonce[:], sealed, nil)
	if err != nil {
		return nil, ErrNotDecrypted
	}
	return message, nil
}

// nonceOf has the sequence in little-endian order, unlike the head.
func nonceOf(from Side, sequence uint32) [12]byte {
	var nonce [12]byte
	binary.LittleEndian.PutUint32(nonce[:], sequence)
	nonce[10] = byte(from)
	nonce[11] = 'R'
	return nonce
}

func newGCM(key [16]byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key[:])
	if err != nil {
		return nil, fmt.Errorf("rtsp key: %w", err)
	}
	return cipher.NewGCM(block)
}
