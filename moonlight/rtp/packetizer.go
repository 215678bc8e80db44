package rtp

import (
	"crypto/aes"
	"crypto/cipher"
	"errors"
	"fmt"
	"time"
)

// VideoConfig is what ANNOUNCE settled about the video.
type VideoConfig struct {
	// PacketSize is x-nv-video[0].packetSize in bytes: with encryption it is
	// already 32 less.
	PacketSize int
	// FECPercent is the parity per data packets, 0 to 100.
	FECPercent int
	// MinParity is x-nv-vqos[0].fec.minRequiredFecPackets, 0 to 64.
	MinParity int
	// Key encrypts the datagrams; nil sends them in the clear.
	Key *[16]byte
}

// VideoPacket is what a packet of that size (VideoConfig.PacketSize) carries of
// a frame in bytes, and how long its datagram is.
func VideoPacket(packetSize int, encrypted bool) (payload, datagram int) {
	payload, datagram = packetSize-datagramExtra, packetSize+datagramExtra
	if encrypted {
		datagram += encryptedExtra
	}
	return payload, datagram
}

// Frame is one access unit.
type Frame struct {
	// Data is an H.264 or HEVC byte stream, or an AV1 temporal unit. With IDR
	// it must begin with its parameter sets.
	Data []byte
	IDR  bool
	// Timestamp is in units of 1/90000 s. 0 makes clients use the time of receipt.
	Timestamp uint32
	// HostLatency is from capture to here, 0 when unknown; up to 6.5 s.
	HostLatency time.Duration
}

// Batch is the datagrams of one frame. They are valid until the next Packetize.
type Batch struct {
	slab   []byte
	stride int
	// FrameIndex counts frames from 1.
	FrameIndex uint32
	// Blocks, Data and Parity count FEC blocks and packets.
	Blocks, Data, Parity int
	// WithoutFEC is set when the frame was too large for parity.
	WithoutFEC bool
	shapes     [MaxBlocks]shape
}

// Len is the number of datagrams.
func (b Batch) Len() int { return len(b.slab) / max(1, b.stride) }

// Stride is the length of every datagram in bytes.
func (b Batch) Stride() int { return b.stride }

// Slab is all datagrams one after the other, as UDP segmentation offload takes them.
func (b Batch) Slab() []byte { return b.slab }

// Block returns the datagrams of the i-th FEC block, those with data and those
// with parity, as parts of the slab.
func (b Batch) Block(i int) (data, parity []byte) {
	at := 0
	for _, s := range b.shapes[:i] {
		at += s.data + s.parity
	}
	from, mid := at*b.stride, (at+b.shapes[i].data)*b.stride
	return b.slab[from:mid:mid], b.slab[mid : mid+b.shapes[i].parity*b.stride]
}

// Datagram returns the i-th one.
func (b Batch) Datagram(i int) []byte { return b.slab[i*b.stride : (i+1)*b.stride] }

// VideoPacketizer turns frames into datagrams. It is used by one goroutine. Once
// it has seen frames of every size it allocates nothing itself; the
// Reed-Solomon library allocates twice per block.
type VideoPacketizer struct {
	config   VideoConfig
	aead     cipher.AEAD
	nonce    []byte // kept, because what an interface takes escapes
	counter  uint64
	codecs   codecs
	sequence uint16
	index    uint32 // of packets, 24 bits
	frame    uint32
	buf      []byte
	shards   [][]byte
}

// NewVideoPacketizer returns a packetizer for one stream: frame index 1 and
// sequence number 0 come first.
func NewVideoPacketizer(config VideoConfig) (*VideoPacketizer, error) {
	if err := checkPacketSize(config.PacketSize); err != nil {
		return nil, fmt.Errorf("packetize video: %w", err)
	}
	if config.FECPercent < 0 || config.FECPercent > 100 || config.MinParity < 0 || config.MinParity > 64 {
		return nil, fmt.Errorf("packetize video: %d %% of parity, at least %d packets: want 0 to 100 %%, 0 to 64", config.FECPercent, config.MinParity)
	}
	p := &VideoPacketizer{config: config, codecs: newCodecs(), shards: make([][]byte, 0, MaxShards)}
	if config.Key != nil {
		block, err := aes.NewCipher(config.Key[:])
		if err != nil {
			return nil, fmt.Errorf("packetize video: %w", err)
		}
		if p.aead, err = cipher.NewGCM(block); err != nil {
			return nil, fmt.Errorf("packetize video: %w", err)
		}
		p.nonce = make([]byte, p.aead.NonceSize())
		p.nonce[11] = 'V'
	}
	return p, nil
}

