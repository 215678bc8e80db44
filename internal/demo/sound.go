package demo

import (
	"context"
	"encoding/binary"
	"math"
	"sync"
	"time"

	"github.com/kennel-stream/kennel/internal/barcode"
	"github.com/kennel-stream/kennel/internal/pulse"
)

const (
	// playLatency is how far ahead of what is heard the app writes.
	playLatency = 100 * time.Millisecond
	// measureEvery is the time between looks at how far that is indeed.
	measureEvery = time.Second
	// replay is the pause before a sound server is tried again.
	replay = 100 * time.Millisecond
	// attack is the time in which the beep swells, so that it does not click.
	attack = time.Millisecond
)

// play plays on the default sink until ctx ends or stop is called, on the next
// server when one goes. Without sound the app is silent.
func play(ctx context.Context, log func(string)) (stop func()) {
	socket, err := pulse.Socket()
	if err != nil {
		return func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	var playing sync.WaitGroup
	playing.Go(func() {
		for ctx.Err() == nil {
			if err := playOn(ctx, socket); err != nil && ctx.Err() == nil {
				log("no sound: " + err.Error())
			}
			select {
			case <-ctx.Done():
			case <-time.After(replay):
			}
		}
	})
	return func() { cancel(); playing.Wait() }
}

// defaultSink is the server's own choice.
const defaultSink = "@DEFAULT_SINK@"

// playOn plays on one server until that or ctx ends.
func playOn(ctx context.Context, socket string) error {
	client, err := pulse.Dial(ctx, socket, "Kennel demo")
	if err != nil {
		return err
	}
	defer client.Close()
	channels, err := client.Channels(defaultSink)
	if err != nil {
		return err
	}
	channels = min(channels, barcode.MaxChannels)
	wanted := make(chan int, 256)
	playback, err := client.Play(defaultSink, channels, playLatency, func(bytes int) {
		select {
		case wanted <- bytes:
		default: // a server that asks that often is not in its right mind
			client.Close()
		}
	})
	if err != nil {
		return err
	}
	c := chord{channels: channels, at: monotonic() + uint64(playLatency)}
	var measured time.Time
	for {
		select {
		case bytes := <-wanted:
			if err := playback.Write(c.next(bytes / (channels * pulse.SampleBytes))); err != nil {
				return err
			}
		case <-client.Done():
			return nil
		case <-ctx.Done():
			return nil
		}
		if time.Since(measured) < measureEvery {
			continue
		}
		measured = time.Now()
		delay, err := playback.Delay(channels)
		if err != nil {
			return err
		}
		c.heardAt(monotonic() + uint64(delay))
	}
}

// chord makes the app's sound.
type chord struct {
	channels int
	sample   uint64 // to be made next, counted from the start
	at       uint64 // CLOCK_MONOTONIC nanoseconds at which it is heard
	pcm      []byte
}

// heardAt corrects when the next sample is heard. Small errors stay: each
// correction moves a beep.
func (c *chord) heardAt(at uint64) {
	const tolerance = 2 * time.Millisecond
	if off := time.Duration(at - c.at); off > tolerance || off < -tolerance {
		c.at = at
	}
}

// maxSamples bounds one piece of sound.
const maxSamples = pulse.Rate

// next makes the next samples, valid until the next call.
func (c *chord) next(samples int) []byte {
	samples = min(max(samples, 0), maxSamples)
	c.pcm = c.pcm[:0]
	for range samples {
		seconds := float64(c.sample) / pulse.Rate
		beep := c.beep(seconds)
		for k := range c.channels {
			v := barcode.ToneLevel*math.Sin(2*math.Pi*float64(barcode.Tone(k))*seconds) + beep
			c.pcm = binary.LittleEndian.AppendUint16(c.pcm, uint16(int16(v*math.MaxInt16)))
		}
		c.sample++
		c.at += uint64(time.Second / pulse.Rate)
		if c.sample%3 == 0 {
			c.at++ // a sample is 20833 1/3 ns
		}
	}
	return c.pcm
}

// beep is the beep's part of the sample that is due.
func (c *chord) beep(seconds float64) float64 {
	if !barcode.Flashing(c.at) {
		return 0
	}
	since := time.Duration(c.at % uint64(barcode.FlashEvery))
	swell := min(1, float64(min(since, barcode.FlashFor-since))/float64(attack))
	return barcode.BeepLevel * swell * math.Sin(2*math.Pi*barcode.Beep*seconds)
}
