package host

import (
	"time"

	"github.com/kennel-stream/kennel/internal/evidence"
	"github.com/kennel-stream/kennel/internal/ipc"
	"github.com/kennel-stream/kennel/internal/media"
	"github.com/kennel-stream/kennel/moonlight/rtp"
	"github.com/kennel-stream/kennel/moonlight/rtsp"
)

// audioRates are the bit rates in kbit/s by number of channels, normal and high
// quality. Packets of 5 ms cost more than Opus is known for.
var audioRates = map[int][2]int{2: {128, 512}, 6: {320, 1536}, 8: {450, 2048}}

// opusFor is how the client's sound is encoded: exactly as DESCRIBE has told the
// client to decode it.
func opusFor(a *rtsp.Announce) media.OpusSpec {
	layout := rtsp.SurroundLayout{Channels: 2, Streams: 1, Coupled: 1, Mapping: []uint8{0, 1}}
	for _, l := range rtsp.StandardLayouts() {
		if l.Channels == a.Channels && l.HighQuality == a.HighQualityAudio {
			layout = l
		}
	}
	spec := media.OpusSpec{Channels: layout.Channels, Streams: layout.Streams, Coupled: layout.Coupled, Duration: a.PacketDuration}
	copy(spec.Mapping[:], layout.Mapping)
	if spec.Duration != 10*time.Millisecond {
		spec.Duration = 5 * time.Millisecond
	}
	spec.BitrateKbps = audioRates[layout.Channels][0]
	if a.HighQualityAudio {
		spec.BitrateKbps = audioRates[layout.Channels][1]
	}
	// A packet must fit into a datagram.
	spec.BitrateKbps = min(spec.BitrateKbps, rtp.MaxOpus*8/int(spec.Duration/time.Millisecond))
	return spec
}

// listen waits for the client's first audio ping and has the session's sound
// sent there. A client that never pings does without.
func (h *Host) listen(l *link) {
	select {
	case <-l.audio.first:
	case <-l.gone:
		return
	}
	l.mu.Lock()
	a := l.announced
	l.mu.Unlock()
	config := rtp.AudioConfig{Duration: opusFor(a).Duration, KeyID: l.keyID}
	if a.EncryptionEnabled&rtsp.EncryptAudio != 0 {
		key := l.key
		config.Key = &key
	}
	packetizer, err := rtp.NewAudioPacketizer(config)
	if err != nil {
		h.log.Error("cannot stream audio", "session", l.session.ID(), "error", err)
		return
	}
	s := &audioStream{host: h, link: l, packetizer: packetizer, burst: newBurst(h.sounds)}
	l.session.PlaySound(s.packet)
}

// audioStream turns Opus packets into datagrams for one client. It is used by
// the one goroutine that reads the encoder.
type audioStream struct {
	host       *Host
	link       *link
	packetizer *rtp.AudioPacketizer
	burst      *burst
	sent       bool
}

func (s *audioStream) packet(f *ipc.Frame) {
	to := s.link.audio.to.Load()
	if s.link.isGone() || to == nil {
		return
	}
	datagrams, err := s.packetizer.Packetize(f.Data)
	if err != nil {
		s.host.floods.add("audio not sent: packet of another size", s.link.session.ID())
		return
	}
	if err := s.burst.sendAll(datagrams, *to); err != nil {
		s.host.floods.add("audio not sent: "+err.Error(), s.link.session.ID())
		return
	}
	if !s.sent {
		s.sent = true
		s.link.session.Trace().Note(evidence.StageAudioPipeline, "sent", "first packet", "encrypted", encryptedText(s.packetizer.Encrypted()))
	}
}

func encryptedText(encrypted bool) string {
	if encrypted {
		return "aes-cbc"
	}
	return "no"
}
