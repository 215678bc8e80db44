package probe

import (
	"bytes"
	"context"
	"slices"
	"time"

	"github.com/kennel-stream/kennel/internal/evidence"
	"github.com/kennel-stream/kennel/internal/media"
	"github.com/kennel-stream/kennel/internal/process"
	"github.com/kennel-stream/kennel/moonlight/rtp"
	"github.com/kennel-stream/kennel/moonlight/rtsp"
)

// audioMasks are the speakers of each number of channels.
var audioMasks = map[int]uint16{2: 0x3, 6: 0x3f, 8: 0x63f}

// packetDuration is what a probe asks for, as clients do on a good network.
const packetDuration = 5 * time.Millisecond

// opusOf is how a host said that it would encode that many channels.
func opusOf(d *rtsp.Describe, channels int) (media.OpusSpec, error) {
	spec := media.OpusSpec{Channels: 2, Streams: 1, Coupled: 1, Mapping: [8]uint8{0, 1}, Duration: packetDuration, BitrateKbps: 128}
	if channels == 2 {
		return spec, nil
	}
	i := slices.IndexFunc(d.Surround, func(l rtsp.SurroundLayout) bool { return l.Channels == channels && !l.HighQuality })
	if i < 0 {
		return spec, evidence.Errorf(evidence.Unavailable, "the host offers no sound of %d channels: use --audio-channels 2", channels)
	}
	l := d.Surround[i]
	spec.Channels, spec.Streams, spec.Coupled = l.Channels, l.Streams, l.Coupled
	copy(spec.Mapping[:], l.Mapping)
	return spec, nil
}

// hearing is the sound of one run.
type hearing struct {
	receiver *rtp.AudioReceiver // of the receiving goroutine
	opus     chan opusPacket    // closed by the receiving goroutine
	first    time.Time
	last     time.Time
	arrivals []time.Duration // from one data packet to the next
	overrun  int             // packets that came faster than they could be decoded

	ear     *ear // of the decoding goroutine
	failure error
}

// opusPacket is a packet on its way to the decoder; without data, one that did
// not come.
type opusPacket struct {
	data []byte
	at   time.Time
}

// maxQueuedSound is a few seconds.
const maxQueuedSound = 1024

func newHearing(l launched, n negotiated) (*hearing, error) {
	h := &hearing{opus: make(chan opusPacket, maxQueuedSound), ear: newEar(n.opus.Channels)}
	config := rtp.AudioReceiverConfig{AudioConfig: rtp.AudioConfig{Duration: n.opus.Duration, KeyID: l.keyID}}
	if n.encryption&rtsp.EncryptAudio != 0 {
		key := l.key
		config.Key = &key
	}
	config.Packet = func(p *rtp.ReceivedAudio) { h.queue(opusPacket{bytes.Clone(p.Opus), p.At}) }
	config.Lost = func(count int) {
		for range count {
			h.queue(opusPacket{at: h.last})
		}
	}
	var err error
	h.receiver, err = rtp.NewAudioReceiver(config)
	return h, err
}

func (h *hearing) queue(p opusPacket) {
	select {
	case h.opus <- p:
	default:
		h.overrun++
	}
}

// hear receives sound until ctx ends. That none comes is no reason to leave.
func (s *stream) hear(ctx context.Context) {
	h := s.hearing
	defer close(h.opus)
	stop := context.AfterFunc(ctx, func() { _ = s.audio.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	buf := make([]byte, 2*rtp.MaxAudioDatagram)
	for {
		n, from, err := s.audio.ReadFromUDPAddrPort(buf)
		if err != nil {
			return
		}
		if from.Addr().Unmap() != s.addr.Unmap() {
			continue
		}
		now := time.Now()
		before := h.receiver.Stats().Data
		// What is of no use is counted by the receiver.
		_ = h.receiver.Push(buf[:n], now)
		stats := h.receiver.Stats()
		s.heard(stats)
		if stats.Data == before {
			continue
		}
		if h.first.IsZero() {
			h.first = now
		} else {
			h.arrivals = append(h.arrivals, now.Sub(h.last))
		}
		h.last = now
	}
}

// decodeSound decodes until the receiver closes the queue. Its decoder is a
// process of its own.
func (s *stream) decodeSound(ctx context.Context) {
	h := s.hearing
	decode, stop, err := startSoundDecoder(ctx, s.prober.o.MediaExecutable, s.n.opus)
	if err == nil {
		defer stop()
	}
	for p := range h.opus {
		if err != nil || ctx.Err() != nil {
			continue // the queue is emptied
		}
		var pcm []byte
		if p.data != nil {
			pcm, err = decode(p.data)
		}
		switch {
		case err != nil:
		case len(pcm) == 0:
			h.ear.miss(s.n.opus.Samples(), p.at)
		default:
			h.ear.hear(pcm, p.at)
		}
	}
	if ctx.Err() == nil || h.ear.sampled == 0 {
		h.failure = err
	}
}

func startSoundDecoder(ctx context.Context, executable string, spec media.OpusSpec) (decode func([]byte) ([]byte, error), stop func(), err error) {
	ctx, cancel := context.WithTimeout(ctx, workerTimeout)
	defer cancel()
	spawner := process.NewSpawner()
	w, err := media.Start(ctx, spawner, media.Options{
		Executable: executable, Audio: true, Env: []string{"PATH=/usr/bin:/bin", "HOME=/nonexistent", "LANG=C.UTF-8"},
	})
	if err != nil {
		spawner.Close()
		return nil, nil, err
	}
	stop = func() { w.Kill(); spawner.Close() }
	d, err := w.DecodeAudio(ctx, spec)
	if err != nil {
		stop()
		return nil, nil, err
	}
	return d.Decode, stop, nil
}
