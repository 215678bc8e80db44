package worker

import (
	"errors"
	"fmt"
	"time"
	"unsafe"
)

// Constants of gst/gstelement.h, gst/gstpad.h, gst/gstmessage.h, gst/gstformat.h
// and gst/video/video-format.h.
const (
	flowRefused     = -4 // GST_FLOW_NOT_NEGOTIATED
	stateNull       = 1
	statePlaying    = 4
	padSource       = 1
	messageError    = 2
	messageAny      = 0xffffffff
	formatTime      = 3
	clockTimeNone   = ^uint64(0)
	memoryReadOnly  = 2
	videoFormatRGBx = 7
	videoFormatBGRx = 8
	videoFormatRGBA = 11
	videoFormatBGRA = 12
)

var (
	// errPipeline means that GStreamer refused a pipeline or a buffer.
	errPipeline = errors.New("GStreamer pipeline failed")
	// errNotNegotiated means that elements cannot agree on what they pass on.
	errNotNegotiated = errors.New("elements do not fit together")
)

// pipeline is a chain of elements from one named "head" to an appsink named
// "sink". There is no source element: push runs the whole chain in the calling
// goroutine, so that when it returns, what the codec made of the buffer is in
// the sink. It is used by one goroutine.
type pipeline struct {
	element, bus, sink uintptr
	input              uintptr // our pad, linked to head
	codec              uintptr // the element named "codec"
	codecSource        uintptr // its source pad
	scratch            unsafe.Pointer
	pushed             int
}

// newPipeline makes a pipeline from gst-launch syntax and sets it playing.
func newPipeline(description string) (*pipeline, error) {
	p := &pipeline{scratch: alloc(64)}
	failure := (*uintptr)(p.scratch)
	p.element = withString(description, func(s uintptr) uintptr { return call(gst.parseLaunch, s, uintptr(p.scratch)) })
	if reason := *failure; p.element == 0 || reason != 0 {
		*failure = 0
		defer p.close()
		return nil, fmt.Errorf("%w: %s (%s)", errPipeline, takeError(reason), description)
	}
	p.bus = call(gst.elementGetBus, p.element)
	p.sink, p.codec = p.byName("sink"), p.byName("codec")
	head := p.byName("head")
	defer unref(head)
	if p.sink == 0 || p.codec == 0 || head == 0 {
		defer p.close()
		return nil, fmt.Errorf("%w: no element named head, codec or sink (%s)", errPipeline, description)
	}
	p.codecSource = staticPad(p.codec, "src")
	if err := p.linkInput(head); err != nil {
		defer p.close()
		return nil, err
	}
	if state := int32(call(gst.elementSetState, p.element, statePlaying)); state == 0 {
		defer p.close()
		return nil, p.failure("could not be set playing")
	}
	return p, nil
}

func (p *pipeline) byName(name string) uintptr {
	return withString(name, func(s uintptr) uintptr { return call(gst.binGetByName, p.element, s) })
}

func staticPad(element uintptr, name string) uintptr {
	return withString(name, func(s uintptr) uintptr { return call(gst.elementGetStaticPad, element, s) })
}

func unref(object uintptr) {
	if object != 0 {
		call(gst.objectUnref, object)
	}
}

func (p *pipeline) linkInput(head uintptr) error {
	sink := staticPad(head, "sink")
	defer unref(sink)
	p.input = withString("input", func(s uintptr) uintptr { return call(gst.padNew, s, padSource) })
	if sink == 0 || p.input == 0 || int32(call(gst.padLink, p.input, sink)) != 0 {
		return fmt.Errorf("%w: the input could not be linked", errPipeline)
	}
	call(gst.padSetActive, p.input, 1)
	event := withString("kennel", func(s uintptr) uintptr { return call(gst.eventNewStreamStart, s) })
	call(gst.padPushEvent, p.input, event)
	return nil
}

// setCaps says what is pushed from now on. A first call also begins the
// timeline.
func (p *pipeline) setCaps(text string, first bool) error {
	caps := withString(text, func(s uintptr) uintptr { return call(gst.capsFromString, s) })
	if caps == 0 {
		return fmt.Errorf("%w: bad caps %s", errPipeline, text)
	}
	event := call(gst.eventNewCaps, caps)
	call(gst.miniObjectUnref, caps)
	if int32(call(gst.padPushEvent, p.input, event)) == 0 {
		return p.failure("refused " + text)
	}
	if first {
		segment := call(gst.segmentNew)
		call(gst.segmentInit, segment, formatTime)
		call(gst.padPushEvent, p.input, call(gst.eventNewSegment, segment))
		call(gst.segmentFree, segment)
	}
	return nil
}

// setCodec sets a property of the codec by its text form.
func (p *pipeline) setCodec(name, value string) {
	withString(name, func(n uintptr) uintptr {
		return withString(value, func(v uintptr) uintptr { return call(gst.setObjectArg, p.codec, n, v) })
	})
}

// forceKey makes the next picture that is pushed a key frame.
func (p *pipeline) forceKey() {
	event := call(gst.newForceKeyUnit, uintptr(clockTimeNone), 1, 0)
	call(gst.padSendEvent, p.codecSource, event)
}

// push runs a buffer, which it takes over, through the chain.
func (p *pipeline) push(buffer uintptr, pts, duration time.Duration) error {
	setTimes(buffer, uint64(pts), uint64(duration))
	flow := int32(call(gst.padPush, p.input, buffer))
	if flow == 0 {
		if p.pushed++; p.pushed%messageInterval == 0 {
			p.discardMessages()
		}
		return nil
	}
	err := p.failure(fmt.Sprintf("took no buffer (flow %d)", flow))
	p.discardMessages()
	if flow == flowRefused {
		return fmt.Errorf("%w: %w", errNotNegotiated, err)
	}
	return err
}