// easyBlock is the number of data packets above which a frame takes another
// block while there is one: parity costs data times parity of each block.
const easyBlock = 96

// layout is how a frame is spread over blocks.
type layout struct {
	packets, perBlock, blocks int
	percentage                int // before the minimum of a block
	withoutFEC                bool
	total                     int // packets with parity
	shapes                    [MaxBlocks]shape
}

func (p *VideoPacketizer) layout(length int) (layout, error) {
	payload := p.config.PacketSize - datagramExtra
	l := layout{packets: (frameHeader + length + payload - 1) / payload, percentage: p.config.FECPercent}
	maxData := MaxShards * 100 / (100 + l.percentage)
	l.blocks = max((l.packets+maxData-1)/maxData, min(MaxBlocks, (l.packets+easyBlock-1)/easyBlock))
	if l.blocks > MaxBlocks || l.percentage == 0 {
		l.withoutFEC = l.percentage > 0
		l.percentage = 0
		l.blocks = min(MaxBlocks, (l.packets+MaxBlockData-1)/MaxBlockData)
		if l.withoutFEC {
			l.blocks = MaxBlocks
		}
	}
	l.perBlock = (l.packets + l.blocks - 1) / l.blocks
	if l.perBlock > MaxBlockData {
		return l, fmt.Errorf("%w: %d bytes are %d packets, at most %d fit", ErrFrameTooLarge, length, l.packets, MaxBlocks*MaxBlockData)
	}
	// Rounding up may leave the last block empty.
	l.blocks = (l.packets + l.perBlock - 1) / l.perBlock
	for b := range l.blocks {
		data := min(l.perBlock, l.packets-b*l.perBlock)
		_, parity := p.parity(data, l.percentage)
		l.shapes[b] = shape{data, parity}
		l.total += data + parity
	}
	return l, nil
}

// parity is the percentage that a block announces and the packets that follow
// from it. Small blocks are raised to the least number of parity packets that
// the client wants; a block's percentage is at most 200.
func (p *VideoPacketizer) parity(data, percentage int) (announced, packets int) {
	if percentage == 0 {
		return 0, 0
	}
	packets = parityCount(data, percentage)
	if packets < p.config.MinParity {
		percentage = min(200, 100*p.config.MinParity/data)
		packets = parityCount(data, percentage)
	}
	if data+packets > MaxShards {
		return 0, 0
	}
	return percentage, packets
}

// Packetize cuts a frame into datagrams. An error is ErrFrameTooLarge or for an
// empty frame; the stream goes on with the next frame, as if this one had not been.
func (p *VideoPacketizer) Packetize(f Frame) (Batch, error) {
	if len(f.Data) == 0 {
		return Batch{}, errors.New("packetize video: the frame is empty")
	}
	l, err := p.layout(len(f.Data))
	if err != nil {
		return Batch{}, fmt.Errorf("packetize video: %w", err)
	}
	p.frame++
	plain := p.config.PacketSize + datagramExtra
	prefix := 0
	if p.aead != nil {
		prefix = encryptedExtra
	}
	stride := prefix + plain
	// The tag of a datagram is written behind its ciphertext before it is moved.
	if need := l.total*stride + encryptedExtra; cap(p.buf) < need {
		p.buf = make([]byte, need, need+need/2)
	}
	p.buf = p.buf[:l.total*stride+encryptedExtra]
	w := writer{p: p, frame: f, layout: l, stride: stride, prefix: prefix, rest: f.Data}
	for b := range l.blocks {
		if err := w.block(b); err != nil {
			return Batch{}, fmt.Errorf("packetize video: %w", err)
		}
	}
	slab := p.buf[:l.total*stride]
	if p.aead != nil {
		p.seal(stride, l.total)
	}
	return Batch{
		slab: slab, stride: stride, FrameIndex: p.frame, Blocks: l.blocks, Data: l.packets,
		Parity: l.total - l.packets, WithoutFEC: l.withoutFEC, shapes: l.shapes,
	}, nil
}

