package worker

import (
	"errors"
	"fmt"
	"net"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kennel-stream/kennel/internal/evidence"
	"github.com/kennel-stream/kennel/internal/ipc"
	"github.com/kennel-stream/kennel/internal/media"
	"github.com/kennel-stream/kennel/internal/scene"
)

// readerTimeout is how long the frame stream may be full before the worker
// gives up: its reader has then long lost its client.
const readerTimeout = 10 * time.Second

// encoding is the worker's job of encoding one display's scenes.
type encoding struct {
	spec    media.EncodeSpec
	encoder *encoder
	inbox   *inbox
	canvas  canvas // used by the encode loop only
	trail   *trail
	stream  net.Conn
	writer  *ipc.FrameWriter

	sequence uint64 // of the newest frame; used by the encode loop only

	wake chan struct{} // holds one token when something below has changed
	quit chan struct{} // closed by close

	mu      sync.Mutex // covers what follows
	pacer   *pacer
	bitrate int // to be set before the next frame, 0 for no change
	counts  counters

	busySince atomic.Int64 // monotonic time at which the encoder got the picture that it has now, 0 for none
}

// newEncoding starts the encoder, warms it up, and takes over both links.
func newEncoding(spec media.EncodeSpec, element string, scenes *ipc.Conn, stream net.Conn, t *trail, fault func(media.Fault)) (*encoding, error) {
	e := &encoding{
		spec: spec, stream: stream, trail: t, writer: ipc.NewFrameWriter(stream),
		wake: make(chan struct{}, 1), quit: make(chan struct{}), pacer: newPacer(spec.FPSNum, spec.FPSDen),
	}
	e.inbox = newInbox(scenes, e.sceneCame, func(detail string) { fault(media.Fault{ID: evidence.FaultSceneMalformed, Detail: detail}) })
	e.inbox.imports, e.inbox.trail = spec.Imports, t
	e.canvas.imports, e.canvas.refuse, e.canvas.trail = importers{}, e.inbox.refuse, t
	var err error
	if e.encoder, err = newEncoder(&spec, element); err != nil {
		return nil, err
	}
	if err := e.encoder.warmUp(); err != nil {
		e.encoder.close()
		return nil, err
	}
	return e, nil
}

func (e *encoding) sceneCame(changed bool) {
	e.trail.scene()
	e.tell(func() { e.pacer.scene(changed) })
}

// tell changes what the encode loop looks at, and wakes it.
func (e *encoding) tell(change func()) {
	e.mu.Lock()
	change()
	e.mu.Unlock()
	select {
	case e.wake <- struct{}{}:
	default:
	}
}

func (e *encoding) start()              { e.tell(e.pacer.start) }
func (e *encoding) pause()              { e.tell(e.pacer.pause) }
func (e *encoding) key()                { e.tell(e.pacer.key) }
func (e *encoding) setBitrate(kbps int) { e.tell(func() { e.bitrate = kbps }) }
func (e *encoding) next(now int64) (action, time.Duration, int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	todo, at := e.pacer.next(time.Duration(now))
	if todo == idle {
		return idle, at, 0
	}
	e.pacer.encoded(todo, time.Duration(now))
	kbps := e.bitrate
	e.bitrate = 0
	return todo, 0, kbps
}

// run is the encode loop. It ends with the fault that ended it, or nil after
// close.
func (e *encoding) run() *media.Fault {
	// GStreamer keeps state per thread, and the thread's name is seen in tools.
	runtime.LockOSThread()
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		now := monotonic()
		todo, at, kbps := e.next(now)
		if todo == idle {
			timer.Reset(at - time.Duration(now))
			select {
			case <-e.quit:
				return nil
			case <-e.wake:
			case <-timer.C:
			}
			continue
		}
		if kbps > 0 {
			e.encoder.setBitrate(kbps)
		}
		if fault := e.frame(todo); fault != nil {
			return fault
		}
	}
}

