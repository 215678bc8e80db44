package media

import (
	"path/filepath"
	"slices"
)

// Rung is one way to encode or decode a codec.
type Rung struct {
	// Name is what the configuration calls it: "nvcodec", "x264".
	Name string `json:"name"`
	// Codec is "h264".
	Codec string `json:"codec"`
	// Element is a GStreamer element.
	Element string `json:"element"`
	// Package is the Debian package that brings it.
	Package string `json:"package"`
	// Format is the raw video format that the element takes.
	Format string `json:"format"`
	// GPU names the meter whose darkness closes the rung: GPUMeterName or
	// DRMMeterName, or empty for software.
	GPU string `json:"gpu,omitempty"`
	// Hardware says that it needs a GPU.
	Hardware bool `json:"hardware"`
	// Device is a file, or a pattern of files, that is there when a GPU is that
	// could have it; empty for software.
	Device string `json:"-"`
	// Available says that the element loads on this machine; only rungs of a
	// Hello carry it.
	Available bool `json:"-"`
}

// GPUMeterName is the gauge of NVIDIA's devices, DRMMeterName that of devices
// whose drivers account the files that are open of them.
const (
	GPUMeterName = "gpu"
	DRMMeterName = "drm"
)

const bad = "gstreamer1.0-plugins-bad"

var (
	encoders = []Rung{
		{Name: "nvcodec", Codec: "h264", Element: "nvh264enc", Package: bad, Format: "NV12", GPU: GPUMeterName, Hardware: true, Device: "/dev/nvidiactl"},
		{Name: "va", Codec: "h264", Element: "vah264enc", Package: bad, Format: "NV12", GPU: DRMMeterName, Hardware: true},
		{Name: "qsv", Codec: "h264", Element: "qsvh264enc", Package: bad, Format: "NV12", GPU: DRMMeterName, Hardware: true},
		{Name: "x264", Codec: "h264", Element: "x264enc", Package: "gstreamer1.0-plugins-ugly", Format: "I420"},
		{Name: "openh264", Codec: "h264", Element: "openh264enc", Package: bad, Format: "I420"},
	}
	decoders = []Rung{
		{Name: "libav", Codec: "h264", Element: "avdec_h264", Package: "gstreamer1.0-libav"},
		{Name: "openh264", Codec: "h264", Element: "openh264dec", Package: bad},
	}
)

// DeviceThere tells whether this machine has a GPU that could have the rung: an
// encoder that is not there all the same is missing for a reason.
func (r Rung) DeviceThere() bool {
	if r.Device == "" {
		return false
	}
	found, err := filepath.Glob(r.Device)
	return err == nil && len(found) > 0
}

// EncoderNamed returns the rung that the configuration calls so.
func EncoderNamed(codec, name string) (Rung, bool) {
	for _, r := range encoders {
		if r.Codec == codec && r.Name == name {
			return r, true
		}
	}
	return Rung{}, false
}

// RawFormat is what an encoder's element takes.
func RawFormat(element string) string {
	if format := EncoderOf(element).Format; format != "" {
		return format
	}
	return "I420"
}

// EncoderOf returns the rung of an element; one with nothing but the element
// for an unknown one.
func EncoderOf(element string) Rung {
	for _, r := range encoders {
		if r.Element == element {
			return r
		}
	}
	return Rung{Element: element}
}

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
