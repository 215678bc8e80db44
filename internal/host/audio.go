package host

import (
	"github.com/kennel-stream/kennel/internal/evidence"
	"github.com/kennel-stream/kennel/internal/ipc"
	"github.com/kennel-stream/kennel/moonlight/rtp"
	"github.com/kennel-stream/kennel/moonlight/rtsp"
)

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
	config := rtp.AudioConfig{Duration: audioDuration(a), KeyID: l.keyID}
	if a.EncryptionEnabled&rtsp.EncryptAudio != 0 {
		key := l.key
		config.Key = &key
	}
	packetizer, err := rtp.NewAudioPacketizer(config)
	if err != nil {
		h.log.Error("cannot stream audio", "session", l.session.ID(), "error", err)
		return
	}
	s := &audioStream{host: h, link: l, packetizer: packetizer, burst: h.quiet.audio.newBurst()}
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
