package rtp

import (
	"crypto/aes"
	"crypto/cipher"
	"errors"
	"fmt"
	"time"
)

// The wire format of audio (moonlight-protocol section 7; moonlight-common-c
// AudioStream.c, RtpAudioQueue.c).
const (
	audioHeader    = 12 // RTP
	audioFECHeader = 12 // after the RTP header of a parity packet
	audioFirstByte = 0x80
	audioData      = 97
	audioParity    = 127

	// AudioBlock data packets, the first of which has a sequence number that is
	// a multiple of it, are followed by AudioBlockParity parity packets.
	AudioBlock       = 4
	AudioBlockParity = 2
	// MaxAudioDatagram is the longest datagram in bytes that clients take.
	MaxAudioDatagram = 1400
	// MaxOpus is the longest Opus packet in bytes that fits into a datagram,
	// also when it is encrypted and as parity.
	MaxOpus = (MaxAudioDatagram-audioHeader-audioFECHeader)/aes.BlockSize*aes.BlockSize - 1
)

// audioMatrix is what clients repair audio with; it is not the matrix of video.
var audioMatrix = [AudioBlockParity][AudioBlock]byte{{0x77, 0x40, 0x38, 0x0e}, {0xc7, 0xa7, 0x0d, 0x6c}}

// ErrAudioSize means that an Opus packet is not as long as those before it:
// clients would switch off their error correction for good.
var ErrAudioSize = errors.New("audio packet of another length")

// AudioConfig is what LAUNCH and ANNOUNCE settled about the sound.
type AudioConfig struct {
	// Duration is the length of one Opus packet, whole milliseconds.
	Duration time.Duration
	// Key encrypts the Opus packets, with an IV that begins with KeyID plus the
	// sequence number; nil sends them in the clear.
	Key   *[16]byte
	KeyID int32
}

func (c *AudioConfig) check() error {
	if ms := c.Duration / time.Millisecond; ms < 1 || ms > 60 || c.Duration%time.Millisecond != 0 {
		return fmt.Errorf("audio packets of %s: want 1 to 60 whole milliseconds", c.Duration)
	}
	return nil
}

func (c *AudioConfig) cipher() (cipher.Block, error) {
	if c.Key == nil {
		return nil, nil
	}
	return aes.NewCipher(c.Key[:])
}

// audioIV is the initialisation vector of the packet with that sequence number.
func (c *AudioConfig) audioIV(iv *[aes.BlockSize]byte, sequence uint16) {
	*iv = [aes.BlockSize]byte{}
	be.PutUint32(iv[:], uint32(c.KeyID)+uint32(sequence))
}

// AudioPacketizer turns Opus packets of one length into datagrams. It is used
// by one goroutine, and allocates nothing after its first packet.
type AudioPacketizer struct {
	config    AudioConfig
	block     cipher.Block
	sequence  uint16
	timestamp uint32 // milliseconds
	length    int    // of every Opus packet, 0 before the first
	data      []byte
	parity    [AudioBlockParity][]byte
	out       [1 + AudioBlockParity][]byte
	iv        [aes.BlockSize]byte
}

// NewAudioPacketizer returns a packetizer for one stream: sequence number and
// timestamp 0 come first.
func NewAudioPacketizer(config AudioConfig) (*AudioPacketizer, error) {
	if err := config.check(); err != nil {
		return nil, fmt.Errorf("packetize audio: %w", err)
	}
	block, err := config.cipher()
	if err != nil {
		return nil, fmt.Errorf("packetize audio: %w", err)
	}
	return &AudioPacketizer{config: config, block: block}, nil
}

// Encrypted tells whether the packets are.
func (p *AudioPacketizer) Encrypted() bool { return p.block != nil }

