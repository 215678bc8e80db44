package rtsp

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
)

// Encryption is a mask of what is or may be encrypted.
type Encryption uint32

// The bits of Encryption.
const (
	EncryptControl Encryption = 1 << iota // the control stream, envelope version 2
	EncryptVideo
	EncryptAudio
)

// String lists the names of the bits, as in "control, video", or is "nothing".
func (e Encryption) String() string {
	names := make([]string, 0, 3)
	for i, name := range [...]string{"control", "video", "audio"} {
		if e&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return "nothing"
	}
	return strings.Join(names, ", ")
}

// HostFeatures is the mask x-ss-general.featureFlags.
type HostFeatures uint32

// The bits of HostFeatures.
const (
	HostPenTouch        HostFeatures = 1 << iota // pen and touch events are taken
	HostControllerTouch                          // touch pads and motion of controllers are taken
)

// Describe is what a host says of itself in its answer to DESCRIBE. The client
// looks for pieces of text anywhere in it (RtspConnection.c).
type Describe struct {
	Features HostFeatures
	// EncryptionSupported must hold all bits of EncryptionRequested. Clients turn
	// control encryption on wherever it is supported, the others where their user
	// allows it or the host requests it.
	EncryptionSupported, EncryptionRequested Encryption
	// RefPicInvalidation promises that the encoder can avoid lost reference
	// frames. Without it clients ask for an IDR frame after each loss.
	RefPicInvalidation bool
	// HEVC and AV1 can be had besides H.264.
	HEVC, AV1 bool
	// Surround lists the layouts beyond stereo. Per number of channels a normal
	// one is needed, and one of high quality may be added.
	Surround []SurroundLayout
}

const (
	attrHostFeatures        = "x-ss-general.featureFlags"
	attrEncryptionSupported = "x-ss-general.encryptionSupported"
	attrEncryptionRequested = "x-ss-general.encryptionRequested"
	attrSurround            = "surround-params"

	textInvalidation = "x-nv-video[0].refPicInvalidation"
	textHEVC         = "sprop-parameter-sets=AAAAAU"
	textAV1          = "AV1/90000"

	maxSDP = 64 << 10
)

// Append appends the text, or says what in d a client would misread.
func (d *Describe) Append(b []byte) ([]byte, error) {
	if extra := d.EncryptionRequested &^ d.EncryptionSupported; extra != 0 {
		return b, fmt.Errorf("describe: encryption %#x is requested but not supported", uint32(extra))
	}
	layouts, err := orderLayouts(d.Surround)
	if err != nil {
		return b, fmt.Errorf("describe: %w", err)
	}
	b = appendAttribute(b, attrHostFeatures, uint64(d.Features))
	b = appendAttribute(b, attrEncryptionSupported, uint64(d.EncryptionSupported))
	b = appendAttribute(b, attrEncryptionRequested, uint64(d.EncryptionRequested))
	if d.RefPicInvalidation {
		b = appendAttribute(b, textInvalidation, 1)
	}
	if d.HEVC {
		b = append(append(b, textHEVC...), '\n')
	}
	if d.AV1 {
		b = append(append(b, "a=rtpmap:98 "+textAV1...), '\n')
	}
	for _, layout := range layouts {
		b = append(b, "a=fmtp:97 "+attrSurround+"="...)
		b = append(layout.appendWire(b), '\n')
	}
	return b, nil
}

func appendAttribute(b []byte, name string, value uint64) []byte {
	b = append(append(append(b, "a="...), name...), ':')
	return append(strconv.AppendUint(b, value, 10), '\n')
}

// ParseDescribe reads the answer to DESCRIBE as the client does. Numbers that
// are missing count as 0, since hosts older than the extensions send none.
func ParseDescribe(text []byte) (*Describe, error) {
	if len(text) > maxSDP {
		return nil, fmt.Errorf("%w: a session description of %d bytes", ErrTooLarge, len(text))
	}
	features, err := findNumber(text, attrHostFeatures)
	if err != nil {
		return nil, err
	}
	supported, err := findNumber(text, attrEncryptionSupported)
	if err != nil {
		return nil, err
	}
	requested, err := findNumber(text, attrEncryptionRequested)
	if err != nil {
		return nil, err
	}
	layouts, err := findLayouts(text)
	if err != nil {
		return nil, err
	}
	return &Describe{
		Features:            HostFeatures(features),
		EncryptionSupported: Encryption(supported),
		EncryptionRequested: Encryption(requested),
		RefPicInvalidation:  bytes.Contains(text, []byte(textInvalidation)),
		HEVC:                bytes.Contains(text, []byte(textHEVC)),
		AV1:                 bytes.Contains(text, []byte(textAV1)),
		Surround:            layouts,
	}, nil
}

// findNumber returns the number after the first "name:" in text, or 0.
func findNumber(text []byte, name string) (uint32, error) {
	_, rest, found := bytes.Cut(text, []byte(name+":"))
	if !found {
		return 0, nil
	}
	word, _, _ := bytes.Cut(rest, []byte("\n"))
	value := string(bytes.TrimSpace(word))
	n, err := strconv.ParseUint(value, 0, 32)
	if err != nil {
		return 0, &AttributeError{Name: name, Value: shorten(value), Reason: "want a number of 32 bits"}
	}
	return uint32(n), nil
}
