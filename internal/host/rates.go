package host

import (
	"time"

	"github.com/kennel-stream/kennel/internal/media"
	"github.com/kennel-stream/kennel/moonlight/rtp"
	"github.com/kennel-stream/kennel/moonlight/rtsp"
)

// Bounds of the video's bit rate in kbit/s.
const (
	minBitrate = 100
	maxBitrate = 150_000
)

const (
	// audioShare is what part of a stream the sound may take at most, in percent:
	// at low bit rates it is encoded with fewer bits, down to minAudioKbps per
	// channel.
	audioShare   = 20
	minAudioKbps = 32
	// onePacket is how full the packet of a frame is that is to have one only.
	onePacket = 0.8
)

// rates is how the bit rate that a user chose is spent. It bounds all datagrams
// of the stream: pictures, sound, and the parity of both.
type rates struct {
	videoKbps int // of the encoder
	audio     media.OpusSpec
	// fecPercent and minParity are the parity of video. Every packet is sent in
	// full size, so that parity for frames of one packet costs as much as the
	// frames: below a few packets per frame there is less parity than the client
	// asks for, or none.
	fecPercent, minParity int
}

// divide divides the bit rate of an announce. The parity of larger frames is
// fecPercent of their packets. limitKbps, if not 0, bounds what clients ask for.
// lowAudio says that the client wants stereo at a low bit rate.
func divide(a *rtsp.Announce, lowAudio bool, fecPercent, limitKbps int) rates {
	asked := a.ConfiguredBitrateKbps
	if asked == 0 {
		// An old client, which has taken off 20 % for parity already.
		asked = a.BitrateKbps * 100 / 80
	}
	if limitKbps > 0 {
		asked = min(asked, limitKbps)
	}
	r := rates{audio: opusFor(a, lowAudio, asked), fecPercent: fecPercent, minParity: min(a.MinFECPackets, maxMinParity)}
	encrypted := a.EncryptionEnabled&rtsp.EncryptVideo != 0
	payload, datagram := rtp.VideoPacket(a.PacketSize, encrypted)
	left := float64(asked - audioWire(&r.audio, a.EncryptionEnabled&rtsp.EncryptAudio != 0))
	packets := left * 1000 / 8 / float64(a.FPS) / float64(datagram) // per frame

	if r.minParity > int(packets/2) {
		r.minParity = max(0, int(packets/2))
	}
	if r.minParity == 0 && packets < 2 {
		r.fecPercent = 0
	}
	data := packets - float64(r.minParity)
	if more := (packets - 0.5) / (1 + float64(r.fecPercent)/100); r.fecPercent > 0 {
		data = min(data, more) // the rounding up costs half a packet
	}
	r.videoKbps = int(filled(data) * float64(payload) * 8 * float64(a.FPS) / 1000)
	r.videoKbps = min(max(r.videoKbps, minBitrate), maxBitrate)
	return r
}

// filled is how many packets the bytes of a frame fill for it to take data packets
// on average: the last one is half empty. Encoders keep frames to about a fifth
// of their mean size, so that small ones have one packet, or two, by their mean.
func filled(data float64) float64 {
	switch {
	case data <= 1:
		return onePacket
	case data < 2:
		return onePacket + (data-1)*(1.25-onePacket)
	}
	return data - 0.5
}

// highAudio is the bit rate in kbit/s from which clients want stereo in high
// quality (Limelight-internal.h HIGH_AUDIO_BITRATE_THRESHOLD).
const highAudio = 15_000

// audioRates are the bit rates in kbit/s by number of channels, normal and high
// quality. Packets of 5 ms cost more than Opus is known for.
var audioRates = map[int][2]int{2: {128, 512}, 6: {320, 1536}, 8: {450, 2048}}

// opusFor is how the client's sound is encoded: exactly as DESCRIBE has told the
// client to decode it. Surround has high quality when the client says so, stereo
// unless it asks for low quality. asked is the stream's bit rate in kbit/s.
func opusFor(a *rtsp.Announce, low bool, asked int) media.OpusSpec {
	layout := rtsp.SurroundLayout{Channels: 2, Streams: 1, Coupled: 1, Mapping: []uint8{0, 1}}
	for _, l := range rtsp.StandardLayouts() {
		if l.Channels == a.Channels && l.HighQuality == a.HighQualityAudio {
			layout = l
		}
	}
	spec := media.OpusSpec{
		Channels: layout.Channels, Streams: layout.Streams, Coupled: layout.Coupled, Duration: audioDuration(a),
	}
	copy(spec.Mapping[:], layout.Mapping)
	high := a.HighQualityAudio
	if layout.Channels == 2 {
		high = !low && asked >= highAudio
	}
	spec.BitrateKbps = audioRates[layout.Channels][0]
	if high {
		spec.BitrateKbps = audioRates[layout.Channels][1]
	}
	// A packet must fit into a datagram.
	spec.BitrateKbps = min(spec.BitrateKbps, rtp.MaxOpus*8/int(spec.Duration/time.Millisecond))
	encrypted := a.EncryptionEnabled&rtsp.EncryptAudio != 0
	for spec.BitrateKbps > minAudioKbps*layout.Channels && audioWire(&spec, encrypted)*100 > asked*audioShare {
		spec.BitrateKbps -= 8
	}
	return spec
}

// audioDuration is the length of a packet of sound: 5 or 10 ms.
func audioDuration(a *rtsp.Announce) time.Duration {
	if a.PacketDuration == 10*time.Millisecond {
		return a.PacketDuration
	}
	return 5 * time.Millisecond
}

// audioWire is the bit rate of all datagrams of sound, in kbit/s.
func audioWire(spec *media.OpusSpec, encrypted bool) int {
	perSecond := int(time.Second / spec.Duration)
	opus := spec.BitrateKbps * 1000 / 8 / perSecond
	return rtp.AudioBlockBytes(opus, encrypted) * 8 * perSecond / rtp.AudioBlock / 1000
}
