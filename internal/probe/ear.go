package probe

import (
	"encoding/binary"
	"math"
	"time"

	"github.com/kennel-stream/kennel/internal/barcode"
	"github.com/kennel-stream/kennel/internal/media"
)

const (
	// window is 20 ms, which hold whole periods of every tone.
	window = media.AudioRate / 50
	// beepWindow is four periods of the beep.
	beepWindow = 4 * media.AudioRate / barcode.Beep
	// beepHeard is the amplitude from which on it is the beep.
	beepHeard = barcode.BeepLevel / 2
	// quiet is the level, of 1, below which a sample is no sound: a fraction of a
	// tone's.
	quiet = barcode.ToneLevel / 12
	// zeroCrossing is the longest quiet run in samples that a tone has itself.
	zeroCrossing = media.AudioRate / 500
	// audible is the amplitude from which on a tone counts as heard.
	audible = barcode.ToneLevel / 5
)

// ear listens to decoded sound. It is used by one goroutine.
type ear struct {
	channels int
	sampled  int64
	squares  []float64   // sum, by channel
	recent   [][]float64 // the window that is being filled, by channel
	powers   [][]float64 // by channel and tone, sum of amplitudes
	windows  int

	heard      bool // any sound yet
	run        int  // quiet samples up to now
	gaps       int
	longestGap int // samples

	beeping bool
	beep    []float64   // the beep's window, of the first channel
	beeps   []time.Time // when each began
}

func newEar(channels int) *ear {
	e := &ear{channels: channels, squares: make([]float64, channels), recent: make([][]float64, channels), powers: make([][]float64, channels)}
	for k := range channels {
		e.powers[k] = make([]float64, barcode.MaxChannels)
	}
	return e
}

// hear takes the sound of a packet that came at that time.
func (e *ear) hear(pcm []byte, at time.Time) {
	frame := 2 * e.channels
	for i := 0; i+frame <= len(pcm); i += frame {
		loudest := 0.0
		for k := range e.channels {
			v := float64(int16(binary.LittleEndian.Uint16(pcm[i+2*k:]))) / math.MaxInt16
			e.squares[k] += v * v
			e.recent[k] = append(e.recent[k], v)
			loudest = max(loudest, math.Abs(v))
			if k == 0 {
				e.listenForBeep(v, at.Add(time.Duration(i/frame)*time.Second/media.AudioRate))
			}
		}
		e.sampled++
		e.mind(loudest)
		if len(e.recent[0]) == window {
			e.analyse()
		}
	}
}

// miss takes a packet that did not come, as silence.
func (e *ear) miss(samples int, at time.Time) { e.hear(make([]byte, 2*e.channels*samples), at) }

// mind follows quiet runs.
func (e *ear) mind(loudest float64) {
	if loudest < quiet {
		e.run++
		return
	}
	e.endRun()
	e.heard = true
}

func (e *ear) endRun() {
	if e.heard && e.run > zeroCrossing {
		e.gaps++
		e.longestGap = max(e.longestGap, e.run)
	}
	e.run = 0
}

// analyse books a window's tones, unless it beeps.
func (e *ear) analyse() {
	if amplitude(e.recent[0], barcode.Beep) < beepHeard/8 {
		for k, samples := range e.recent {
			for tone := range e.powers[k] {
				e.powers[k][tone] += amplitude(samples, barcode.Tone(tone))
			}
		}
		e.windows++
	}
	for k := range e.recent {
		e.recent[k] = e.recent[k][:0]
	}
}

// listenForBeep notes when the beep begins.
func (e *ear) listenForBeep(v float64, at time.Time) {
	e.beep = append(e.beep, v)
	if len(e.beep) < beepWindow {
		return
	}
	loud := amplitude(e.beep, barcode.Beep) > beepHeard
	if loud && !e.beeping {
		// Half of the window must have had it.
		e.beeps = append(e.beeps, at.Add(-beepWindow/2*time.Second/media.AudioRate))
	}
	e.beeping = loud
	// A quarter of a window further.
	e.beep = e.beep[:copy(e.beep, e.beep[beepWindow/4:])]
}

// amplitude is that of one frequency in samples (Goertzel).
func amplitude(samples []float64, hertz int) float64 {
	c := 2 * math.Cos(2*math.Pi*float64(hertz)/media.AudioRate)
	var s1, s2 float64
	for _, v := range samples {
		s1, s2 = v+c*s1-s2, s1
	}
	return 2 * math.Sqrt(max(0, s1*s1+s2*s2-c*s1*s2)) / float64(len(samples))
}

// channel says what was heard on one.
func (e *ear) channel(k int) AudioChannel {
	a := AudioChannel{Name: channelNames[k], LevelDB: -100}
	if e.sampled > 0 {
		a.LevelDB = max(-100, 10*math.Log10(e.squares[k]/float64(e.sampled)+1e-12))
	}
	if e.windows == 0 {
		return a
	}
	best, second := -1, 0.0
	for tone, sum := range e.powers[k] {
		switch {
		case best < 0 || sum > e.powers[k][best]:
			if best >= 0 {
				second = max(second, e.powers[k][best])
			}
			best = tone
		default:
			second = max(second, sum)
		}
	}
	if loudest := e.powers[k][best]; loudest/float64(e.windows) > audible {
		a.ToneHz = barcode.Tone(best)
		a.Right = best == k
		a.ClearDB = min(99, 20*math.Log10(loudest/(second+1e-9)))
	}
	return a
}

// channelNames are in the order of clients.
var channelNames = [media.MaxAudioChannels]string{"FL", "FR", "C", "LFE", "BL", "BR", "SL", "SR"}
