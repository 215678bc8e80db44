package probe

import (
	"encoding/binary"
	"math"
	"testing"
	"time"

	"github.com/kennel-stream/kennel/internal/barcode"
	"github.com/kennel-stream/kennel/internal/media"
)

const packet = media.AudioRate / 200

// sing makes a packet of the demo's sound with tones of the given channels; -1
// is silence.
func sing(first int, tones []int, beep bool) []byte {
	var pcm []byte
	for i := first; i < first+packet; i++ {
		for _, tone := range tones {
			v := 0.0
			if tone >= 0 {
				v = barcode.ToneLevel * math.Sin(2*math.Pi*float64(barcode.Tone(tone))*float64(i)/media.AudioRate)
			}
			if beep {
				v += barcode.BeepLevel * math.Sin(2*math.Pi*barcode.Beep*float64(i)/media.AudioRate)
			}
			pcm = binary.LittleEndian.AppendUint16(pcm, uint16(int16(v*math.MaxInt16)))
		}
	}
	return pcm
}

// TestEar: tones are found in their channels, a wrong one is told, silence is
// measured from the first sound on, and beeps are timed.
func TestEar(t *testing.T) {
	e := newEar(3)
	began := time.Unix(1000, 0)
	for n := range 400 {
		at := began.Add(time.Duration(n) * 5 * time.Millisecond)
		switch {
		case n < 20: // before the first sound: no gap
			e.miss(packet, at)
		case n == 100, n == 200, n == 201:
			e.miss(packet, at)
		default:
			beep := n >= 300 && n < 320
			e.hear(sing(n*packet, []int{0, 2, -1}, beep), at)
		}
	}
	e.endRun()
	first, second, third := e.channel(0), e.channel(1), e.channel(2)
	if first.ToneHz != barcode.Tone(0) || !first.Right || first.ClearDB < 20 || math.Abs(first.LevelDB+29) > 4 || first.Name != "FL" {
		t.Errorf("first channel: %+v", first)
	}
	if second.ToneHz != barcode.Tone(2) || second.Right {
		t.Errorf("the second channel has the third's tone: %+v", second)
	}
	if third.ToneHz != 0 || third.Right {
		t.Errorf("the third channel is silent but for the beep: %+v", third)
	}
	gap := float64(e.longestGap) / media.AudioRate * 1000
	if e.gaps != 2 || gap < 9.5 || gap > 11 {
		t.Errorf("%d gaps, the longest %.1f ms", e.gaps, gap)
	}
	want := began.Add(1500 * time.Millisecond)
	if len(e.beeps) != 1 || e.beeps[0].Sub(want).Abs() > time.Millisecond {
		t.Errorf("beeps %v, want one at %v", e.beeps, want)
	}
}

func TestOffsets(t *testing.T) {
	at := func(ms int) time.Time { return time.Unix(5000, 0).Add(time.Duration(ms) * time.Millisecond) }
	got := offsets([]time.Time{at(0), at(2000), at(4000), at(8000)}, []time.Time{at(-10), at(2020), at(4005), at(6000)})
	if got.Count != 3 || time.Duration(got.Min) != -10*time.Millisecond || time.Duration(got.P50) != 5*time.Millisecond || time.Duration(got.Max) != 20*time.Millisecond {
		t.Errorf("offsets %+v", got)
	}
	if got := offsets(nil, []time.Time{at(0)}); got.Count != 0 {
		t.Errorf("no flash: %+v", got)
	}
}
