package rtp

import (
	"crypto/aes"
	"crypto/cipher"
	"fmt"
	"time"
)

const (
	// maxPending bounds the frames that are put together at one time: a frame
	// that is this much older than the newest is lost.
	maxPending = 16
	// patience is how many newer frames must have begun before an incomplete
	// one is given up: the network may reorder, the host does not.
	patience = 2
)

// ReceivedFrame is a frame that is whole again. It is valid during the call.
type ReceivedFrame struct {
	Index uint32
	// IDR is what the frame header says.
	IDR  bool
	Data []byte
	// HostLatency is the host's own time for the frame, 0 when unknown, in
	// steps of 0.1 ms.
	HostLatency time.Duration
	Timestamp   uint32
	// First and Last are when its first and last packet came, as told to Push.
	First, Last time.Time
	// Packets were received, Recovered were made from parity.
	Packets, Recovered int
}

// VideoReceiverConfig is what the client announced, and who hears of frames.
type VideoReceiverConfig struct {
	PacketSize int
	Key        *[16]byte
	// Frame receives whole frames, in order.
	Frame func(*ReceivedFrame)
	// Lost hears of the frames from first to last that will not come.
	Lost func(first, last uint32)
}

// ReceiverStats counts what came in.
type ReceiverStats struct {
	Packets, Duplicates, Late, Malformed, Unauthentic uint64
	// Recovered counts packets made from parity, Frames and IDRs whole frames,
	// Lost those given up.
	Recovered, Frames, IDRs, Lost uint64
	Bytes                         uint64
}

// VideoReceiver puts frames together. It is used by one goroutine.
type VideoReceiver struct {
	config VideoReceiverConfig
	aead   cipher.AEAD
	codecs codecs
	stats  ReceiverStats

	plain   []byte // of the datagram being opened
	next    uint32 // frame index to deliver next
	newest  uint32
	pending map[uint32]*assembly
	spare   []*assembly
	out     []byte
	scratch [][]byte
}

// assembly is one frame on its way.
type assembly struct {
	index, timestamp uint32
	first, last      time.Time
	blocks           [MaxBlocks]blockAssembly
	count            int // of blocks
	packets, missing int // missing: blocks that are not whole
	recovered        int
}

// blockAssembly is one FEC block on its way.
type blockAssembly struct {
	data, parity, percentage int
	received, receivedData   int
	whole                    bool
	shards                   [][]byte // nil: not there
	memory                   []byte
}

// NewVideoReceiver returns a receiver for a stream that begins with frame 1.
func NewVideoReceiver(config VideoReceiverConfig) (*VideoReceiver, error) {
	if err := checkPacketSize(config.PacketSize); err != nil {
		return nil, fmt.Errorf("receive video: %w", err)
	}
	if config.Frame == nil {
		return nil, fmt.Errorf("receive video: nobody takes the frames")
	}
	r := &VideoReceiver{config: config, codecs: newCodecs(), next: 1, pending: map[uint32]*assembly{}}
	if config.Key != nil {
		block, err := aes.NewCipher(config.Key[:])
		if err != nil {
			return nil, fmt.Errorf("receive video: %w", err)
		}
		if r.aead, err = cipher.NewGCM(block); err != nil {
			return nil, fmt.Errorf("receive video: %w", err)
		}
	}
	return r, nil
}

// Stats returns the counters so far.
func (r *VideoReceiver) Stats() ReceiverStats { return r.stats }

// Push takes one datagram, which came at now. The error says why it was of no
// use; the stream goes on.
func (r *VideoReceiver) Push(datagram []byte, now time.Time) error {
	p, err := r.open(datagram)
	if err != nil {
		return err
	}
	var h nvHeader
	if err := h.parse(p); err != nil {
		r.stats.Malformed++
		return err
	}
	r.stats.Packets++
	r.stats.Bytes += uint64(len(datagram))
	if h.frame < r.next {
		r.stats.Late++
		return nil
	}
	a, err := r.assembly(&h, now)
	if err != nil {
		r.stats.Malformed++
		return err
	}
	if err := r.add(a, &h, p); err != nil {
		r.stats.Malformed++
		return err
	}
	a.last = now
	r.deliver()
	return nil
}

