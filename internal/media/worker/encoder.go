package worker

import (
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/kennel-stream/kennel/internal/media"
)

// pullTimeout is how long an encoder may keep a picture to itself after push
// has returned; a software encoder without look-ahead never does.
const pullTimeout = time.Second

var errNoOutput = errors.New("the encoder gave nothing for a picture")

// encoder is an H.264 encoder with a colour converter in front of it.
type encoder struct {
	pipe          *pipeline
	element       string
	width, height int // of the pictures that are pushed now
	redFirst      bool
	frame         time.Duration
	pushed        int64
	raw           []byte
	tidy          media.Tidy
}

// newEncoder starts an encoder. Its first picture is a key frame.
func newEncoder(spec *media.EncodeSpec, element string) (*encoder, error) {
	pipe, err := newPipeline(encoderPipeline(spec, element, runtime.NumCPU()))
	if err != nil {
		return nil, err
	}
	e := &encoder{pipe: pipe, element: element, frame: time.Duration(spec.FPSDen) * time.Second / time.Duration(spec.FPSNum)}
	if err := e.resize(spec.Width, spec.Height, spec.FPSNum, spec.FPSDen); err != nil {
		pipe.close()
		return nil, err
	}
	return e, nil
}

// encoderPipeline is the pipeline of a spec that has passed its Check.
func encoderPipeline(spec *media.EncodeSpec, element string, cpus int) string {
	profile := spec.Profile
	if profile == "" {
		profile = "main"
	}
	raw := fmt.Sprintf("video/x-raw,format=%s,width=%d,height=%d,framerate=%d/%d,colorimetry=bt709,pixel-aspect-ratio=1/1", media.RawFormat(element), spec.Width, spec.Height, spec.FPSNum, spec.FPSDen)
	coded := "video/x-h264,stream-format=byte-stream,alignment=au"
	var codec string
	switch element {
	case "x264enc":
		codec, coded = x264(spec, cpus), coded+",profile="+profile
	case "openh264enc":
		codec = openh264(spec)
	case "nvh264enc":
		codec, coded = nvcodec(spec), coded+",profile="+profile
	case "vah264enc":
		codec, coded = va(spec), coded+",profile="+profile
	case "qsvh264enc":
		codec, coded = qsv(spec), coded+",profile="+profile
	}
	return fmt.Sprintf("videoconvertscale name=head n-threads=%d add-borders=true ! %s ! %s ! %s ! appsink name=sink sync=false async=false max-buffers=8 enable-last-sample=false",
		converterThreads(cpus), raw, codec, coded)
}

// converterThreads is 1 on small machines: there the second thread waits for
// the app's, and the frame for it.
func converterThreads(cpus int) int { return min(max(1, cpus/2), 4) }

// superfastLimit is the rate of macroblocks, per slice thread, up to which x264
// keeps up with the preset superfast when every pixel moves: 1280x720 at 30.
// Above it the preset is ultrafast.
const superfastLimit = 80 * 45 * 30

// x264 sets up x264enc. The reservoir (VBV) of two frames bounds every frame,
// key frames too. With zerolatency x264 takes the frame rate as constant, so
// that a frame after a pause gets no more than any other.
//
// Threads without added latency are one per slice, in both senses: with more
// slices than threads x264 makes only as many slices as threads.
func x264(spec *media.EncodeSpec, cpus int) string {
	threads := max(spec.Slices, 1)
	preset := "superfast"
	if macroblocks := (spec.Width + 15) / 16 * ((spec.Height + 15) / 16); macroblocks*spec.FPSNum/spec.FPSDen > superfastLimit*min(threads, cpus) {
		preset = "ultrafast"
	}
	options := fmt.Sprintf("slices=%d:scenecut=0:force-cfr=1", threads)
	return fmt.Sprintf("x264enc name=codec speed-preset=%s tune=zerolatency bitrate=%d vbv-buf-capacity=%d key-int-max=2147483647 bframes=0 aud=false byte-stream=true insert-vui=true intra-refresh=false threads=%d sliced-threads=%t option-string=%q",
		preset, spec.BitrateKbps, reservoir(spec), threads, threads > 1, options)
}

// leastReservoir is in bytes. With less, x264 finds no way to encode a busy
// picture of 1280x720 that fits, and skips every block of every frame.
const leastReservoir = 5 << 10

// reservoir is two frame intervals in milliseconds, and more at low bit rates.
func reservoir(spec *media.EncodeSpec) int {
	least := (leastReservoir*8 + spec.BitrateKbps - 1) / spec.BitrateKbps
	return max(1, least, (2000*spec.FPSDen+spec.FPSNum-1)/spec.FPSNum)
}

