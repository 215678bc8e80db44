package probe

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/kennel-stream/kennel/internal/media"
)

// Audio is what came of the sound. Packets is 0 when none did.
type Audio struct {
	Channels  int    `json:"channels"`
	Packet    Millis `json:"packet_ms"`
	Encrypted bool   `json:"encrypted"`
	// Packets counts data packets, Recovered those made from parity, Lost those
	// that did not come, Refused datagrams of no use.
	Packets     uint64  `json:"packets"`
	Recovered   uint64  `json:"fec_recovered"`
	Lost        uint64  `json:"lost"`
	Refused     uint64  `json:"refused"`
	BitrateKbps float64 `json:"bitrate_kbps"`
	// Interval is from one data packet to the next.
	Interval Spread `json:"interval"`
	// PerChannel is in the order FL FR C LFE BL BR SL SR.
	PerChannel []AudioChannel `json:"per_channel"`
	// Gaps counts the times of silence, of 2 ms and more, since the first sound;
	// an app may well be silent, the demo app never is.
	Gaps       int    `json:"gaps"`
	LongestGap Millis `json:"longest_gap_ms"`
	// Offset is from the demo app's flash to its beep: above 0 the sound is late.
	Offset Offset `json:"av_offset"`
}

// AudioChannel is what was heard on a channel.
type AudioChannel struct {
	Name string `json:"name"`
	// LevelDB is the level over the whole run, in dB of full scale.
	LevelDB float64 `json:"level_db"`
	// ToneHz is the demo app's tone that is loudest there, 0 when none is heard,
	// and Right says that it is the one of this channel. ClearDB is how much
	// louder it is than any other tone.
	ToneHz  int     `json:"tone_hz"`
	Right   bool    `json:"right"`
	ClearDB float64 `json:"clear_db"`
}

// Offset is how a signed duration is distributed.
type Offset struct {
	Count int    `json:"count"`
	P50   Millis `json:"p50_ms"`
	Min   Millis `json:"min_ms"`
	Max   Millis `json:"max_ms"`
}

// pairWithin is how far flash and beep may be apart to be one pair.
const pairWithin = 500 * time.Millisecond

// offsets pairs each flash with the beep that is nearest.
func offsets(flashes, beeps []time.Time) Offset {
	var found []time.Duration
	for _, flash := range flashes {
		best := pairWithin
		for _, beep := range beeps {
			if d := beep.Sub(flash); d.Abs() < best.Abs() {
				best = d
			}
		}
		if best != pairWithin {
			found = append(found, best)
		}
	}
	if len(found) == 0 {
		return Offset{}
	}
	slices.Sort(found)
	return Offset{Count: len(found), P50: Millis(found[len(found)/2]), Min: Millis(found[0]), Max: Millis(found[len(found)-1])}
}

// finishSound makes the report of the sound. Every goroutine of the stream has
// ended.
func (s *stream) finishSound() {
	h, r := s.hearing, s.prober.report
	stats, a := h.receiver.Stats(), &r.Audio
	a.Packets, a.Recovered, a.Lost = stats.Data, stats.Recovered, stats.Lost
	a.Refused = stats.Malformed + stats.Unauthentic
	if h.failure != nil {
		r.problem("the sound could not be decoded: %v", h.failure)
	}
	if stats.Data == 0 {
		return
	}
	r.Timing.FirstAudio = Millis(h.first.Sub(s.l.at))
	if d := h.last.Sub(h.first).Seconds(); d > 0 {
		a.BitrateKbps = float64(stats.Bytes) * 8 / 1000 / d
	}
	a.Interval = spread(h.arrivals)
	h.ear.endRun()
	a.Gaps, a.LongestGap = h.ear.gaps, Millis(time.Duration(h.ear.longestGap)*time.Second/media.AudioRate)
	for k := range h.ear.channels {
		a.PerChannel = append(a.PerChannel, h.ear.channel(k))
	}
	a.Offset = offsets(s.seen.flashes, h.ear.beeps)
	s.judgeSound()
}

// judgeSound holds the demo app's tones to their channels.
func (s *stream) judgeSound() {
	r := s.prober.report
	if r.Barcode.Seen == 0 || r.Resumed {
		return // not the demo app, as far as can be seen; or it plays to another layout
	}
	for _, c := range r.Audio.PerChannel {
		if c.ToneHz != 0 && !c.Right {
			r.problem("the channel %s has the tone of another one (%d Hz)", c.Name, c.ToneHz)
		}
	}
}

func (r *Report) renderAudio(line func(name, format string, args ...any)) {
	a := r.Audio
	if a.Packets == 0 {
		line("sound", "none came")
		return
	}
	line("sound", "%d channels, packets of %s, %.0f kbit/s, first %s", a.Channels, a.Packet, a.BitrateKbps, r.Timing.FirstAudio)
	line("", "%d packets, %d recovered, %d lost, %d refused", a.Packets, a.Recovered, a.Lost, a.Refused)
	line("", "interval p50 %s, p99 %s, max %s", a.Interval.P50, a.Interval.P99, a.Interval.Max)
	if len(a.PerChannel) == 0 {
		return
	}
	var heard []string
	for _, c := range a.PerChannel {
		text := fmt.Sprintf("%s %.0f dB", c.Name, c.LevelDB)
		if c.ToneHz != 0 {
			text = fmt.Sprintf("%s %d Hz", text, c.ToneHz)
		}
		heard = append(heard, text)
	}
	for four := range slices.Chunk(heard, 4) {
		line("", "%s", strings.Join(four, ", "))
	}
	if r.Barcode.Seen > 0 {
		line("", "%d gaps, the longest %s", a.Gaps, a.LongestGap)
	}
	if o := a.Offset; o.Count > 0 {
		line("", "beep after flash: p50 %s, from %s to %s (%d)", o.P50, o.Min, o.Max, o.Count)
	}
}
