package rtp

import (
	"bytes"
	"encoding/hex"
	"errors"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/klauspost/reedsolomon"
	"pgregory.net/rapid"
)

var audioKey = [16]byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}

func audioPacketizer(t testing.TB, encrypted bool) (*AudioPacketizer, AudioConfig) {
	t.Helper()
	config := AudioConfig{Duration: 5 * time.Millisecond, KeyID: -2}
	if encrypted {
		config.Key = &audioKey
	}
	p, err := NewAudioPacketizer(config)
	if err != nil {
		t.Fatal(err)
	}
	return p, config
}

// opusPacket is a made-up packet whose bytes tell its number.
func opusPacket(number, length int) []byte {
	p := bytes.Repeat([]byte{byte(number)}, length)
	p[0] = byte(number >> 8)
	return p
}

// packetize returns the datagrams of packets first to first+count-1.
func packetize(t testing.TB, p *AudioPacketizer, first, count, length int) [][]byte {
	t.Helper()
	var all [][]byte
	for i := first; i < first+count; i++ {
		datagrams, err := p.Packetize(opusPacket(i, length))
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range datagrams {
			all = append(all, bytes.Clone(d))
		}
	}
	return all
}

// TestAudioGolden holds the bytes of a block in the clear.
func TestAudioGolden(t *testing.T) {
	p, _ := audioPacketizer(t, false)
	packetize(t, p, 0, 4, 3)
	var got []string
	for _, d := range packetize(t, p, 4, 4, 3) {
		got = append(got, hex.EncodeToString(d))
	}
	want := []string{
		"806100040000001400000000" + "000404",
		"806100050000001900000000" + "000505",
		"806100060000001e00000000" + "000606",
		"806100070000002300000000" + "000707",
		"807f00080000000000000000" + "006100040000001400000000" + "002626",
		"807f00090000000000000000" + "016100040000001400000000" + "000d0d",
	}
	for i, w := range want[4:] {
		// The parity by the formula, beside the bytes.
		var sum byte
		for k := range 4 {
			sum ^= multiply(audioMatrix[i][k], byte(4+k))
		}
		if w[len(w)-2:] != hex.EncodeToString([]byte{sum}) {
			t.Errorf("parity %d is %02x by the formula", i, sum)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// TestAudioGoldenEncrypted holds ciphertext that was made with OpenSSL:
//
//	printf '\0\1\1' | openssl enc -aes-128-cbc -K 0102030405060708090a0b0c0d0e0f10 -iv ffffffff000000000000000000000000
func TestAudioGoldenEncrypted(t *testing.T) {
	p, _ := audioPacketizer(t, true)
	d := packetize(t, p, 0, 2, 3)
	if want := "5f6b934ad68c597774aa9888cf64c60e"; hex.EncodeToString(d[1][audioHeader:]) != want {
		t.Errorf("sealed %x, want %s", d[1][audioHeader:], want)
	}
	if whole := packetize(t, p, 2, 1, 3); len(whole[0]) != audioHeader+16 {
		t.Errorf("a packet of 3 bytes takes %d", len(whole[0]))
	}
	q, _ := audioPacketizer(t, true)
	if d := packetize(t, q, 0, 1, 32); len(d[0]) != audioHeader+48 {
		t.Errorf("a packet of two blocks takes %d: the padding is missing", len(d[0]))
	}
}

// TestAudioParityIsTheMatrix: the tables make what a Reed-Solomon library makes
// with the same matrix.
func TestAudioParityIsTheMatrix(t *testing.T) {
	rs, err := reedsolomon.New(4, 2, reedsolomon.WithCustomMatrix([][]byte{{0x77, 0x40, 0x38, 0x0e}, {0xc7, 0xa7, 0x0d, 0x6c}}))
	if err != nil {
		t.Fatal(err)
	}
	p, _ := audioPacketizer(t, false)
	random := rand.New(rand.NewPCG(1, 2))
	for range 50 {
		shards := make([][]byte, 6)
		var sent [][]byte
		for i := range shards {
			shards[i] = make([]byte, 77)
			for j := range shards[i] {
				shards[i][j] = byte(random.Uint32())
			}
			if i < 4 {
				d, err := p.Packetize(shards[i])
				if err != nil {
					t.Fatal(err)
				}
				sent = d
			}
		}
		if err := rs.Encode(shards); err != nil {
			t.Fatal(err)
		}
		for j := range 2 {
			if !bytes.Equal(sent[1+j][24:], shards[4+j]) {
				t.Fatalf("parity %d differs", j)
			}
		}
	}
}

// received is what a receiver handed out.
type received struct {
	numbers []int
	lost    int
	fixed   int
}

func audioReceiver(t testing.TB, config AudioConfig, length int, got *received) *AudioReceiver {
	t.Helper()
	r, err := NewAudioReceiver(AudioReceiverConfig{
		AudioConfig: config,
		Packet: func(p *ReceivedAudio) {
			number := int(p.Opus[0])<<8 | int(p.Opus[1])
			if !bytes.Equal(p.Opus, opusPacket(number, length)) {
				t.Errorf("packet %d is %x", p.Sequence, p.Opus)
			}
			got.numbers = append(got.numbers, number)
			if p.Recovered {
				got.fixed++
			}
		},
		Lost: func(n int) { got.lost += n },
	})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestAudioRecovery: any two datagrams of a block may be lost, in the clear and
// encrypted; of three, what came is handed out and the rest is told.
func TestAudioRecovery(t *testing.T) {
	for _, encrypted := range []bool{false, true} {
		for mask := range 1 << 6 {
			p, config := audioPacketizer(t, encrypted)
			var got received
			r := audioReceiver(t, config, 20, &got)
			missing, missingData := 0, 0
			for i, d := range packetize(t, p, 0, 24, 20) {
				if block := i / 6; block == 1 && mask>>(i%6)&1 == 1 {
					missing++
					if i%6 < 4 {
						missingData++
					}
					continue
				}
				if err := r.Push(d, time.Unix(1, 0)); err != nil {
					t.Fatal(err)
				}
			}
			wantLost := 0
			if missing > 2 {
				wantLost = missingData
			}
			if got.lost != wantLost || len(got.numbers) != 24-wantLost || !slices.IsSorted(got.numbers) {
				t.Fatalf("encrypted %t, lost %06b: %d told as lost, want %d; packets %v", encrypted, mask, got.lost, wantLost, got.numbers)
			}
			if wantLost == 0 && got.fixed != missingData {
				t.Errorf("lost %06b: %d recovered, want %d", mask, got.fixed, missingData)
			}
		}
	}
}

// TestAudioOrder: datagrams that are swapped, doubled or lost, across the wrap
// of the sequence number, come out in order, each at most once.
func TestAudioOrder(t *testing.T) {
	p, config := audioPacketizer(t, true)
	p.sequence = 65536 - 40
	all := packetize(t, p, 0, 80, 17)
	rapid.Check(t, func(t *rapid.T) {
		random := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		way := slices.Clone(all)
		for i := range len(way) - 1 {
			if random.IntN(3) == 0 {
				way[i], way[i+1] = way[i+1], way[i]
			}
		}
		var got []uint16
		lost := 0
		r, err := NewAudioReceiver(AudioReceiverConfig{
			AudioConfig: config,
			Packet:      func(p *ReceivedAudio) { got = append(got, p.Sequence) },
			Lost:        func(n int) { lost += n },
		})
		if err != nil {
			t.Fatal(err)
		}
		for i, d := range way {
			times := 1
			if i > 0 {
				times = random.IntN(20) // mostly more than one
				times = min(times, 2)
			}
			for range times {
				_ = r.Push(d, time.Unix(1, 0))
			}
		}
		for i := 1; i < len(got); i++ {
			if int16(got[i]-got[i-1]) <= 0 {
				t.Fatalf("%d came after %d", got[i], got[i-1])
			}
		}
		if len(got)+lost < 64 || len(got)+lost > 80 {
			t.Fatalf("%d packets and %d lost of 80", len(got), lost)
		}
	})
}

func TestAudioRefusals(t *testing.T) {
	p, config := audioPacketizer(t, false)
	packetize(t, p, 0, 1, 10)
	if _, err := p.Packetize(make([]byte, 11)); !errors.Is(err, ErrAudioSize) {
		t.Errorf("another length: %v", err)
	}
	for _, length := range []int{0, MaxOpus + 1} {
		if _, err := p.Packetize(make([]byte, length)); err == nil {
			t.Errorf("%d bytes: no error", length)
		}
	}
	// The stream goes on as if nothing had been.
	if d := packetize(t, p, 1, 1, 10); be.Uint16(d[0][2:]) != 1 {
		t.Errorf("the next packet is %x", d[0])
	}
	longest, _ := audioPacketizer(t, true)
	for _, d := range packetize(t, longest, 0, 4, MaxOpus) {
		if len(d) > MaxAudioDatagram {
			t.Errorf("a datagram of %d bytes", len(d))
		}
	}
	if _, err := NewAudioPacketizer(AudioConfig{Duration: 2500 * time.Microsecond}); err == nil {
		t.Error("half milliseconds are taken")
	}
	if _, err := NewAudioReceiver(AudioReceiverConfig{AudioConfig: config}); err == nil {
		t.Error("a receiver without a listener")
	}
	// What was made with another key is lost, not heard.
	sealed, keyed := audioPacketizer(t, true)
	other := audioKey
	other[0]++
	keyed.Key = &other
	heard := 0
	r, err := NewAudioReceiver(AudioReceiverConfig{AudioConfig: keyed, Packet: func(*ReceivedAudio) { heard++ }})
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range packetize(t, sealed, 0, 64, 16) {
		_ = r.Push(d, time.Unix(1, 0))
	}
	// One padding in 256 is right by chance.
	if stats := r.Stats(); heard > 8 || stats.Unauthentic+uint64(heard) != 64 {
		t.Errorf("heard %d packets with a wrong key, %+v", heard, stats)
	}
}

// FuzzAudioReceiver: datagrams of any kind do no harm.
func FuzzAudioReceiver(f *testing.F) {
	for _, encrypted := range []bool{false, true} {
		p, _ := audioPacketizer(f, encrypted)
		var stream []byte
		for _, d := range packetize(f, p, 0, 8, 16) {
			f.Add(d, encrypted)
			stream = append(append(stream, byte(len(d))), d...)
		}
		f.Add(stream, encrypted)
	}
	f.Fuzz(func(t *testing.T, data []byte, encrypted bool) {
		_, config := audioPacketizer(t, encrypted)
		handed := 0
		r, err := NewAudioReceiver(AudioReceiverConfig{AudioConfig: config, Packet: func(p *ReceivedAudio) {
			if handed++; len(p.Opus) == 0 {
				t.Error("an empty packet")
			}
		}})
		if err != nil {
			t.Fatal(err)
		}
		_ = r.Push(data, time.Unix(1, 0))
		for len(data) > 0 {
			n := min(int(data[0]), len(data)-1)
			_ = r.Push(data[1:1+n], time.Unix(1, 0))
			data = data[1+n:]
			if len(r.blocks) > maxAudioBlocks {
				t.Fatalf("%d blocks are kept", len(r.blocks))
			}
		}
	})
}

// TestAudioAllocations: a packet costs no memory.
func TestAudioAllocations(t *testing.T) {
	for _, encrypted := range []bool{false, true} {
		p, _ := audioPacketizer(t, encrypted)
		opus := make([]byte, 80)
		if n := testing.AllocsPerRun(100, func() {
			if _, err := p.Packetize(opus); err != nil {
				t.Fatal(err)
			}
		}); n != 0 {
			t.Errorf("encrypted %t: %v allocations per packet", encrypted, n)
		}
	}
}

func BenchmarkAudioPacketizer(b *testing.B) {
	for _, bench := range []struct {
		name      string
		encrypted bool
		length    int
	}{{"stereo", false, 80}, {"stereo-encrypted", true, 80}, {"7.1-high-encrypted", true, 1280}} {
		b.Run(bench.name, func(b *testing.B) {
			p, _ := audioPacketizer(b, bench.encrypted)
			opus := make([]byte, bench.length)
			b.SetBytes(int64(bench.length))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := p.Packetize(opus); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
