package gamestream

// What a host says that it is. Clients read the negative fourth number of
// AppVersion as "this host knows the open extensions"; 7.1.431 switches on the
// encrypted control stream and multi-block FEC, and 7.1.446 would change the
// size of headers (moonlight-common-c Connection.c).
const (
	AppVersion = "7.1.431.-1"
	GfeVersion = "3.23.0.74"
)

// The ports of a host, from which every other setup differs by one offset.
const (
	DefaultHTTPPort    = 47989
	DefaultHTTPSPort   = 47984
	DefaultVideoPort   = 47998
	DefaultControlPort = 47999
	DefaultAudioPort   = 48000
	DefaultRTSPPort    = 48010
)

// The two values of ServerInfo.State. A client reads currentgame only while
// the state ends in _SERVER_BUSY.
const (
	StateFree = "SUNSHINE_SERVER_FREE"
	StateBusy = "SUNSHINE_SERVER_BUSY"
)

// MaxLumaPixelsHEVC is what a host with HEVC reports; 0 says that it has none.
const MaxLumaPixelsHEVC = 1869449984

// CodecMask is ServerCodecModeSupport: the video formats a host can encode
// (the SCM_ constants of moonlight-common-c Limelight.h). It must not be 0.
type CodecMask uint32

// Bits of CodecMask.
const (
	CodecH264          CodecMask = 0x1
	CodecHEVC          CodecMask = 0x100
	CodecHEVCMain10    CodecMask = 0x200
	CodecAV1           CodecMask = 0x10000
	CodecAV1Main10     CodecMask = 0x20000
	CodecH264High444   CodecMask = 0x40000
	CodecHEVC444       CodecMask = 0x80000
	CodecHEVC444Main10 CodecMask = 0x100000
	CodecAV1444        CodecMask = 0x200000
	CodecAV1444Main10  CodecMask = 0x400000
)

// Limits of what a peer may choose.
const (
	// MaxDimension is the largest width or height of a picture in pixels.
	MaxDimension = 8192
	// MinDimension is the smallest width or height of a picture in pixels.
	MinDimension = 64
	// MaxFPS is the highest frame rate that a client may ask for.
	MaxFPS = 1000

	maxQueryBytes    = 16 << 10 // getservercert carries a certificate in hex
	maxParameters    = 64
	maxXMLBytes      = 1 << 20
	maxAssetBytes    = 8 << 20
	maxTokens        = 50000 // of XML; an app has about 14
	maxDepth         = 8
	maxCertificate   = 4 << 10 // bytes of PEM text; RSA-2048 has about 1000
	maxUniqueIDBytes = 64
	maxNameBytes     = 128
	maxCoreVersion   = 1000
)