// open decrypts the datagram and checks its length.
func (r *VideoReceiver) open(datagram []byte) ([]byte, error) {
	want := r.config.PacketSize + datagramExtra
	if r.aead != nil {
		want += encryptedExtra
	}
	if len(datagram) != want {
		r.stats.Malformed++
		return nil, fmt.Errorf("%w: %d bytes, want %d", ErrMalformed, len(datagram), want)
	}
	if r.aead == nil {
		return datagram, nil
	}
	// Go wants the tag behind the ciphertext.
	r.plain = append(append(r.plain[:0], datagram[encryptedExtra:]...), datagram[16:32]...)
	plain, err := r.aead.Open(r.plain[:0], datagram[:12], r.plain, nil)
	if err != nil {
		r.stats.Unauthentic++
		return nil, ErrAuthentication
	}
	return plain, nil
}

// assembly returns the frame of a packet, making room for a new one.
func (r *VideoReceiver) assembly(h *nvHeader, now time.Time) (*assembly, error) {
	if a, ok := r.pending[h.frame]; ok {
		if a.count != int(h.lastBlock)+1 {
			return nil, fmt.Errorf("%w: frame %d has %d blocks and %d", ErrMalformed, h.frame, a.count, h.lastBlock+1)
		}
		return a, nil
	}
	// A jump beyond what a stream can lose at once is not believed, except that
	// everything before it is then lost indeed.
	r.newest = max(r.newest, h.frame)
	for len(r.pending) >= maxPending {
		r.skip()
	}
	var a *assembly
	if n := len(r.spare); n > 0 {
		a, r.spare = r.spare[n-1], r.spare[:n-1]
	} else {
		a = &assembly{}
	}
	a.index, a.timestamp, a.first, a.last = h.frame, h.timestamp, now, now
	a.count, a.packets, a.missing, a.recovered = int(h.lastBlock)+1, 0, int(h.lastBlock)+1, 0
	for i := range a.blocks {
		a.blocks[i].data = 0
	}
	r.pending[h.frame] = a
	return a, nil
}

// add puts a packet into its block, and completes the block when it can.
func (r *VideoReceiver) add(a *assembly, h *nvHeader, p []byte) error {
	b := &a.blocks[h.block]
	if b.data == 0 {
		b.reset(h, len(p))
	}
	if b.data != h.data || b.percentage != h.percentage {
		return fmt.Errorf("%w: frame %d, block %d has %d packets at %d %% and %d at %d %%", ErrMalformed, h.frame, h.block, b.data, b.percentage, h.data, h.percentage)
	}
	if b.shards[h.shard] != nil {
		r.stats.Duplicates++
		return nil
	}
	b.shards[h.shard] = append(b.memory[h.shard*len(p):h.shard*len(p)], p...)
	b.received++
	a.packets++
	if h.shard < b.data {
		b.receivedData++
	}
	if b.whole || b.received < b.data {
		return nil
	}
	if missing := b.data - b.receivedData; missing > 0 {
		if err := r.recover(b, len(p)); err != nil {
			return err
		}
		a.recovered += missing
		r.stats.Recovered += uint64(missing)
	}
	if err := b.check(h); err != nil {
		return err
	}
	b.whole = true
	a.missing--
	return nil
}

func (b *blockAssembly) reset(h *nvHeader, size int) {
	b.data, b.percentage, b.parity = h.data, h.percentage, parityCount(h.data, h.percentage)
	b.received, b.receivedData, b.whole = 0, 0, false
	total := b.data + b.parity
	if cap(b.shards) < total {
		b.shards = make([][]byte, total, total+total/2)
	}
	b.shards = b.shards[:total]
	clear(b.shards)
	if need := total * size; cap(b.memory) < need {
		b.memory = make([]byte, need, need+need/2)
	}
	b.memory = b.memory[:cap(b.memory)]
}

