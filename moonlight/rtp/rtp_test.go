package rtp

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"pgregory.net/rapid"
)

var testKey = [16]byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}

func packetizer(t testing.TB, c VideoConfig) *VideoPacketizer {
	t.Helper()
	p, err := NewVideoPacketizer(c)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestGolden compares a whole small frame with bytes worked out by hand from
// moonlight-common-c Video.h: two packets of data in one block, two of parity.
func TestGolden(t *testing.T) {
	p := packetizer(t, VideoConfig{PacketSize: 128, FECPercent: 20, MinParity: 2})
	data := bytes.Repeat([]byte{0xaa}, 150)
	batch, err := p.Packetize(Frame{Data: data, IDR: true, Timestamp: 0x01020304, HostLatency: 2500 * time.Microsecond})
	if err != nil {
		t.Fatal(err)
	}
	if batch.Len() != 4 || batch.Stride() != 144 || batch.Data != 2 || batch.Parity != 2 || batch.Blocks != 1 || batch.FrameIndex != 1 {
		t.Fatalf("batch = %+v", batch)
	}
	// (8+150) mod 112 = 46 bytes lie in the last packet; 2.5 ms are 25 tenths.
	// 100 % parity for two packets: 2<<22 | shard<<12 | 100<<4.
	want := []string{
		"90000000" + "01020304" + "00000000" + "00000000" + "00000000" + "01000000" + "05001000" + "40068000" + "01190002" + "2e000000",
		"90000001" + "01020304" + "00000000" + "00000000" + "00010000" + "01000000" + "03001000" + "40168000" + "aaaaaaaaaaaaaaaa",
	}
	for i, w := range want {
		if got := hex.EncodeToString(batch.Datagram(i)[:40]); got != w {
			t.Errorf("packet %d\n got %s\nwant %s", i, got, w)
		}
	}
	for i, w := range []string{"9000000201020304", "9000000301020304"} {
		d := batch.Datagram(2 + i)
		if got := hex.EncodeToString(d[:8]); got != w {
			t.Errorf("parity %d: %s, want %s", i, got, w)
		}
		if le.Uint32(d[20:]) != 1 || d[27] != 0 || le.Uint32(d[28:]) != 2<<22|uint32(2+i)<<12|100<<4 {
			t.Errorf("parity %d: frame and fec info %x", i, d[20:32])
		}
	}
	if tail := batch.Datagram(1)[32+46:]; !bytes.Equal(tail, make([]byte, len(tail))) {
		t.Errorf("the last packet is not filled with zeros: %x", tail)
	}
}

func multiply(a, b byte) byte {
	var product int
	x, y := int(a), int(b)
	for ; y > 0; y >>= 1 {
		if y&1 == 1 {
			product ^= x
		}
		if x <<= 1; x > 255 {
			x ^= 0x11d
		}
	}
	return byte(product)
}

// TestParityAgainstFieldArithmetic computes the parity of the protocol's
// formula byte by byte.
func TestParityAgainstFieldArithmetic(t *testing.T) {
	for _, s := range []shape{{1, 2}, {2, 2}, {5, 2}, {20, 4}, {100, 20}, {212, 43}, {10, 100}} {
		c := newCodecs()
		rs, err := c.get(s.data, s.parity)
		if err != nil {
			t.Fatal(err)
		}
		shards := make([][]byte, s.data+s.parity)
		rnd := rand.New(rand.NewPCG(1, uint64(s.data)))
		for i := range shards {
			shards[i] = make([]byte, 8)
			for j := range shards[i] {
				shards[i][j] = byte(rnd.Uint32())
			}
		}
		if err := rs.Encode(shards); err != nil {
			t.Fatal(err)
		}
		inverse := inverses()
		for j := range s.parity {
			for k := range 8 {
				var want byte
				for i := range s.data {
					want ^= multiply(inverse[byte(s.parity+i)^byte(j)], shards[i][k])
				}
				if got := shards[s.data+j][k]; got != want {
					t.Fatalf("%+v: parity %d byte %d is %#x, want %#x", s, j, k, got, want)
				}
			}
		}
	}
	for v := 1; v < 256; v++ {
		if multiply(byte(v), inverses()[v]) != 1 {
			t.Fatalf("inverse of %d is wrong", v)
		}
	}
}

type sink struct {
	frames []ReceivedFrame
	lost   [][2]uint32
}

func receiver(t testing.TB, size int, key *[16]byte) (*VideoReceiver, *sink) {
	t.Helper()
	s := &sink{}
	r, err := NewVideoReceiver(VideoReceiverConfig{
		PacketSize: size, Key: key,
		Frame: func(f *ReceivedFrame) {
			c := *f
			c.Data = bytes.Clone(f.Data)
			s.frames = append(s.frames, c)
		},
		Lost: func(first, last uint32) { s.lost = append(s.lost, [2]uint32{first, last}) },
	})
	if err != nil {
		t.Fatal(err)
	}
	return r, s
}

func frameOf(n int, seed uint64) []byte {
	rnd := rand.New(rand.NewPCG(seed, 7))
	data := make([]byte, n)
	for i := range data {
		data[i] = byte(rnd.Uint32())
	}
	return data
}

func TestFramesOfEverySize(t *testing.T) {
	for _, key := range []*[16]byte{nil, &testKey} {
		p := packetizer(t, VideoConfig{PacketSize: 1024, FECPercent: 20, MinParity: 2, Key: key})
		r, s := receiver(t, 1024, key)
		sizes := []int{1, 999, 1000, 1001, 1008, 2008, 20_000, 212 * 1008, 300_000, 848*1008 - 8, 848*1008 - 7, 2_000_000}
		for i, n := range sizes {
			data := frameOf(n, uint64(i))
			batch, err := p.Packetize(Frame{Data: data, IDR: i == 0, Timestamp: uint32(i), HostLatency: time.Second})
			if err != nil {
				t.Fatal(err)
			}
			if want := n > 848*1008-8; batch.WithoutFEC != want || (batch.Parity == 0) != want || batch.Blocks > MaxBlocks {
				t.Errorf("%d bytes: %+v", n, batch)
			}
			for j := range batch.Len() {
				if err := r.Push(batch.Datagram(j), time.Now()); err != nil {
					t.Fatalf("%d bytes, packet %d: %v", n, j, err)
				}
			}
			if len(s.frames) != i+1 {
				t.Fatalf("%d bytes: %d frames came out, want %d", n, len(s.frames), i+1)
			}
			f := s.frames[i]
			if !bytes.Equal(f.Data, data) || f.IDR != (i == 0) || f.Index != uint32(i+1) || f.HostLatency != time.Second || f.Recovered != 0 {
				t.Fatalf("%d bytes came out as %d: %+v", n, len(f.Data), f.Index)
			}
		}
		if _, err := p.Packetize(Frame{Data: make([]byte, 4*1023*1008)}); !errors.Is(err, ErrFrameTooLarge) {
			t.Errorf("too large: %v", err)
		}
		if _, err := p.Packetize(Frame{}); err == nil {
			t.Error("an empty frame was accepted")
		}
		if batch, err := p.Packetize(Frame{Data: []byte{1}}); err != nil || batch.FrameIndex != uint32(len(sizes)+1) {
			t.Errorf("a refused frame took an index: %+v, %v", batch, err)
		}
	}
}

// TestEveryLoss drops each combination of packets of a small frame.
func TestEveryLoss(t *testing.T) {
	p := packetizer(t, VideoConfig{PacketSize: 128, FECPercent: 20, MinParity: 2})
	data := frameOf(5*112-8, 3)
	for mask := range 1 << 7 {
		p.frame, p.sequence, p.index = 0, 0, 0
		batch, err := p.Packetize(Frame{Data: data, IDR: true})
		if err != nil || batch.Len() != 7 {
			t.Fatalf("%d packets, %v", batch.Len(), err)
		}
		r, s := receiver(t, 128, nil)
		kept := 0
		for i := range 7 {
			if mask>>i&1 == 1 {
				kept++
				if err := r.Push(batch.Datagram(i), time.Now()); err != nil {
					t.Fatal(err)
				}
			}
		}
		whole := len(s.frames) == 1 && bytes.Equal(s.frames[0].Data, data)
		if whole != (kept >= 5) {
			t.Fatalf("mask %07b: whole %v with %d of 5 packets", mask, whole, kept)
		}
	}
}

func TestLossOverManyFrames(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		rnd := rand.New(rand.NewPCG(rapid.Uint64().Draw(rt, "seed"), 1))
		p := packetizer(t, VideoConfig{PacketSize: 256, FECPercent: 20, MinParity: 2, Key: &testKey})
		r, s := receiver(t, 256, &testKey)
		sent := map[uint32][]byte{}
		loss := rapid.Float64Range(0, 0.5).Draw(rt, "loss")
		for i := range 60 {
			data := frameOf(1+rnd.IntN(4000), uint64(i))
			batch, err := p.Packetize(Frame{Data: data})
			if err != nil {
				rt.Fatal(err)
			}
			sent[batch.FrameIndex] = data
			for _, j := range rnd.Perm(batch.Len()) {
				for range 1 + rnd.IntN(2) {
					if rnd.Float64() < loss {
						continue
					}
					if err := r.Push(batch.Datagram(j), time.Now()); err != nil {
						rt.Fatal(err)
					}
				}
			}
		}
		var last uint32
		for _, f := range s.frames {
			if f.Index <= last || !bytes.Equal(f.Data, sent[f.Index]) {
				rt.Fatalf("frame %d after %d, or with wrong content", f.Index, last)
			}
			last = f.Index
		}
		accounted := uint32(len(s.frames))
		for _, l := range s.lost {
			accounted += l[1] - l[0] + 1
		}
		if accounted > 60 || accounted+patience+1 < r.next-1 {
			rt.Fatalf("%d frames accounted for, next is %d", accounted, r.next)
		}
		if len(r.pending) > maxPending {
			rt.Fatalf("%d frames pending", len(r.pending))
		}
	})
}

