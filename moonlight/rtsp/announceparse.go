package rtsp

import (
	"bytes"
	"fmt"
	"math"
	"strconv"
	"time"
)

const maxAttributes = 512

// ParseAnnounce reads the payload of ANNOUNCE. What it does not know it skips;
// errors about an attribute are *AttributeError and name it.
func ParseAnnounce(text []byte) (*Announce, error) {
	r, err := readAttributes(text)
	if err != nil {
		return nil, err
	}
	// A client takes off 500 kbit/s of a rate that may be lower, so the rate can
	// be negative.
	a := &Announce{
		Features:              ClientFeatures(r.optional(attrClientFeatures, 0, 0, math.MaxUint32)),
		EncryptionEnabled:     Encryption(r.optional(attrEncryptionEnabled, 0, 0, math.MaxUint32)),
		Width:                 int(r.required(attrWidth, 16, 16384)),
		Height:                int(r.required(attrHeight, 16, 16384)),
		FPS:                   int(r.required(attrFPS, 1, 1000)),
		RefreshRateX100:       int(r.optional(attrRefreshRate, 0, 0, 1_000_000)),
		Format:                VideoFormat(r.optional(attrFormat, 0, int64(H264), int64(AV1))),
		HDR:                   r.optional(attrHDR, 0, 0, 1) != 0,
		Chroma444:             r.optional(attrChroma, 0, 0, 1) != 0,
		SlicesPerFrame:        max(1, int(r.optional(attrSlices, 1, 0, 255))),
		MaxReferenceFrames:    int(r.optional(attrReferences, 1, 0, 16)),
		PacketSize:            int(r.required(attrPacketSize, 64, 9000)),
		BitrateKbps:           max(0, int(r.optional(attrMaximumBitrate, 0, math.MinInt32, 10_000_000))),
		ConfiguredBitrateKbps: int(r.optional(attrConfiguredBitrate, 0, 0, 10_000_000)),
		MinFECPackets:         int(r.optional(attrMinFEC, 0, 0, 255)),
		VideoQoS:              r.optional(attrVideoQoS, 0, 0, math.MaxUint32) != 0,
		AudioQoS:              r.optional(attrAudioQoS, 0, 0, math.MaxUint32) != 0,
		ReliableUDP:           int(r.optional(attrReliableUDP, 0, 0, math.MaxInt32)),
		Channels:              int(r.optional(attrChannels, 2, 2, 8)),
		HighQualityAudio:      r.optional(attrAudioQuality, 0, 0, 1) != 0,
		PacketDuration:        time.Duration(r.optional(attrPacketDuration, 5, 1, 60)) * time.Millisecond,
	}
	color := r.optional(attrColor, 0, 0, int64(Rec2020)<<1|1)
	a.ColorSpace, a.FullRange = ColorSpace(color>>1), color&1 != 0
	a.ChannelMask = uint32(r.optional(attrChannelMask, int64(maskOf(a.Channels)), 0, math.MaxUint32))
	if r.optional(attrLegacyFeatures, legacyFeatures, 0, math.MaxUint32)&legacyAudioEncryption != 0 {
		a.EncryptionEnabled |= EncryptAudio
	}
	if a.Channels != 2 && a.Channels != 6 && a.Channels != 8 {
		r.fail(attrChannels, strconv.Itoa(a.Channels), "want 2, 6 or 8")
	}
	if a.BitrateKbps == 0 && a.ConfiguredBitrateKbps == 0 {
		r.fail(attrMaximumBitrate, "", "no bit rate above 0 is given")
	}
	if r.err != nil {
		return nil, r.err
	}
	return a, nil
}

// attributes are the a= lines of a description. The first error stays.
type attributes struct {
	values map[string]string
	err    error
}

// readAttributes collects the a= lines; clients end their values with a space.
// Where a name comes twice, the last one holds.
func readAttributes(text []byte) (*attributes, error) {
	if len(text) > maxSDP {
		return nil, fmt.Errorf("%w: a session description of %d bytes", ErrTooLarge, len(text))
	}
	r := &attributes{values: make(map[string]string)}
	for line := range bytes.Lines(text) {
		name, isAttribute := bytes.CutPrefix(bytes.TrimSpace(line), []byte("a="))
		if !isAttribute {
			continue
		}
		name, value, _ := bytes.Cut(name, []byte(":"))
		if len(r.values) >= maxAttributes {
			return nil, fmt.Errorf("%w: more than %d attributes", ErrTooLarge, maxAttributes)
		}
		r.values[string(name)] = string(bytes.TrimSpace(value))
	}
	return r, nil
}

func (r *attributes) fail(name, value, reason string) {
	if r.err == nil {
		r.err = &AttributeError{Name: name, Value: shorten(value), Reason: reason}
	}
}

// optional returns the number of an attribute, or standard if it is missing.
func (r *attributes) optional(name string, standard, least, most int64) int64 {
	if _, given := r.values[name]; !given {
		return standard
	}
	return r.required(name, least, most)
}

// required returns the number of an attribute; after an error, least.
func (r *attributes) required(name string, least, most int64) int64 {
	value, given := r.values[name]
	if !given {
		r.fail(name, "", "is missing")
		return least
	}
	n, err := strconv.ParseInt(value, 0, 64)
	if err != nil || n < least || n > most {
		r.fail(name, value, fmt.Sprintf("want a number from %d to %d", least, most))
		return least
	}
	return n
}