// recover makes the missing data packets from parity.
func (r *VideoReceiver) recover(b *blockAssembly, size int) error {
	rs, err := r.codecs.get(b.data, b.parity)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	r.scratch = r.scratch[:0]
	for i, s := range b.shards {
		if s == nil {
			s = b.memory[i*size : i*size : (i+1)*size]
		}
		r.scratch = append(r.scratch, s)
	}
	if err := rs.ReconstructData(r.scratch); err != nil {
		return fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	copy(b.shards[:b.data], r.scratch[:b.data])
	return nil
}

// check refuses a block whose flags are not those that a client demands of
// received and of recovered packets.
func (b *blockAssembly) check(h *nvHeader) error {
	for i, s := range b.shards[:b.data] {
		want := uint8(flagPicture)
		if i == 0 {
			want |= flagStart
		}
		if i == b.data-1 {
			want |= flagEnd
		}
		if s[24] != want {
			return fmt.Errorf("%w: frame %d, block %d, packet %d has flags %d, want %d", ErrMalformed, h.frame, h.block, i, s[24], want)
		}
	}
	return nil
}

// deliver hands out what is whole and in order, and gives up what is late.
func (r *VideoReceiver) deliver() {
	for {
		a, ok := r.pending[r.next]
		switch {
		case ok && a.missing == 0:
			r.hand(a)
			r.remove(a)
			r.next++
		case r.newest >= r.next+patience && len(r.pending) > 0:
			r.skip()
		default:
			return
		}
	}
}

// skip gives up frames up to the next one that is whole, or that is still
// within patience.
func (r *VideoReceiver) skip() {
	first := r.next
	for {
		if a, ok := r.pending[r.next]; ok {
			r.remove(a)
			r.next++
			break
		}
		if len(r.pending) == 0 {
			break
		}
		// Nothing of this frame came: go to the oldest of which something did.
		oldest := r.newest
		for index := range r.pending {
			oldest = min(oldest, index)
		}
		r.next = oldest
		if a := r.pending[oldest]; a.missing == 0 || r.newest < oldest+patience {
			break
		}
	}
	if r.next > first {
		r.stats.Lost += uint64(r.next - first)
		if r.config.Lost != nil {
			r.config.Lost(first, r.next-1)
		}
	}
}

func (r *VideoReceiver) remove(a *assembly) {
	delete(r.pending, a.index)
	if len(r.spare) < maxPending {
		r.spare = append(r.spare, a)
	}
}

// hand joins the payloads of a whole frame.
func (r *VideoReceiver) hand(a *assembly) {
	r.out = r.out[:0]
	for i := range a.count {
		b := &a.blocks[i]
		for _, s := range b.shards[:b.data] {
			r.out = append(r.out, s[headerSize:]...)
		}
	}
	f := ReceivedFrame{Index: a.index, Timestamp: a.timestamp, First: a.first, Last: a.last, Packets: a.packets, Recovered: a.recovered}
	payload := r.config.PacketSize - datagramExtra
	last := int(le.Uint16(r.out[4:]))
	if r.out[0] != 1 || last < 1 || last > payload || len(r.out)-payload+last < frameHeader {
		r.stats.Malformed++
		r.stats.Lost++
		if r.config.Lost != nil {
			r.config.Lost(a.index, a.index)
		}
		return
	}
	f.HostLatency = time.Duration(le.Uint16(r.out[1:])) * 100 * time.Microsecond
	f.IDR = r.out[3] == frameTypeIDR
	f.Data = r.out[frameHeader : len(r.out)-payload+last]
	r.stats.Frames++
	if f.IDR {
		r.stats.IDRs++
	}
	r.config.Frame(&f)
}