func TestStreamGoesOnAfterLoss(t *testing.T) {
	p := packetizer(t, VideoConfig{PacketSize: 1024, FECPercent: 20})
	r, s := receiver(t, 1024, nil)
	for i := range 10 {
		batch, err := p.Packetize(Frame{Data: frameOf(5000, uint64(i))})
		if err != nil {
			t.Fatal(err)
		}
		for j := range batch.Len() {
			if i == 2 || (i == 5 && j > 0) {
				continue // one frame lost whole, one but for its first packet
			}
			if err := r.Push(batch.Datagram(j), time.Now()); err != nil {
				t.Fatal(err)
			}
		}
	}
	if got := fmt.Sprint(s.lost); got != "[[3 3] [6 6]]" || len(s.frames) != 8 {
		t.Errorf("lost %v, %d frames", got, len(s.frames))
	}
}

func TestReceiverRefuses(t *testing.T) {
	p := packetizer(t, VideoConfig{PacketSize: 256, FECPercent: 20, MinParity: 2})
	batch, err := p.Packetize(Frame{Data: frameOf(1000, 1), IDR: true})
	if err != nil {
		t.Fatal(err)
	}
	good := bytes.Clone(batch.Datagram(0))
	for name, change := range map[string]func([]byte) []byte{
		"short":          func(d []byte) []byte { return d[:len(d)-1] },
		"long":           func(d []byte) []byte { return append(d, 0) },
		"no extension":   func(d []byte) []byte { d[0] = 0x80; return d },
		"no data":        func(d []byte) []byte { le.PutUint32(d[28:], 0); return d },
		"shard":          func(d []byte) []byte { le.PutUint32(d[28:], 1<<22|900<<12|20<<4); return d },
		"too many":       func(d []byte) []byte { le.PutUint32(d[28:], 255<<22|20<<4); return d },
		"block":          func(d []byte) []byte { d[27] = 2<<4 | 1<<6; return d },
		"other geometry": func(d []byte) []byte { le.PutUint32(d[28:], 7<<22|20<<4); return d },
	} {
		r, _ := receiver(t, 256, nil)
		if err := r.Push(bytes.Clone(good), time.Now()); err != nil {
			t.Fatal(err)
		}
		if err := r.Push(change(bytes.Clone(good)), time.Now()); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
	r, _ := receiver(t, 256, &testKey)
	if err := r.Push(make([]byte, 256+16+32), time.Now()); !errors.Is(err, ErrAuthentication) {
		t.Errorf("forged: %v", err)
	}
	for _, size := range []int{0, 1000, 8192} {
		if _, err := NewVideoPacketizer(VideoConfig{PacketSize: size}); err == nil {
			t.Errorf("packet size %d is accepted", size)
		}
	}
}

func TestNoncesAreUnique(t *testing.T) {
	p := packetizer(t, VideoConfig{PacketSize: 128, FECPercent: 20, MinParity: 2, Key: &testKey})
	seen := map[string]bool{}
	for range 50 {
		batch, err := p.Packetize(Frame{Data: frameOf(700, 1)})
		if err != nil {
			t.Fatal(err)
		}
		for i := range batch.Len() {
			nonce := string(batch.Datagram(i)[:12])
			if seen[nonce] || nonce[11] != 'V' {
				t.Fatalf("nonce %x repeats or is not marked", nonce)
			}
			seen[nonce] = true
		}
	}
}

// TestPacketizeAllocatesNothingPerPacket: the Reed-Solomon library makes two
// small allocations for each block that it encodes, whatever its size.
func TestPacketizeAllocatesNothingPerPacket(t *testing.T) {
	for _, size := range []int{500, 20_000, 150_000} {
		p := packetizer(t, VideoConfig{PacketSize: 1024, FECPercent: 20, MinParity: 2, Key: &testKey})
		data := frameOf(size, 1)
		blocks := 0
		step := func() {
			batch, err := p.Packetize(Frame{Data: data})
			if err != nil {
				t.Fatal(err)
			}
			blocks = batch.Blocks
		}
		step()
		if n := testing.AllocsPerRun(100, step); n > float64(3*blocks) { // one more under the race detector
			t.Errorf("%v allocations per frame of %d bytes in %d blocks", n, size, blocks)
		}
	}
	p := packetizer(t, VideoConfig{PacketSize: 1024, Key: &testKey})
	data := frameOf(20_000, 1)
	if n := testing.AllocsPerRun(100, func() { _, _ = p.Packetize(Frame{Data: data}) }); n != 0 {
		t.Errorf("%v allocations per frame without parity", n)
	}
}

func TestPings(t *testing.T) {
	want := Ping{Payload: [16]byte([]byte("0123456789abcdef")), Counter: 7}
	raw := want.Append(nil)
	if string(raw) != "0123456789abcdef\x00\x00\x00\x07" {
		t.Errorf("ping = %x", raw)
	}
	if got, err := ParsePing(raw); err != nil || got != want {
		t.Errorf("parsed %+v, %v", got, err)
	}
	if got, err := ParsePing([]byte("PING")); err != nil || !got.Legacy || string(got.Append(nil)) != "PING" {
		t.Errorf("legacy %+v, %v", got, err)
	}
	if _, err := ParsePing(raw[:19]); !errors.Is(err, ErrMalformed) {
		t.Errorf("short: %v", err)
	}
}

func FuzzPush(f *testing.F) {
	p := packetizer(f, VideoConfig{PacketSize: 128, FECPercent: 20, MinParity: 2})
	batch, err := p.Packetize(Frame{Data: frameOf(500, 1)})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(batch.Slab())
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, stream []byte) {
		r, _ := receiver(t, 128, nil)
		for len(stream) > 0 {
			n := min(len(stream), 144)
			_ = r.Push(stream[:n], time.Time{})
			stream = stream[n:]
		}
		if len(r.pending) > maxPending {
			t.Fatalf("%d frames pending", len(r.pending))
		}
	})
}

