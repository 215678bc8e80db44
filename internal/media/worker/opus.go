package worker

import (
	"fmt"
	"unsafe"

	"github.com/kennel-stream/kennel/internal/media"
)

// opus holds the addresses of the functions of libopus in use. It is filled by
// loadOpus and only read afterwards.
var opus struct {
	encoderCreate, encode, encoderCtl uintptr
	decoderCreate, decode             uintptr
	versionString, errorString        uintptr
}

// loadOpus opens libopus. GStreamer's opusenc could encode too, but orders
// surround channels as Ogg does, with a mapping of its own; clients expect the
// mapping that DESCRIBE told them, which only the library itself takes as given.
func loadOpus() error {
	l := library{"libopus.so.0", "libopus0", map[string]*uintptr{
		"opus_multistream_encoder_create": &opus.encoderCreate, "opus_multistream_encode": &opus.encode,
		"opus_multistream_encoder_ctl": &opus.encoderCtl, "opus_multistream_decoder_create": &opus.decoderCreate,
		"opus_multistream_decode": &opus.decode, "opus_get_version_string": &opus.versionString, "opus_strerror": &opus.errorString,
	}}
	return l.open()
}

// opusVersion is that of the library, as in "libopus 1.3.1".
func opusVersion() string { return goString(call(opus.versionString)) }

// Constants of opus_defines.h.
const (
	opusApplicationLowDelay = 2051
	opusSetBitrate          = 4002
	opusSetVBR              = 4006
	opusSetComplexity       = 4010
)

// opusComplexity is 0 to 10. Packets of 5 ms leave the encoder little to search
// for; above this, only its use of the CPU grows.
const opusComplexity = 5

func opusError(what string, code uintptr) error {
	return fmt.Errorf("libopus: %s: %s", what, goString(call(opus.errorString, uintptr(int32(code)))))
}

// opusEncoder makes packets of constant length. It is freed with the process.
type opusEncoder struct {
	state   uintptr
	samples int
	out     []byte
}

func newOpusEncoder(s *media.OpusSpec) (*opusEncoder, error) {
	code := new(int32)
	mapping := s.Mapping
	state := call(opus.encoderCreate, media.AudioRate, uintptr(s.Channels), uintptr(s.Streams), uintptr(s.Coupled),
		uintptr(unsafe.Pointer(&mapping[0])), opusApplicationLowDelay, uintptr(unsafe.Pointer(code)))
	if state == 0 || *code != 0 {
		return nil, opusError("make an encoder", uintptr(*code))
	}
	for _, option := range [][2]int{{opusSetVBR, 0}, {opusSetBitrate, s.BitrateKbps * 1000}, {opusSetComplexity, opusComplexity}} {
		if r := call(opus.encoderCtl, state, uintptr(option[0]), uintptr(option[1])); int32(r) != 0 {
			return nil, opusError("set up an encoder", r)
		}
	}
	// The length follows from the bit rate; the library also keeps to the memory
	// that it is given.
	return &opusEncoder{state, s.Samples(), make([]byte, s.BitrateKbps*1000/8*s.Samples()/media.AudioRate)}, nil
}

// encode makes a packet of samples of every channel, 16 bit each. It is valid
// until the next call.
func (e *opusEncoder) encode(pcm []byte) ([]byte, error) {
	r := call(opus.encode, e.state, uintptr(unsafe.Pointer(&pcm[0])), uintptr(e.samples), uintptr(unsafe.Pointer(&e.out[0])), uintptr(len(e.out)))
	if n := int32(r); n > 0 {
		return e.out[:n], nil
	}
	return nil, opusError("encode", r)
}

// opusDecoder is freed with the process.
type opusDecoder struct {
	state    uintptr
	channels int
	out      []byte
}

// longestOpus is the number of samples of 60 ms.
const longestOpus = media.AudioRate * 60 / 1000

func newOpusDecoder(s *media.OpusSpec) (*opusDecoder, error) {
	code := new(int32)
	mapping := s.Mapping
	state := call(opus.decoderCreate, media.AudioRate, uintptr(s.Channels), uintptr(s.Streams), uintptr(s.Coupled),
		uintptr(unsafe.Pointer(&mapping[0])), uintptr(unsafe.Pointer(code)))
	if state == 0 || *code != 0 {
		return nil, opusError("make a decoder", uintptr(*code))
	}
	return &opusDecoder{state, s.Channels, make([]byte, longestOpus*s.Channels*2)}, nil
}

// decode returns the sound of a packet, valid until the next call; nothing for
// one that is damaged.
func (d *opusDecoder) decode(packet []byte) []byte {
	if len(packet) == 0 {
		return nil
	}
	r := call(opus.decode, d.state, uintptr(unsafe.Pointer(&packet[0])), uintptr(len(packet)), uintptr(unsafe.Pointer(&d.out[0])), longestOpus, 0)
	if n := int32(r); n > 0 {
		return d.out[:int(n)*d.channels*2]
	}
	return nil
}
