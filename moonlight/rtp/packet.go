package rtp

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// Sizes of a video datagram before encryption: 12 bytes of RTP header, 4
// reserved, 16 of NV header, then payload up to packet size + 16 bytes in all.
const (
	headerSize     = 32
	datagramExtra  = 16
	frameHeader    = 8
	encryptedExtra = 32 // nonce, frame index and tag in front of the ciphertext

	rtpFirstByte = 0x90 // version 2 with an extension
)

// Flags of the NV header.
const (
	flagPicture = 1
	flagEnd     = 2
	flagStart   = 4

	multiFECFlags = 0x10
)

// Types of a frame in its frame header. 4 (intra refresh) and 5 (after the
// invalidation of references) are never sent: encoders here do neither.
const (
	frameTypeP   = 1
	frameTypeIDR = 2
)

// Limits of the format.
const (
	// MaxShards is the largest number of packets, data and parity, of one
	// block that has parity.
	MaxShards = 255
	// MaxBlocks is the largest number of blocks of a frame.
	MaxBlocks = 4
	// MaxBlockData is the largest number of data packets of a block without parity.
	MaxBlockData = 1023
	// MinPacketSize and MaxPacketSize bound the packet size of ANNOUNCE in bytes.
	MinPacketSize = 128
	MaxPacketSize = 4096
)

// Errors that callers branch on.
var (
	// ErrMalformed means that a datagram is not what the sender's role sends.
	ErrMalformed = errors.New("malformed datagram")
	// ErrFrameTooLarge means that a frame does not fit into MaxBlocks blocks
	// even without parity.
	ErrFrameTooLarge = errors.New("frame is larger than the protocol can carry")
	// ErrAuthentication means that an encrypted datagram was not made with the key.
	ErrAuthentication = errors.New("video datagram does not authenticate")
)

var (
	le = binary.LittleEndian
	be = binary.BigEndian
)

func checkPacketSize(size int) error {
	if size < MinPacketSize || size > MaxPacketSize || size%16 != 0 {
		return fmt.Errorf("packet size %d is not a multiple of 16 from %d to %d", size, MinPacketSize, MaxPacketSize)
	}
	return nil
}

// nvHeader is what one packet says of itself.
type nvHeader struct {
	sequence   uint16
	timestamp  uint32
	index      uint32 // streamPacketIndex
	frame      uint32
	flags      uint8
	block      uint8
	lastBlock  uint8
	data       int // data packets of the block
	shard      int // place of this packet in the block
	percentage int
}

// put writes all headers over the first 32 bytes of p.
func (h *nvHeader) put(p []byte) {
	p[0], p[1] = rtpFirstByte, 0
	be.PutUint16(p[2:], h.sequence)
	be.PutUint32(p[4:], h.timestamp)
	clear(p[8:16])
	le.PutUint32(p[16:], h.index)
	le.PutUint32(p[20:], h.frame)
	p[24], p[25] = h.flags, 0
	h.putBlock(p)
}

// putBlock writes what parity packets carry beside their parity.
func (h *nvHeader) putBlock(p []byte) {
	p[26], p[27] = multiFECFlags, h.block<<4|h.lastBlock<<6
	le.PutUint32(p[28:], uint32(h.data)<<22|uint32(h.shard)<<12|uint32(h.percentage)<<4)
}

// parse reads the headers of a datagram and checks its bounds.
func (h *nvHeader) parse(p []byte) error {
	if len(p) < headerSize {
		return fmt.Errorf("%w: %d bytes", ErrMalformed, len(p))
	}
	if p[0]&0x10 == 0 {
		return fmt.Errorf("%w: no RTP extension", ErrMalformed)
	}
	h.sequence, h.timestamp = be.Uint16(p[2:]), be.Uint32(p[4:])
	h.index, h.frame, h.flags = le.Uint32(p[16:]), le.Uint32(p[20:]), p[24]
	h.block, h.lastBlock = p[27]>>4&3, p[27]>>6
	info := le.Uint32(p[28:])
	h.data, h.shard, h.percentage = int(info>>22), int(info>>12&0x3ff), int(info>>4&0xff)
	parity := parityCount(h.data, h.percentage)
	if h.data == 0 || h.block > h.lastBlock || h.shard >= h.data+parity || (parity > 0 && h.data+parity > MaxShards) {
		return fmt.Errorf("%w: block %d of %d, packet %d of %d at %d %%", ErrMalformed, h.block, h.lastBlock+1, h.shard, h.data, h.percentage)
	}
	return nil
}

// parityCount is how many parity packets a block has: both ends compute it.
func parityCount(data, percentage int) int { return (data*percentage + 99) / 100 }
