package barcode

import "time"

// The demo app's sound, which is to be read by machines too: each channel has a
// tone of its own, all of them together a major chord, and now and then every
// channel has a beep, at which the picture flashes (Reading.Flash).
const (
	// FlashEvery is the time from one flash and beep to the next: both begin when
	// CLOCK_MONOTONIC is a multiple of it.
	FlashEvery = 2 * time.Second
	// FlashFor is how long they last.
	FlashFor = 100 * time.Millisecond
	// Beep is the frequency of the beep in Hz. No tone has it.
	Beep = 3200
	// ToneLevel and BeepLevel are amplitudes, of 1.
	ToneLevel = 0.05
	BeepLevel = 0.25
)

// MaxChannels is how many channels have a tone.
const MaxChannels = 8

// tones are multiples of 50 Hz: 20 ms hold whole periods of each.
var tones = [MaxChannels]int{400, 500, 600, 800, 1000, 1200, 1600, 2000}

// Tone returns the frequency in Hz of a channel's tone, counted from 0 in the
// order FL FR C LFE BL BR SL SR.
func Tone(channel int) int { return tones[channel%MaxChannels] }

// Flashing tells whether flash and beep are on at a CLOCK_MONOTONIC time.
func Flashing(monotonicNanos uint64) bool {
	return time.Duration(monotonicNanos%uint64(FlashEvery)) < FlashFor
}
