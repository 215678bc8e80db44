package worker

import (
	"errors"
	"fmt"
	"net"
	"runtime"
	"sync/atomic"
	"time"
	"unsafe"

	"github.com/kennel-stream/kennel/internal/evidence"
	"github.com/kennel-stream/kennel/internal/ipc"
	"github.com/kennel-stream/kennel/internal/media"
)

// decoding is the worker's job of decoding one stream.
type decoding struct {
	pipe    *pipeline
	element string
	stream  net.Conn
	reader  *ipc.FrameReader
	writer  *ipc.FrameWriter

	raw, tight []byte
	sequences  map[uint64]uint64 // presentation time → sequence, of units inside the decoder
	pushed     uint64

	busySince atomic.Int64
}

// frameSpacing is the made-up time between access units: times only pair a
// picture with its access unit.
const frameSpacing = 10 * time.Millisecond

// maxInside bounds sequences: a decoder that keeps more units has lost them.
const maxInside = 64

func newDecoding(element string, stream net.Conn) (*decoding, error) {
	// openh264dec wants to be told a profile, and decodes what comes.
	caps, codec := "video/x-h264,stream-format=byte-stream,alignment=au,profile=high", "openh264dec name=codec"
	if element == "avdec_h264" {
		codec = "avdec_h264 name=codec max-threads=1 output-corrupt=false"
	}
	pipe, err := newPipeline("capsfilter name=head ! " + codec + " ! videoconvert ! video/x-raw,format=I420 ! appsink name=sink sync=false async=false enable-last-sample=false")
	if err != nil {
		return nil, err
	}
	if err := pipe.setCaps(caps+",framerate=60/1", true); err != nil {
		pipe.close()
		return nil, err
	}
	return &decoding{
		pipe: pipe, element: element, stream: stream, reader: ipc.NewFrameReader(stream), writer: ipc.NewFrameWriter(stream),
		sequences: map[uint64]uint64{},
	}, nil
}

// run answers access units until the stream ends.
func (d *decoding) run() *media.Fault {
	runtime.LockOSThread()
	var f ipc.Frame
	for {
		if err := d.reader.Read(0, &f); err != nil {
			return nil // the parent is done with us
		}
		d.busySince.Store(monotonic())
		err := d.decode(&f)
		d.busySince.Store(0)
		if err != nil {
			return &media.Fault{ID: evidence.FaultDecoderError, Detail: fmt.Sprintf("%s: %s", d.element, err), Fatal: true}
		}
	}
}

// decode answers one access unit with the pictures that come out of the
// decoder, and then with an empty frame.
func (d *decoding) decode(f *ipc.Frame) error {
	if len(f.Data) > 0 {
		pts := d.pushed * uint64(frameSpacing)
		d.pushed++
		if len(d.sequences) >= maxInside {
			clear(d.sequences)
		}
		d.sequences[pts] = f.Sequence
		// A damaged unit is refused now and then; what follows decodes. Only a
		// pipeline that does not fit together is beyond hope.
		if err := d.pipe.push(bufferOf(f.Data), time.Duration(pts), frameSpacing); errors.Is(err, errNotNegotiated) {
			return err
		}
		if err := d.drain(); err != nil {
			return err
		}
	}
	return d.write(&ipc.Frame{Sequence: f.Sequence, Done: monotonic()})
}

// drain writes every picture that the decoder has ready.
func (d *decoding) drain() error {
	for {
		sample := d.pipe.pull(0)
		if sample == 0 {
			return nil
		}
		err := d.answer(sample)
		freeSample(sample)
		if err != nil {
			return err
		}
	}
}

func (d *decoding) answer(sample uintptr) error {
	width, height, err := d.size(sample)
	if err != nil {
		return err
	}
	buffer := call(gst.sampleGetBuffer, sample)
	d.raw = extract(d.raw[:0], buffer)
	if d.tight, err = tightenI420(d.tight[:0], d.raw, width, height); err != nil {
		return err
	}
	pts := ptsOf(buffer)
	sequence := d.sequences[pts]
	delete(d.sequences, pts)
	return d.write(&ipc.Frame{
		Flags: media.FrameMore, Sequence: sequence, Done: monotonic(),
		Width: uint16(width), Height: uint16(height), Data: d.tight,
	})
}

func (d *decoding) write(f *ipc.Frame) error { return d.writer.Write(readerTimeout, f) }

// size reads a picture's size from its caps.
func (d *decoding) size(sample uintptr) (width, height int, err error) {
	structure := call(gst.capsGetStructure, call(gst.sampleGetCaps, sample), 0)
	for _, side := range []struct {
		name string
		to   *int
	}{{"width", &width}, {"height", &height}} {
		cell := (*int32)(d.pipe.scratch)
		*cell = 0
		withString(side.name, func(s uintptr) uintptr {
			return call(gst.structureGetInt, structure, s, uintptr(unsafe.Pointer(cell)))
		})
		*side.to = int(*cell)
	}
	if width <= 0 || height <= 0 || width > maxPicture || height > maxPicture {
		return 0, 0, fmt.Errorf("%w: a picture of %dx%d", errPipeline, width, height)
	}
	return width, height, nil
}

const maxPicture = 8192

// tightenI420 appends a picture without the padding that GStreamer puts behind
// rows by default (gst/video/video-info.c, I420: rows of multiples of 4 bytes,
// even heights).
func tightenI420(dst, padded []byte, width, height int) ([]byte, error) {
	align := func(n, to int) int { return (n + to - 1) / to * to }
	chromaWidth, chromaHeight := (width+1)/2, (height+1)/2
	yStride, cStride := align(width, 4), align(align(width, 2)/2, 4)
	ySize, cSize := yStride*align(height, 2), cStride*chromaHeight
	if len(padded) < ySize+2*cSize {
		return dst, fmt.Errorf("%w: a picture of %dx%d in %d bytes", errPipeline, width, height, len(padded))
	}
	dst = appendRows(dst, padded, yStride, width, height)
	dst = appendRows(dst, padded[ySize:], cStride, chromaWidth, chromaHeight)
	return appendRows(dst, padded[ySize+cSize:], cStride, chromaWidth, chromaHeight), nil
}

func appendRows(dst, src []byte, stride, width, height int) []byte {
	if stride == width {
		return append(dst, src[:width*height]...)
	}
	for y := range height {
		dst = append(dst, src[y*stride:][:width]...)
	}
	return dst
}

func (d *decoding) hung(limit time.Duration) bool {
	since := d.busySince.Load()
	return since != 0 && time.Duration(monotonic()-since) > limit
}
