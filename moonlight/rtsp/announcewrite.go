package rtsp

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"time"
)

// Marshal returns the payload of ANNOUNCE as the client writes it, with the
// constants that the client adds. host is the address of the host, videoPort the
// port out of the SETUP of video. What ParseAnnounce would refuse is an error.
func (a *Announce) Marshal(host netip.Addr, videoPort uint16) ([]byte, error) {
	family := "IPv4"
	if host = host.Unmap(); host.Is6() {
		family = "IPv6"
	}
	b := fmt.Appendf(nil, "v=0\r\no=android 0 14 IN %s %s\r\ns=NVIDIA Streaming Client\r\n", family, host.WithZone(""))
	for _, f := range slices.Concat(a.videoFields(), a.transportFields(), a.codecFields(), a.audioFields()) {
		b = append(append(append(b, "a="...), f.name...), ':')
		b = append(strconv.AppendInt(b, f.value, 10), " \r\n"...)
	}
	b = fmt.Appendf(b, "t=0 0\r\nm=video %d  \r\n", videoPort)
	if _, err := ParseAnnounce(b); err != nil {
		return nil, fmt.Errorf("cannot announce: %w", err)
	}
	return b, nil
}

// An intField is a line a=name:value. The fields come in the client's order.
type intField struct {
	name  string
	value int64
}

func (a *Announce) videoFields() []intField {
	bitrate := int64(a.BitrateKbps)
	return []intField{
		{attrClientFeatures, int64(a.Features)},
		{attrEncryptionEnabled, int64(a.EncryptionEnabled)},
		{attrChroma, number(a.Chroma444)},
		{attrWidth, int64(a.Width)},
		{attrHeight, int64(a.Height)},
		{attrFPS, int64(a.FPS)},
		{attrPacketSize, int64(a.PacketSize)},
		{"x-nv-video[0].rateControlMode", 4},
		{"x-nv-video[0].timeoutLengthMs", 7000},
		{"x-nv-video[0].framesWithInvalidRefThreshold", 0},
		{"x-nv-video[0].initialBitrateKbps", bitrate},
		{"x-nv-video[0].initialPeakBitrateKbps", bitrate},
		{"x-nv-vqos[0].bw.minimumBitrateKbps", bitrate},
		{attrMaximumBitrate, bitrate},
		{attrConfiguredBitrate, int64(a.ConfiguredBitrateKbps)},
	}
}

func (a *Announce) transportFields() []intField {
	legacy := int64(legacyFeatures)
	if a.EncryptionEnabled&EncryptAudio != 0 {
		legacy |= legacyAudioEncryption
	}
	return []intField{
		{"x-nv-vqos[0].fec.enable", 1},
		{"x-nv-vqos[0].videoQualityScoreUpdateTime", 5000},
		{attrVideoQoS, 5 * number(a.VideoQoS)},
		{attrAudioQoS, 4 * number(a.AudioQoS)},
		{attrLegacyFeatures, legacy},
		{attrReliableUDP, int64(a.ReliableUDP)},
		{attrMinFEC, int64(a.MinFECPackets)},
		{"x-nv-vqos[0].bllFec.enable", 0},
		{"x-nv-vqos[0].drc.enable", 0},
		{"x-nv-general.enableRecoveryMode", 0},
	}
}

func (a *Announce) codecFields() []intField {
	fields := []intField{{attrSlices, int64(max(1, a.SlicesPerFrame))}}
	if a.Format != AV1 {
		fields = append(fields, intField{"x-nv-clientSupportHevc", number(a.Format == HEVC)})
	}
	return append(
		fields,
		intField{attrFormat, int64(a.Format)},
		intField{attrHDR, number(a.HDR)},
		intField{attrReferences, int64(a.MaxReferenceFrames)},
		intField{attrRefreshRate, int64(a.RefreshRateX100)},
	)
}

func (a *Announce) audioFields() []intField {
	return []intField{
		{attrChannels, int64(a.Channels)},
		{attrChannelMask, int64(a.ChannelMask)},
		{"x-nv-audio.surround.enable", number(a.Channels > 2)},
		{attrAudioQuality, number(a.HighQualityAudio)},
		{attrPacketDuration, int64(a.PacketDuration / time.Millisecond)},
		{attrColor, int64(a.ColorSpace)<<1 | number(a.FullRange)},
	}
}

func number(b bool) int64 {
	if b {
		return 1
	}
	return 0
}