// writer fills the datagrams of one frame.
type writer struct {
	p      *VideoPacketizer
	frame  Frame
	layout layout
	stride int
	prefix int
	rest   []byte // what of the frame is not written yet
	at     int    // datagrams written
}

// datagram returns the plain part of the i-th datagram.
func (w *writer) datagram(i int) []byte {
	return w.p.buf[i*w.stride+w.prefix : (i+1)*w.stride : (i+1)*w.stride]
}

// block writes the data packets of a block and then its parity.
func (w *writer) block(b int) error {
	data := min(w.layout.perBlock, w.layout.packets-b*w.layout.perBlock)
	percentage, parity := w.p.parity(data, w.layout.percentage)
	h := nvHeader{
		timestamp: w.frame.Timestamp, frame: w.p.frame, block: uint8(b), lastBlock: uint8(w.layout.blocks - 1),
		data: data, percentage: percentage,
	}
	first, sequence := w.at, w.p.sequence
	for i := range data {
		h.sequence, h.shard, h.flags = w.p.sequence, i, flagPicture
		if i == 0 {
			h.flags |= flagStart
		}
		if i == data-1 {
			h.flags |= flagEnd
		}
		h.index = (w.p.index & 0xffffff) << 8
		w.packet(&h, b == 0 && i == 0)
		w.p.sequence++
		w.p.index++
	}
	if parity == 0 {
		return nil
	}
	shards := w.p.shards[:0]
	for i := range data + parity {
		shards = append(shards, w.datagram(first+i))
	}
	rs, err := w.p.codecs.get(data, parity)
	if err != nil {
		return err
	}
	if err := rs.Encode(shards); err != nil {
		return err
	}
	for j := range parity {
		shard := shards[data+j]
		h.sequence, h.shard = sequence+uint16(data+j), data+j
		shard[0], shard[1] = rtpFirstByte, 0
		be.PutUint16(shard[2:], h.sequence)
		be.PutUint32(shard[4:], h.timestamp)
		le.PutUint32(shard[20:], h.frame)
		h.putBlock(shard)
	}
	w.at += parity
	w.p.sequence += uint16(parity)
	w.p.index += uint32(parity)
	return nil
}

// packet writes one data packet; the last one of the frame is filled with zeros.
func (w *writer) packet(h *nvHeader, start bool) {
	d := w.datagram(w.at)
	w.at++
	h.put(d)
	body := d[headerSize:]
	if start {
		w.frameHeader(body)
		body = body[frameHeader:]
	}
	n := copy(body, w.rest)
	w.rest = w.rest[n:]
	clear(body[n:])
}

func (w *writer) frameHeader(p []byte) {
	payload := w.p.config.PacketSize - datagramExtra
	last := (frameHeader + len(w.frame.Data)) % payload
	if last == 0 {
		last = payload
	}
	p[0] = 1
	le.PutUint16(p[1:], uint16(min(w.frame.HostLatency/(100*time.Microsecond), 0xffff)))
	p[3] = frameTypeP
	if w.frame.IDR {
		p[3] = frameTypeIDR
	}
	le.PutUint16(p[4:], uint16(last))
	p[6], p[7] = 0, 0
}

// seal encrypts the datagrams in place, from the first to the last: a tag
// first lands where the next datagram's prefix will be.
func (p *VideoPacketizer) seal(stride, count int) {
	for i := range count {
		d := p.buf[i*stride : (i+1)*stride+encryptedExtra]
		le.PutUint64(p.nonce, p.counter)
		p.counter++
		text := d[encryptedExtra:stride]
		sealed := p.aead.Seal(text[:0], p.nonce, text, nil)
		copy(d[16:32], sealed[len(text):])
		copy(d, p.nonce)
		le.PutUint32(d[12:], p.frame)
	}
}
