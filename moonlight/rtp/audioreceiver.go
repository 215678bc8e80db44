package rtp

import (
	"crypto/cipher"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/klauspost/reedsolomon"
)

const (
	// maxAudioBlocks bounds the blocks that are put together at one time.
	maxAudioBlocks = 8
	// audioPatience is how many packets newer than a missing one must have come
	// before it is given up, unless its block can be repaired: the network may
	// reorder, the host does not.
	audioPatience = 2 * AudioBlock
	// audioJump is a step of the sequence number that is taken for a new start.
	audioJump = 1024
)

// ReceivedAudio is one Opus packet. It is valid during the call.
type ReceivedAudio struct {
	// Sequence counts packets from 0 and wraps at 65536.
	Sequence uint16
	Opus     []byte
	// At is when the datagram came that brought or repaired it.
	At        time.Time
	Recovered bool
}

// AudioReceiverConfig is what was settled, and who hears of packets.
type AudioReceiverConfig struct {
	AudioConfig
	// Packet receives packets in order.
	Packet func(*ReceivedAudio)
	// Lost hears of packets that will not come.
	Lost func(count int)
}

// AudioReceiverStats counts what came in.
type AudioReceiverStats struct {
	// Data and Parity count datagrams.
	Data, Parity, Duplicates, Late, Malformed, Unauthentic uint64
	// Recovered counts packets made from parity, Lost those given up.
	Recovered, Lost uint64
	Bytes           uint64
}

// AudioReceiver puts an audio stream together. It is used by one goroutine.
type AudioReceiver struct {
	config  AudioReceiverConfig
	mode    cipher.Block
	codec   reedsolomon.Encoder
	stats   AudioReceiverStats
	started bool
	next    uint16 // sequence number to hand out next
	newest  uint16
	blocks  []*audioBlock // in order
	plain   []byte
}

// audioBlock is one block on its way.
type audioBlock struct {
	base   uint16
	shards [AudioBlock + AudioBlockParity][]byte // nil: not there
	came   [AudioBlock]time.Time
	count  int
	fixed  [AudioBlock]bool
	failed bool // parity does not fit the data
}

// NewAudioReceiver returns a receiver for a stream; it begins with whatever
// comes first.
func NewAudioReceiver(config AudioReceiverConfig) (*AudioReceiver, error) {
	if err := config.check(); err != nil {
		return nil, fmt.Errorf("receive audio: %w", err)
	}
	if config.Packet == nil {
		return nil, errors.New("receive audio: nobody takes the packets")
	}
	rows := make([][]byte, AudioBlockParity)
	for j := range rows {
		rows[j] = audioMatrix[j][:]
	}
	codec, err := reedsolomon.New(AudioBlock, AudioBlockParity, reedsolomon.WithCustomMatrix(rows), reedsolomon.WithMaxGoroutines(1))
	if err != nil {
		return nil, fmt.Errorf("receive audio: %w", err)
	}
	block, err := config.cipher()
	if err != nil {
		return nil, fmt.Errorf("receive audio: %w", err)
	}
	return &AudioReceiver{config: config, mode: block, codec: codec}, nil
}

// Stats returns the counters so far.
func (r *AudioReceiver) Stats() AudioReceiverStats { return r.stats }

// Push takes one datagram, which came at now. The error says why it was of no
// use; the stream goes on.
func (r *AudioReceiver) Push(datagram []byte, now time.Time) error {
	base, shard, payload, err := parseAudio(datagram)
	if err != nil {
		r.stats.Malformed++
		return err
	}
	r.stats.Bytes += uint64(len(datagram))
	if shard < AudioBlock {
		r.stats.Data++
		r.see(base + uint16(shard))
	} else {
		r.stats.Parity++
	}
	b := r.block(base)
	if b == nil {
		// Parity is mostly not needed any more.
		if shard < AudioBlock {
			r.stats.Late++
		}
		return nil
	}
	if err := r.add(b, shard, payload, now); err != nil {
		r.stats.Malformed++
		return err
	}
	r.deliver()
	return nil
}

// parseAudio finds the place of a datagram: its block, and in that 0 to 3 for
// data and 4 or 5 for parity.
func parseAudio(d []byte) (base uint16, shard int, payload []byte, err error) {
	if len(d) <= audioHeader || len(d) > MaxAudioDatagram || d[0] != audioFirstByte {
		return 0, 0, nil, fmt.Errorf("%w: audio datagram of %d bytes", ErrMalformed, len(d))
	}
	sequence := be.Uint16(d[2:])
	switch d[1] {
	case audioData:
		return sequence &^ (AudioBlock - 1), int(sequence % AudioBlock), d[audioHeader:], nil
	case audioParity:
		if len(d) <= audioHeader+audioFECHeader || d[12] >= AudioBlockParity || d[13] != audioData {
			return 0, 0, nil, fmt.Errorf("%w: audio parity of %d bytes", ErrMalformed, len(d))
		}
		base := be.Uint16(d[14:])
		if base%AudioBlock != 0 {
			return 0, 0, nil, fmt.Errorf("%w: audio block begins at %d", ErrMalformed, base)
		}
		return base, AudioBlock + int(d[12]), d[audioHeader+audioFECHeader:], nil
	}
	return 0, 0, nil, fmt.Errorf("%w: audio datagram of type %d", ErrMalformed, d[1])
}

