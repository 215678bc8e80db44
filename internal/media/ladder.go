package media

import "slices"

// Rung is one way to encode or decode a codec.
type Rung struct {
	// Codec is "h264".
	Codec string
	// Element is a GStreamer element.
	Element string
	// Package is the Debian package that brings it.
	Package string
	// Available says that the element loads on this machine; only rungs of a
	// Hello carry it.
	Available bool
}

var (
	encoders = []Rung{
		{Codec: "h264", Element: "x264enc", Package: "gstreamer1.0-plugins-ugly"},
		{Codec: "h264", Element: "openh264enc", Package: "gstreamer1.0-plugins-bad"},
	}
	decoders = []Rung{
		{Codec: "h264", Element: "avdec_h264", Package: "gstreamer1.0-libav"},
		{Codec: "h264", Element: "openh264dec", Package: "gstreamer1.0-plugins-bad"},
	}
)

// Encoders returns every known encoder of a codec, best first.
func Encoders(codec string) []Rung { return ofCodec(encoders, codec) }

// Decoders returns every known decoder of a codec, best first.
func Decoders(codec string) []Rung { return ofCodec(decoders, codec) }

func ofCodec(rungs []Rung, codec string) []Rung {
	return slices.DeleteFunc(slices.Clone(rungs), func(r Rung) bool { return r.Codec != codec })
}

// Ladder returns the encoders of a codec, best first, and which of them the
// worker can load.
func (h *Hello) Ladder(codec string) []Rung {
	rungs := Encoders(codec)
	for i := range rungs {
		rungs[i].Available = slices.Contains(h.Encoders, rungs[i].Element)
	}
	return rungs
}
