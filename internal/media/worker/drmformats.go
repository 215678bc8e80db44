package worker

import (
	"slices"
	"strconv"
	"strings"

	"github.com/kennel-stream/kennel/internal/scene"
)

// modernImport tells whether GStreamer names GPU buffers by DRM formats
// (memory:DMABuf, format=DMA_DRM): since 1.24, and in the 1.23 before it.
func modernImport(version string) bool {
	parts := strings.SplitN(version, ".", 3)
	if len(parts) < 2 {
		return false
	}
	major, _ := strconv.Atoi(parts[0])
	minor, _ := strconv.Atoi(parts[1])
	return major > 1 || major == 1 && minor >= 23
}

// importCaps describes GPU buffers to GStreamer. Before 1.24 it knew linear ones
// only.
func importCaps(modern bool, f scene.Format, width, height int) string {
	const common = ",framerate=0/1,pixel-aspect-ratio=1/1,interlace-mode=progressive"
	size := ",width=" + strconv.Itoa(width) + ",height=" + strconv.Itoa(height)
	if modern {
		return "video/x-raw(memory:DMABuf),format=DMA_DRM,drm-format=" + drmName(f) + size + common
	}
	return "video/x-raw(memory:DMABuf),format=" + rawName(f.FourCC) + size + common
}

// drmName is a format as drm-format has it: without a modifier for linear ones.
func drmName(f scene.Format) string {
	name := f.String()[:4]
	if f.Modifier == scene.ModifierLinear {
		return name
	}
	return name + ":0x" + leading(strconv.FormatUint(f.Modifier, 16), 16)
}

func leading(digits string, width int) string {
	return strings.Repeat("0", max(0, width-len(digits))) + digits
}

// rawName is a pixel format as GStreamer calls it.
func rawName(fourcc uint32) string {
	switch fourcc {
	case scene.FormatARGB8888:
		return "BGRA"
	case scene.FormatXBGR8888:
		return "RGBx"
	case scene.FormatABGR8888:
		return "RGBA"
	}
	return "BGRx"
}

// rawFormat is its GstVideoFormat.
func rawFormat(fourcc uint32) int {
	switch fourcc {
	case scene.FormatARGB8888:
		return videoFormatBGRA
	case scene.FormatXBGR8888:
		return videoFormatRGBx
	case scene.FormatABGR8888:
		return videoFormatRGBA
	}
	return videoFormatBGRx
}

// maxDRMFormats bounds what is tried of one path.
const maxDRMFormats = 256

// parseDRMFormats finds the known formats in the caps of an element, as in
// "… drm-format=(string){ XR24, XR24:0x0100000000000001 } …".
func parseDRMFormats(caps string) (formats []scene.Format) {
	for {
		_, rest, found := strings.Cut(caps, "drm-format=")
		if !found {
			return formats
		}
		rest = strings.TrimPrefix(rest, "(string)")
		list, after := rest, ""
		if inner, isList := strings.CutPrefix(rest, "{"); isList {
			list, after, _ = strings.Cut(inner, "}")
		} else if i := strings.IndexAny(rest, ",;"); i >= 0 {
			list, after = rest[:i], rest[i:]
		}
		for name := range strings.SplitSeq(list, ",") {
			f, ok := parseDRMName(strings.Trim(name, " \"\t\n"))
			if ok && !slices.Contains(formats, f) && len(formats) < maxDRMFormats {
				formats = append(formats, f)
			}
		}
		caps = after
	}
}

func parseDRMName(name string) (f scene.Format, ok bool) {
	fourcc, modifier, explicit := strings.Cut(name, ":")
	if len(fourcc) != 4 {
		return f, false
	}
	f.FourCC = uint32(fourcc[0]) | uint32(fourcc[1])<<8 | uint32(fourcc[2])<<16 | uint32(fourcc[3])<<24
	if explicit {
		var err error
		if f.Modifier, err = strconv.ParseUint(strings.TrimPrefix(modifier, "0x"), 16, 64); err != nil {
			return f, false
		}
	}
	return f, scene.KnownFormat(f.FourCC) && f.Modifier != scene.ModifierInvalid
}