// Packetize returns the datagrams to send for an Opus packet: one, and behind
// every fourth the parity of the block. They are valid until the next call. An
// error is ErrAudioSize or for a packet that is empty or too long; the stream
// goes on with the next packet, as if this one had not been.
func (p *AudioPacketizer) Packetize(opus []byte) ([][]byte, error) {
	if len(opus) == 0 || len(opus) > MaxOpus {
		return nil, fmt.Errorf("packetize audio: a packet of %d bytes, want 1 to %d", len(opus), MaxOpus)
	}
	if p.length == 0 {
		p.prepare(len(opus))
	}
	if len(opus) != p.length {
		return nil, fmt.Errorf("packetize audio: %w: %d bytes, want %d", ErrAudioSize, len(opus), p.length)
	}
	p.data[0], p.data[1] = audioFirstByte, audioData
	be.PutUint16(p.data[2:], p.sequence)
	be.PutUint32(p.data[4:], p.timestamp)
	payload := p.data[audioHeader:]
	p.seal(payload, opus)
	at := int(p.sequence % AudioBlock)
	for j := range p.parity {
		body := p.parity[j][audioHeader+audioFECHeader:]
		if at == 0 {
			clear(body)
		}
		addScaled(body, payload, &audioProducts()[j][at])
	}
	p.out[0] = p.data
	count := 1
	if at == AudioBlock-1 {
		p.finishBlock()
		count = len(p.out)
	}
	p.sequence++
	p.timestamp += uint32(p.config.Duration / time.Millisecond)
	return p.out[:count], nil
}

// AudioBlockBytes is how many bytes the datagrams of AudioBlock Opus packets of
// that length have, and their parity's.
func AudioBlockBytes(opus int, encrypted bool) int {
	length := audioPayload(opus, encrypted)
	return AudioBlock*(audioHeader+length) + AudioBlockParity*(audioHeader+audioFECHeader+length)
}

// audioPayload is the length of an Opus packet in its datagram.
func audioPayload(opus int, encrypted bool) int {
	if encrypted {
		return opus + aes.BlockSize - opus%aes.BlockSize
	}
	return opus
}

// prepare makes the memory for packets of that length.
func (p *AudioPacketizer) prepare(length int) {
	p.length = length
	length = audioPayload(length, p.block != nil)
	p.data = make([]byte, audioHeader+length)
	for j := range p.parity {
		p.parity[j] = make([]byte, audioHeader+audioFECHeader+length)
		p.out[1+j] = p.parity[j]
	}
}

// seal writes an Opus packet, encrypted by AES-CBC with PKCS #7 padding where
// there is a key.
func (p *AudioPacketizer) seal(dst, opus []byte) {
	n := copy(dst, opus)
	if p.block == nil {
		return
	}
	for i := n; i < len(dst); i++ {
		dst[i] = byte(len(dst) - n)
	}
	p.config.audioIV(&p.iv, p.sequence)
	before := p.iv[:]
	for ; len(dst) > 0; dst = dst[aes.BlockSize:] {
		chunk := dst[:aes.BlockSize]
		for i := range chunk {
			chunk[i] ^= before[i]
		}
		p.block.Encrypt(chunk, chunk)
		before = chunk
	}
}

// finishBlock writes the headers of the parity packets behind a block.
func (p *AudioPacketizer) finishBlock() {
	base := p.sequence - (AudioBlock - 1)
	timestamp := p.timestamp - (AudioBlock-1)*uint32(p.config.Duration/time.Millisecond)
	for j := range p.parity {
		d := p.parity[j]
		d[0], d[1] = audioFirstByte, audioParity
		be.PutUint16(d[2:], p.sequence+1+uint16(j))
		clear(d[4:audioHeader])
		d[12], d[13] = byte(j), audioData
		be.PutUint16(d[14:], base)
		be.PutUint32(d[16:], timestamp)
		clear(d[20:24]) // SSRC
	}
}

// addScaled adds multiples of src to dst, in GF(2^8).
func addScaled(dst, src []byte, multiples *[256]byte) {
	for i, v := range src {
		dst[i] ^= multiples[v]
	}
}