func openh264(spec *media.EncodeSpec) string {
	slices := max(spec.Slices, 1)
	return fmt.Sprintf("openh264enc name=codec usage-type=camera complexity=low rate-control=bitrate bitrate=%d gop-size=0 scene-change-detection=false enable-frame-skip=false slice-mode=n-slices num-slices=%d multi-thread=1",
		spec.BitrateKbps*1000, slices)
}

// The encoders of GPUs take pictures from main memory here, and key frames only
// when they are asked for one. What is not named has the element's default.

// nvcodec has its rate control for low latency in a preset; NVENC cannot slice
// in GStreamer.
func nvcodec(spec *media.EncodeSpec) string {
	return fmt.Sprintf("nvh264enc name=codec preset=low-latency-hq zerolatency=true rc-mode=cbr bitrate=%d vbv-buffer-size=%d gop-size=-1 bframes=0 aud=false",
		spec.BitrateKbps, max(1, spec.BitrateKbps*reservoir(spec)/1000))
}

func va(spec *media.EncodeSpec) string {
	return fmt.Sprintf("vah264enc name=codec rate-control=cbr bitrate=%d cpb-size=%d key-int-max=1024 b-frames=0 ref-frames=1 num-slices=%d target-usage=6 aud=false",
		spec.BitrateKbps, max(1, spec.BitrateKbps*reservoir(spec)/1000), max(spec.Slices, 1))
}

func qsv(spec *media.EncodeSpec) string {
	return fmt.Sprintf("qsvh264enc name=codec rate-control=cbr bitrate=%d gop-size=0 idr-interval=0 b-frames=0 ref-frames=1 target-usage=6 low-latency=true",
		spec.BitrateKbps)
}

// setBitrate changes the bit rate of the running encoder.
func (e *encoder) setBitrate(kbps int) {
	if e.element == "openh264enc" {
		kbps *= 1000 // it counts in bit/s
	}
	e.pipe.setCodec("bitrate", strconv.Itoa(kbps))
}

// resize says that pictures of another size or order of colours are pushed
// from now on.
func (e *encoder) resize(width, height, fpsNum, fpsDen int) error {
	format := "BGRx"
	if e.redFirst {
		format = "RGBx"
	}
	caps := fmt.Sprintf("video/x-raw,format=%s,width=%d,height=%d,framerate=%d/%d,colorimetry=sRGB,pixel-aspect-ratio=1/1,interlace-mode=progressive",
		format, width, height, fpsNum, fpsDen)
	if err := e.pipe.setCaps(caps, e.width == 0); err != nil {
		return err
	}
	e.width, e.height = width, height
	return nil
}

// warmUp encodes two grey pictures, a key frame and one that refers to it, and
// throws them away: whatever is set up late is set up now.
func (e *encoder) warmUp() error {
	for range 2 {
		if _, _, err := e.encode(allocate(e.width*e.height*4, 0x80), false); err != nil {
			return err
		}
	}
	return nil
}

// encodePixels encodes a picture of the size of the last resize, whose pixels
// must stay mapped until it returns.
func (e *encoder) encodePixels(pixels []byte, offset, stride int, key bool) (au []byte, isKey bool, err error) {
	format := videoFormatBGRx
	if e.redFirst {
		format = videoFormatRGBx
	}
	return e.encode(wrapPixels(pixels, offset, stride, e.width, e.height, format, e.pipe.scratch), key)
}

// encode takes over a buffer and returns its access unit, which is valid until
// the next call.
func (e *encoder) encode(buffer uintptr, key bool) (au []byte, isKey bool, err error) {
	if key {
		e.pipe.forceKey()
	}
	err = e.pipe.push(buffer, time.Duration(e.pushed)*e.frame, e.frame)
	e.pushed++
	if err != nil {
		return nil, false, err
	}
	sample := e.pipe.pull(pullTimeout)
	if sample == 0 {
		return nil, false, e.pipe.failure(errNoOutput.Error())
	}
	e.raw = extract(e.raw[:0], call(gst.sampleGetBuffer, sample))
	freeSample(sample)
	au, isKey, err = e.tidy.Filter(e.raw)
	if err != nil {
		return nil, false, err
	}
	if len(au) == 0 {
		return nil, false, errNoOutput
	}
	return au, isKey, nil
}

func (e *encoder) close() { e.pipe.close() }

// missing says in one sentence which package brings one of the rungs.
func missing(rungs []media.Rung) string {
	if software := slices.DeleteFunc(slices.Clone(rungs), func(r media.Rung) bool { return r.Hardware }); len(software) > 0 {
		rungs = software
	}
	var names []string
	for _, r := range rungs {
		names = append(names, fmt.Sprintf("%s (package %s)", r.Element, r.Package))
	}
	return fmt.Sprintf("GStreamer has no element %s: install it, for example with apt install %s", strings.Join(names, " or "), rungs[0].Package)
}
