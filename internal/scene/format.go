package scene

import "fmt"

// Pixel formats (drm_fourcc.h). All take four bytes per pixel in one plane:
// what others have, no reader of scenes takes.
const (
	// FormatARGB8888 is DRM_FORMAT_ARGB8888: B, G, R, A in memory, premultiplied.
	FormatARGB8888 uint32 = 0x34325241
	// FormatXRGB8888 is DRM_FORMAT_XRGB8888: B, G, R, X in memory.
	FormatXRGB8888 uint32 = 0x34325258
	// FormatABGR8888 is DRM_FORMAT_ABGR8888: R, G, B, A in memory, premultiplied.
	FormatABGR8888 uint32 = 0x34324241
	// FormatXBGR8888 is DRM_FORMAT_XBGR8888: R, G, B, X in memory.
	FormatXBGR8888 uint32 = 0x34324258
)

// Modifiers (drm_fourcc.h) with a meaning of their own; all others belong to
// drivers.
const (
	// ModifierLinear is DRM_FORMAT_MOD_LINEAR: rows of pixels, one after the other.
	ModifierLinear uint64 = 0
	// ModifierInvalid is DRM_FORMAT_MOD_INVALID: only the driver knows.
	ModifierInvalid uint64 = 0x00ffffffffffffff
)

// BytesPerPixel is that of every known pixel format.
const BytesPerPixel = 4

// Format is a pixel format with the layout that a modifier names.
type Format struct {
	FourCC   uint32
	Modifier uint64
}

// String shows a format as GStreamer writes it, as in "XR24:0x0".
func (f Format) String() string {
	c := f.FourCC
	return fmt.Sprintf("%c%c%c%c:%#x", c&0xff, c>>8&0xff, c>>16&0xff, c>>24&0xff, f.Modifier)
}

// PixelFormats are the known pixel formats.
func PixelFormats() []uint32 {
	return []uint32{FormatXRGB8888, FormatARGB8888, FormatXBGR8888, FormatABGR8888}
}

// KnownFormat tells whether a pixel format is one of PixelFormats.
func KnownFormat(fourcc uint32) bool {
	switch fourcc {
	case FormatARGB8888, FormatXRGB8888, FormatABGR8888, FormatXBGR8888:
		return true
	}
	return false
}

// HasAlpha tells whether a pixel format shows what lies below it.
func HasAlpha(fourcc uint32) bool { return fourcc == FormatARGB8888 || fourcc == FormatABGR8888 }

// RedFirst tells whether red comes before blue in memory.
func RedFirst(fourcc uint32) bool { return fourcc == FormatABGR8888 || fourcc == FormatXBGR8888 }