// frame encodes the newest picture and writes it.
func (e *encoding) frame(todo action) *media.Fault {
	p := e.inbox.current()
	begun := monotonic()
	e.busySince.Store(begun)
	au, key, err := e.encode(p, todo == encodeKey)
	e.busySince.Store(0)
	done := monotonic()
	commit := p.commit
	e.inbox.finish(p)
	if err != nil {
		return &media.Fault{ID: evidence.FaultEncoderError, Detail: fmt.Sprintf("%s: %s", e.encoder.element, err), Fatal: true}
	}
	e.sequence++
	if key {
		e.keyDone()
	}
	f := ipc.Frame{Sequence: e.sequence, Commit: commit, Done: done, Data: au}
	if key {
		f.Flags = ipc.FrameKey
	}
	if err := e.writer.Write(readerTimeout, &f); err != nil {
		return e.lostReader(err)
	}
	written := monotonic()
	e.mu.Lock()
	defer e.mu.Unlock()
	e.counts.frame(todo, key, len(au), done-begun, done-commit, time.Duration(written-done) > e.pacer.interval)
	return nil
}

// keyDone forgets the requests that came while a key frame was encoded. Later
// ones may come from somebody who has read it already.
func (e *encoding) keyDone() {
	e.mu.Lock()
	e.pacer.keyDone()
	e.mu.Unlock()
}

func (e *encoding) encode(p *picture, key bool) ([]byte, bool, error) {
	source := p.direct()
	if source == nil || source.begin() != nil {
		if err := e.canvas.compose(p); err != nil {
			return nil, false, err
		}
		if err := e.fit(p, scene.FormatXRGB8888); err != nil {
			return nil, false, err
		}
		return e.encodePixels(e.canvas.image.Pix, 0, e.canvas.image.Stride, key)
	}
	defer source.end()
	if err := e.fit(p, source.Format); err != nil {
		return nil, false, err
	}
	plane := source.Planes[0]
	return e.encodePixels(source.pixels, int(plane.Offset), int(plane.Stride), key)
}

func (e *encoding) encodePixels(pixels []byte, offset, stride int, key bool) ([]byte, bool, error) {
	e.trail.busy(true)
	defer e.trail.busy(false)
	return e.encoder.encodePixels(pixels, offset, stride, key)
}

// fit has the encoder take pictures as p in a pixel format.
func (e *encoding) fit(p *picture, format uint32) error {
	redFirst := scene.RedFirst(format)
	if p.width == e.encoder.width && p.height == e.encoder.height && redFirst == e.encoder.redFirst {
		return nil
	}
	e.encoder.redFirst = redFirst
	return e.encoder.resize(p.width, p.height, e.spec.FPSNum, e.spec.FPSDen)
}

// lostReader tells a reader that went away, which is the end of the job, from
// one that hangs.
func (e *encoding) lostReader(err error) *media.Fault {
	select {
	case <-e.quit:
		return nil
	default:
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return &media.Fault{ID: evidence.FaultReaderStalled, Detail: fmt.Sprintf("nobody read encoded frames for %s", readerTimeout), Fatal: true}
	}
	return &media.Fault{ID: evidence.FaultReaderStalled, Detail: "the frame stream was closed: " + err.Error(), Fatal: true}
}

// stats returns the counters, and whether frames flow.
func (e *encoding) stats() (media.Stats, bool) {
	scenes, skipped := e.inbox.counts()
	e.mu.Lock()
	defer e.mu.Unlock()
	s := e.counts.stats()
	s.Scenes, s.Skipped = scenes, skipped
	return s, e.pacer.running
}

// hung reports whether the encoder has had a picture for longer than limit.
func (e *encoding) hung(limit time.Duration) bool {
	since := e.busySince.Load()
	return since != 0 && time.Duration(monotonic()-since) > limit
}

// monotonic is CLOCK_MONOTONIC in nanoseconds.
func monotonic() int64 {
	var t unix.Timespec
	if unix.ClockGettime(unix.CLOCK_MONOTONIC, &t) != nil {
		return 0
	}
	return t.Nano()
}
