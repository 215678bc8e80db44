package worker

import (
	"fmt"
	"os"
	"runtime"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kennel-stream/kennel/internal/display/pixel"
	"github.com/kennel-stream/kennel/internal/media"
	"github.com/kennel-stream/kennel/internal/scene"
)

// gpu holds the functions for GPU buffers, which are loaded when the first one
// is imported by a GPU.
var gpu struct {
	newAllocator, alloc                                 uintptr
	bufferNew, appendMemory, padQueryCaps, capsToString uintptr
}

func loadImport() error {
	if gpu.newAllocator != 0 {
		return nil
	}
	core := library{"libgstreamer-1.0.so.0", "libgstreamer1.0-0", map[string]*uintptr{
		"gst_buffer_new": &gpu.bufferNew, "gst_buffer_append_memory": &gpu.appendMemory,
		"gst_pad_query_caps": &gpu.padQueryCaps, "gst_caps_to_string": &gpu.capsToString,
	}}
	if err := core.open(); err != nil {
		return err
	}
	allocators := library{"libgstallocators-1.0.so.0", "libgstreamer-plugins-base1.0-0", map[string]*uintptr{
		"gst_dmabuf_allocator_alloc_with_flags": &gpu.alloc, "gst_dmabuf_allocator_new": &gpu.newAllocator,
	}}
	return allocators.open()
}

// memoryKeepsFile is GST_FD_MEMORY_FLAG_DONT_CLOSE.
const memoryKeepsFile = 4

// importer brings GPU buffers into main memory by a path of GStreamer's. It is
// used by one thread.
type importer struct {
	path      media.ImportPath
	pipe      *pipeline
	modern    bool
	caps      func(modern bool, f scene.Format, width, height int) string // importCaps, but in tests
	allocator uintptr
	format    scene.Format // of the caps that were set
	width     int
	height    int
	pushed    int
	raw       []byte
}

func newImporter(path media.ImportPath) (*importer, error) {
	if err := loadImport(); err != nil {
		return nil, err
	}
	if err := chooseGL(); err != nil {
		return nil, err
	}
	pipe, err := newPipeline(path.Pipeline + " ! videoconvert name=codec ! video/x-raw,format=BGRA ! appsink name=sink sync=false async=false max-buffers=2 enable-last-sample=false")
	if err != nil {
		return nil, err
	}
	return &importer{path: path, pipe: pipe, modern: modernImport(version()), caps: importCaps, allocator: call(gpu.newAllocator)}, nil
}

// chooseGL has GStreamer's OpenGL elements use a GPU without a window system.
// Left alone, they ask for one, and take none for a broken GPU.
func chooseGL() error {
	for name, value := range map[string]string{"GST_GL_WINDOW": "egl-device", "GST_GL_PLATFORM": "egl"} {
		if _, chosen := os.LookupEnv(name); chosen {
			continue
		}
		if err := os.Setenv(name, value); err != nil {
			return fmt.Errorf("set %s: %w", name, err)
		}
	}
	return nil
}

// formats is what the path says that it takes.
func (i *importer) formats() []scene.Format {
	if !i.modern {
		return linearFormats()
	}
	head := i.pipe.byName("head")
	defer unref(head)
	pad := staticPad(head, "sink")
	defer unref(pad)
	caps := call(gpu.padQueryCaps, pad, 0)
	if caps == 0 {
		return nil
	}
	text := call(gpu.capsToString, caps)
	call(gst.miniObjectUnref, caps)
	defer call(gst.free, text)
	return parseDRMFormats(goString(text))
}

func linearFormats() (formats []scene.Format) {
	for _, f := range scene.PixelFormats() {
		formats = append(formats, scene.Format{FourCC: f})
	}
	return formats
}

// read returns the pixels of a surface, blue first, valid until the next read.
func (i *importer) read(s *surface) (pixel.Image, error) {
	w, h := int(s.Width), int(s.Height)
	if f := (scene.Format{FourCC: s.Format, Modifier: s.Modifier}); i.pushed == 0 || f != i.format || w != i.width || h != i.height {
		if err := i.pipe.setCaps(i.caps(i.modern, f, w, h), i.pushed == 0); err != nil {
			return pixel.Image{}, err
		}
		i.format, i.width, i.height = f, w, h
	}
	buffer, err := i.wrap(s)
	if err != nil {
		return pixel.Image{}, err
	}
	i.pushed++
	if err := i.pipe.push(buffer, time.Duration(i.pushed)*frameSpacing, frameSpacing); err != nil {
		return pixel.Image{}, err
	}
	sample := i.pipe.pull(pullTimeout)
	if sample == 0 {
		return pixel.Image{}, i.pipe.failure("gave nothing for a GPU buffer")
	}
	i.raw = extract(i.raw[:0], call(gst.sampleGetBuffer, sample))
	freeSample(sample)
	if len(i.raw) != 4*w*h {
		return pixel.Image{}, fmt.Errorf("%w: a GPU buffer of %dx%d came out as %d bytes", errPipeline, w, h, len(i.raw))
	}
	return pixel.Image{Pix: i.raw, Stride: 4 * w, Width: w, Height: h}, nil
}

// wrap makes a buffer of the planes' files, which stay the surface's.
func (i *importer) wrap(s *surface) (uintptr, error) {
	buffer := call(gpu.bufferNew)
	offsets, strides := (*[4]uint64)(i.pipe.scratch), (*[4]int32)(pointer(uintptr(i.pipe.scratch)+32))
	*offsets, *strides = [4]uint64{}, [4]int32{}
	var base uint64
	for n, plane := range s.Planes {
		size, err := unix.Seek(s.files[n], 0, unix.SEEK_END)
		var memory uintptr
		if err == nil {
			memory = call(gpu.alloc, i.allocator, uintptr(s.files[n]), uintptr(size), memoryKeepsFile)
		}
		if memory == 0 {
			call(gst.miniObjectUnref, buffer)
			return 0, fmt.Errorf("%w: it took no file of %d bytes: %w", errPipeline, size, err)
		}
		call(gpu.appendMemory, buffer, memory)
		// Offsets count through all memories of a buffer.
		offsets[n], strides[n] = base+uint64(plane.Offset), int32(plane.Stride)
		base += uint64(size)
	}
	call(gst.bufferAddVideoMeta, buffer, 0, uintptr(rawFormat(s.Format)), uintptr(s.Width), uintptr(s.Height), uintptr(len(s.Planes)),
		uintptr(i.pipe.scratch), uintptr(i.pipe.scratch)+32)
	runtime.KeepAlive(s)
	return buffer, nil
}

func (i *importer) close() {
	i.pipe.close()
	unref(i.allocator)
}

// maxImporters bounds the pipelines that stay ready: one for each size and
// format that a scene shows at the same time, as a window and a cursor.
const maxImporters = 4

type importKey struct {
	path   string
	format scene.Format
	width  uint32
	height uint32
}

// importers are the pipelines of one encoding.
type importers map[importKey]*importer

// read returns the pixels of a surface that a path other than ImportCPU reads.
func (all importers) read(s *surface) (pixel.Image, error) {
	key := importKey{s.path, scene.Format{FourCC: s.Format, Modifier: s.Modifier}, s.Width, s.Height}
	one := all[key]
	if one == nil {
		path, _ := media.ImportPathNamed(s.path)
		var err error
		if one, err = newImporter(path); err != nil {
			return pixel.Image{}, err
		}
		if len(all) >= maxImporters {
			for k, other := range all {
				other.close()
				delete(all, k)
				break
			}
		}
		all[key] = one
	}
	return one.read(s)
}