// see notes the newest sequence number. A jump is a stream that began anew.
func (r *AudioReceiver) see(sequence uint16) {
	ahead := int16(sequence - r.newest)
	switch {
	case !r.started, ahead > audioJump, ahead < -audioJump:
		r.started, r.next, r.newest, r.blocks = true, sequence, sequence, r.blocks[:0]
	case ahead > 0:
		r.newest = sequence
	}
}

// block returns the block that begins at base, nil when it has been handed out.
func (r *AudioReceiver) block(base uint16) *audioBlock {
	if !r.started || int16(base+AudioBlock-1-r.next) < 0 || int16(base-r.newest) > AudioBlock {
		return nil
	}
	at, found := slices.BinarySearchFunc(r.blocks, base, func(b *audioBlock, base uint16) int { return int(int16(b.base - base)) })
	if found {
		return r.blocks[at]
	}
	if len(r.blocks) >= maxAudioBlocks {
		return nil
	}
	r.blocks = slices.Insert(r.blocks, at, &audioBlock{base: base})
	return r.blocks[at]
}

// add puts a datagram into its block, and repairs the block when it can.
func (r *AudioReceiver) add(b *audioBlock, shard int, payload []byte, now time.Time) error {
	if b.shards[shard] != nil {
		r.stats.Duplicates++
		return nil
	}
	for _, other := range b.shards {
		if other != nil && len(other) != len(payload) {
			return fmt.Errorf("%w: audio block with packets of %d and %d bytes", ErrMalformed, len(other), len(payload))
		}
	}
	b.shards[shard] = slices.Clone(payload)
	b.count++
	if shard < AudioBlock {
		b.came[shard] = now
	}
	if b.count != AudioBlock || b.failed {
		return nil
	}
	var there [AudioBlock]bool
	for i := range there {
		there[i] = b.shards[i] != nil
	}
	if err := r.codec.ReconstructData(b.shards[:]); err != nil {
		b.failed = true
		return fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	for i, had := range there {
		if !had {
			b.fixed[i], b.came[i] = true, now
		}
	}
	return nil
}

// deliver hands out what is there and in order, and gives up what is late.
func (r *AudioReceiver) deliver() {
	for len(r.blocks) > 0 {
		if b := r.blocks[0]; int16(r.next-b.base) >= AudioBlock {
			r.blocks = slices.Delete(r.blocks, 0, 1)
			continue
		}
		b := r.blocks[0]
		at := r.next - b.base // beyond a block when nothing of the one before came
		if at < AudioBlock && b.shards[at] != nil {
			r.hand(b, int(at))
			r.next++
			continue
		}
		if int16(r.newest-r.next) < audioPatience {
			return
		}
		r.stats.Lost++
		r.next++
		if r.config.Lost != nil {
			r.config.Lost(1)
		}
	}
}

// hand decrypts a packet and hands it out. One that was not made with the key
// is lost.
func (r *AudioReceiver) hand(b *audioBlock, at int) {
	p := ReceivedAudio{Sequence: b.base + uint16(at), Opus: b.shards[at], At: b.came[at], Recovered: b.fixed[at]}
	if p.Recovered {
		r.stats.Recovered++
	}
	if r.mode != nil {
		var err error
		if p.Opus, err = r.open(p.Sequence, p.Opus); err != nil {
			r.stats.Unauthentic++
			r.stats.Lost++
			if r.config.Lost != nil {
				r.config.Lost(1)
			}
			return
		}
	}
	r.config.Packet(&p)
}

// open decrypts a packet, whose padding alone tells that the key was right.
func (r *AudioReceiver) open(sequence uint16, sealed []byte) ([]byte, error) {
	if len(sealed)%r.mode.BlockSize() != 0 {
		return nil, ErrAuthentication
	}
	var iv [16]byte
	r.config.audioIV(&iv, sequence)
	r.plain = append(r.plain[:0], sealed...)
	cipher.NewCBCDecrypter(r.mode, iv[:]).CryptBlocks(r.plain, r.plain)
	padding := int(r.plain[len(r.plain)-1])
	if padding < 1 || padding > r.mode.BlockSize() || padding >= len(r.plain) {
		return nil, ErrAuthentication
	}
	for _, v := range r.plain[len(r.plain)-padding:] {
		if int(v) != padding {
			return nil, ErrAuthentication
		}
	}
	return r.plain[:len(r.plain)-padding], nil
}