// messageInterval is how many buffers may pass until warnings are thrown away.
const messageInterval = 64

// discardMessages empties the bus, on which elements pile up what nobody reads.
func (p *pipeline) discardMessages() {
	for {
		message := call(gst.busPopFiltered, p.bus, messageAny)
		if message == 0 {
			return
		}
		call(gst.miniObjectUnref, message)
	}
}

// pull returns what came out, 0 when nothing does within wait. The caller
// frees it with freeSample.
func (p *pipeline) pull(wait time.Duration) uintptr {
	return call(gst.appSinkTryPullSample, p.sink, uintptr(wait))
}

func freeSample(sample uintptr) { call(gst.miniObjectUnref, sample) }

// failure is an error with the first reason on the bus.
func (p *pipeline) failure(what string) error {
	message := call(gst.busPopFiltered, p.bus, messageError)
	if message == 0 {
		return fmt.Errorf("%w: it %s", errPipeline, what)
	}
	defer call(gst.miniObjectUnref, message)
	reason, debug := (*uintptr)(p.scratch), (*uintptr)(unsafe.Add(p.scratch, 8))
	*reason, *debug = 0, 0
	call(gst.messageParseError, message, uintptr(unsafe.Pointer(reason)), uintptr(unsafe.Pointer(debug)))
	text, detail := takeError(*reason), goString(*debug)
	call(gst.free, *debug)
	return fmt.Errorf("%w: it %s: %s (%s)", errPipeline, what, text, detail)
}

// close stops the pipeline and frees it.
func (p *pipeline) close() {
	if p.element != 0 {
		call(gst.elementSetState, p.element, stateNull)
	}
	for _, object := range []uintptr{p.codecSource, p.codec, p.sink, p.bus, p.input, p.element} {
		unref(object)
	}
	release(p.scratch)
	*p = pipeline{}
}

// Offsets in struct GstBuffer (gst/gstbuffer.h) where pointers are 64 bits wide;
// there is no function that sets them.
const (
	bufferPTS      = 72
	bufferDTS      = 80
	bufferDuration = 88
)

func setTimes(buffer uintptr, pts, duration uint64) {
	p := pointer(buffer)
	*(*uint64)(unsafe.Add(p, bufferPTS)) = pts
	*(*uint64)(unsafe.Add(p, bufferDTS)) = clockTimeNone
	*(*uint64)(unsafe.Add(p, bufferDuration)) = duration
}

func ptsOf(buffer uintptr) uint64 { return *(*uint64)(unsafe.Add(pointer(buffer), bufferPTS)) }

// checkBufferLayout refuses a GStreamer whose buffers are laid out otherwise.
func checkBufferLayout() error {
	buffer := call(gst.bufferNewAllocate, 0, 16, 0)
	defer call(gst.miniObjectUnref, buffer)
	p := pointer(buffer)
	for _, offset := range []int{bufferPTS, bufferDTS, bufferDuration} {
		if *(*uint64)(unsafe.Add(p, offset)) != clockTimeNone {
			return fmt.Errorf("%w: GstBuffer is laid out in an unknown way: only 64-bit builds are supported", ErrMissing)
		}
	}
	return nil
}

// allocate returns a buffer of n equal bytes.
func allocate(n int, value byte) uintptr {
	buffer := call(gst.bufferNewAllocate, 0, uintptr(n), 0)
	call(gst.bufferClear, buffer, 0, uintptr(value), uintptr(n))
	return buffer
}

// bufferOf returns a buffer with a copy of data.
func bufferOf(data []byte) uintptr {
	buffer := call(gst.bufferNewAllocate, 0, uintptr(len(data)), 0)
	if len(data) > 0 {
		call(gst.bufferFill, buffer, 0, uintptr(unsafe.Pointer(&data[0])), uintptr(len(data)))
	}
	return buffer
}

// wrapPixels returns a buffer that reads pixels of a format of four bytes where
// they are; they must stay mapped until the buffer is done with. scratch is 64
// bytes of C memory.
func wrapPixels(pixels []byte, offset, stride, width, height, format int, scratch unsafe.Pointer) uintptr {
	base, size := uintptr(unsafe.Pointer(&pixels[0])), uintptr(stride*height)
	buffer := call(gst.bufferNewWrapped, memoryReadOnly, base+uintptr(offset), size, 0, size, 0, 0)
	offsets := (*[4]uint64)(scratch)
	strides := (*[4]int32)(unsafe.Add(scratch, 32))
	*offsets, *strides = [4]uint64{}, [4]int32{int32(stride)}
	call(gst.bufferAddVideoMeta, buffer, 0, uintptr(format), uintptr(width), uintptr(height), 1,
		uintptr(unsafe.Pointer(offsets)), uintptr(unsafe.Pointer(strides)))
	return buffer
}

// extract appends a buffer's bytes to dst.
func extract(dst []byte, buffer uintptr) []byte {
	n := int(call(gst.bufferGetSize, buffer))
	start := len(dst)
	if cap(dst)-start < n {
		dst = append(make([]byte, 0, start+n+n/2), dst...)
	}
	dst = dst[:start+n]
	if n == 0 {
		return dst
	}
	got := call(gst.bufferExtract, buffer, 0, uintptr(unsafe.Pointer(&dst[start])), uintptr(n))
	return dst[:start+int(got)]
}
