package rtsp

import "time"

// VideoFormat is the codec that a client has chosen.
type VideoFormat int

// The values of x-nv-vqos[0].bitStreamFormat.
const (
	H264 VideoFormat = iota
	HEVC
	AV1
)

// String returns H.264, HEVC or AV1.
func (f VideoFormat) String() string {
	switch f {
	case H264:
		return "H.264"
	case HEVC:
		return "HEVC"
	case AV1:
		return "AV1"
	}
	return "unknown"
}

// ColorSpace is the matrix from RGB to YCbCr that a client expects.
type ColorSpace int

// The values of the upper bits of x-nv-video[0].encoderCscMode.
const (
	Rec601 ColorSpace = iota
	Rec709
	Rec2020
)

// ClientFeatures is the mask x-ml-general.featureFlags.
type ClientFeatures uint32

// The bits of ClientFeatures.
const (
	ClientFECStatus ClientFeatures = 1 << iota // reports lost packets of each frame
	ClientSessionID                            // uses X-SS-Ping-Payload and X-SS-Connect-Data
)

// Announce is what a client asks for, the payload of ANNOUNCE (SdpGenerator.c).
// ParseAnnounce gives what is missing the value in brackets; without a value in
// brackets the attribute is required.
type Announce struct {
	Features ClientFeatures // [0]
	// EncryptionEnabled is the client's decision; what it names is encrypted, and
	// nothing else is. It includes the older spelling of audio encryption. [0]
	EncryptionEnabled Encryption

	// Width and Height are pixels, 16 to 16384; FPS is frames per second, 1 to 1000.
	Width, Height, FPS int
	// RefreshRateX100 is the rate of the client's display in 1/100 Hz. It may
	// have nothing to do with FPS. [0, unknown]
	RefreshRateX100 int
	Format          VideoFormat // [H264]
	HDR             bool        // 10 bits per sample [false]
	Chroma444       bool        // 4:4:4 in place of 4:2:0 [false]
	ColorSpace      ColorSpace  // [Rec601]
	FullRange       bool        // [false]
	// SlicesPerFrame is how many slices the client can decode at once, 1 to 255. [1]
	SlicesPerFrame int
	// MaxReferenceFrames is 0 if the encoder may choose, to 16. [1]
	MaxReferenceFrames int

	// PacketSize is the size of a video packet from its video header on, in
	// bytes, 64 to 9000; already smaller if video is encrypted.
	PacketSize int
	// BitrateKbps is the most for video: what the user chose less 20 % for FEC.
	// ConfiguredBitrateKbps is what the user chose, 0 if not told. At least one
	// of both is required.
	BitrateKbps, ConfiguredBitrateKbps int
	// MinFECPackets is the least parity per FEC block, 0 to 255. [0]
	MinFECPackets int
	// VideoQoS and AudioQoS ask for DSCP marks. [false]
	VideoQoS, AudioQoS bool
	// ReliableUDP is 13 for the encrypted control stream. [0]
	ReliableUDP int

	// Channels is 2, 6 or 8 [2], ChannelMask says which [as of Channels].
	Channels    int
	ChannelMask uint32
	// HighQualityAudio asks for the layouts of high quality. [false]
	HighQualityAudio bool
	// PacketDuration is the length of an Opus frame, 5 or 10 ms usually; 2.5 ms
	// cannot be told. [5 ms]
	PacketDuration time.Duration
}

const (
	attrClientFeatures    = "x-ml-general.featureFlags"
	attrConfiguredBitrate = "x-ml-video.configuredBitrateKbps"
	attrEncryptionEnabled = "x-ss-general.encryptionEnabled"
	attrChroma            = "x-ss-video[0].chromaSamplingType"
	attrWidth             = "x-nv-video[0].clientViewportWd"
	attrHeight            = "x-nv-video[0].clientViewportHt"
	attrFPS               = "x-nv-video[0].maxFPS"
	attrPacketSize        = "x-nv-video[0].packetSize"
	attrMaximumBitrate    = "x-nv-vqos[0].bw.maximumBitrateKbps"
	attrMinFEC            = "x-nv-vqos[0].fec.minRequiredFecPackets"
	attrVideoQoS          = "x-nv-vqos[0].qosTrafficType"
	attrAudioQoS          = "x-nv-aqos.qosTrafficType"
	attrLegacyFeatures    = "x-nv-general.featureFlags"
	attrReliableUDP       = "x-nv-general.useReliableUdp"
	attrSlices            = "x-nv-video[0].videoEncoderSlicesPerFrame"
	attrFormat            = "x-nv-vqos[0].bitStreamFormat"
	attrHDR               = "x-nv-video[0].dynamicRangeMode"
	attrReferences        = "x-nv-video[0].maxNumReferenceFrames"
	attrRefreshRate       = "x-nv-video[0].clientRefreshRateX100"
	attrColor             = "x-nv-video[0].encoderCscMode"
	attrChannels          = "x-nv-audio.surround.numChannels"
	attrChannelMask       = "x-nv-audio.surround.channelMask"
	attrAudioQuality      = "x-nv-audio.surround.AudioQuality"
	attrPacketDuration    = "x-nv-aqos.packetDuration"

	// legacyFeatures is what clients always set, legacyAudioEncryption what they
	// add for encrypted audio.
	legacyFeatures        = 0x87
	legacyAudioEncryption = 0x20
)

// maskOf returns the speakers of a number of channels.
func maskOf(channels int) uint32 {
	switch channels {
	case 6:
		return 0x3f
	case 8:
		return 0x63f
	}
	return 0x3
}