func FuzzParsePing(f *testing.F) {
	f.Add([]byte("PING"))
	f.Add(make([]byte, PingSize))
	f.Fuzz(func(t *testing.T, p []byte) {
		if ping, err := ParsePing(p); err == nil && !bytes.Equal(ping.Append(nil), p) {
			t.Fatalf("%x became %x", p, ping.Append(nil))
		}
	})
}

// BenchmarkPacketizeFECEncrypt counts the bytes of the encoded frames that go
// in; what comes out is a fifth more.
func BenchmarkPacketizeFECEncrypt(b *testing.B) {
	for _, size := range []int{20_000, 150_000} {
		for _, packet := range []int{992, 1360} {
			b.Run(fmt.Sprintf("frame=%d/packet=%d", size, packet), func(b *testing.B) {
				p := packetizer(b, VideoConfig{PacketSize: packet, FECPercent: 20, MinParity: 2, Key: &testKey})
				data := frameOf(size, 1)
				if _, err := p.Packetize(Frame{Data: data}); err != nil {
					b.Fatal(err)
				}
				b.SetBytes(int64(size))
				b.ReportAllocs()
				for b.Loop() {
					if _, err := p.Packetize(Frame{Data: data}); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(b.N)*float64(size)*8/b.Elapsed().Seconds()/1e9, "Gbit/s")
			})
		}
	}
}
