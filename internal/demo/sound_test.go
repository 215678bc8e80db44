package demo

import (
	"encoding/binary"
	"math"
	"testing"
	"time"

	"github.com/kennel-stream/kennel/internal/barcode"
	"github.com/kennel-stream/kennel/internal/pulse"
)

// channelOf splits interleaved sound.
func channelOf(pcm []byte, k, channels int) []float64 {
	var samples []float64
	for i := 2 * k; i+1 < len(pcm); i += 2 * channels {
		samples = append(samples, float64(int16(binary.LittleEndian.Uint16(pcm[i:])))/math.MaxInt16)
	}
	return samples
}

func strength(samples []float64, hertz int) float64 {
	var re, im float64
	for i, v := range samples {
		sin, cos := math.Sincos(2 * math.Pi * float64(hertz) * float64(i) / pulse.Rate)
		re, im = re+v*cos, im+v*sin
	}
	return 2 * math.Hypot(re, im) / float64(len(samples))
}

// TestChord: each channel has its own tone and no other's.
func TestChord(t *testing.T) {
	for _, channels := range []int{1, 2, 6, 8} {
		c := chord{channels: channels, at: uint64(time.Second)}
		pcm := append([]byte(nil), c.next(480)...)
		pcm = append(pcm, c.next(480)...) // without a seam
		if len(pcm) != 960*2*channels {
			t.Fatalf("%d bytes", len(pcm))
		}
		for k := range channels {
			samples := channelOf(pcm, k, channels)
			for other := range barcode.MaxChannels {
				want := 0.0
				if other == k {
					want = barcode.ToneLevel
				}
				if got := strength(samples, barcode.Tone(other)); math.Abs(got-want) > 0.001 {
					t.Errorf("%d channels: channel %d has %.4f of tone %d, want %.4f", channels, k, got, other, want)
				}
			}
		}
	}
}

// TestBeep: it begins with the flash, to the sample, on every channel, and time
// does not drift with the samples.
func TestBeep(t *testing.T) {
	before := 10 * time.Millisecond
	c := chord{channels: 2, at: uint64(3*barcode.FlashEvery - before)}
	samples := channelOf(c.next(pulse.Rate), 1, 2)
	begin := int(before * pulse.Rate / time.Second)
	if got := strength(samples[begin-90:begin], barcode.Beep); got > 0.03 {
		t.Errorf("%.3f of the beep before its time", got)
	}
	if got := strength(samples[begin+150:begin+300], barcode.Beep); got < barcode.BeepLevel*0.9 {
		t.Errorf("%.3f of the beep in its time", got)
	}
	end := begin + int(barcode.FlashFor*pulse.Rate/time.Second)
	if got := strength(samples[end:end+90], barcode.Beep); got > 0.03 {
		t.Errorf("%.3f of the beep after its time", got)
	}
	if want := uint64(3*barcode.FlashEvery - before + time.Second); c.at != want {
		t.Errorf("after a second it is %d ns off", int64(c.at-want))
	}
	at := c.at
	if c.heardAt(at + uint64(time.Millisecond)); c.at != at {
		t.Error("a small error moves the beep")
	}
	if c.heardAt(at + uint64(50*time.Millisecond)); c.at == at {
		t.Error("a large error stays")
	}
}
