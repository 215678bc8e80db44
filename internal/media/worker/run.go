package worker

import (
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kennel-stream/kennel/internal/evidence"
	"github.com/kennel-stream/kennel/internal/ipc"
	"github.com/kennel-stream/kennel/internal/media"
)

const (
	// sendTimeout bounds a message to the parent, which always reads.
	sendTimeout = time.Second
	// watchInterval is how often the watch looks, hangLimit how long a codec
	// may work on one picture, statsInterval the time between counters.
	watchInterval = 250 * time.Millisecond
	hangLimit     = 3 * time.Second
	statsInterval = time.Second
)

// ErrNoParent means that the process was not started by Kennel.
var ErrNoParent = errors.New("this program is started by kennel, not by people; to see what it can do here, run: kennel-media --check")

// process is a running worker.
type process struct {
	conn     *ipc.Conn
	encoders []string
	decoders []string

	once  sync.Once
	fatal error         // set by fail before ended is closed
	ended chan struct{} // closed by fail

	encoding *encoding // the job, one of both; used by the control loop
	decoding *decoding
}

// Run is a worker process: it serves the control link that was inherited as
// media.ControlFD until the parent says stop or is gone, which are no errors.
// began is when the process started. The caller exits the process afterwards,
// which is what ends goroutines that are inside of a codec.
func Run(began time.Time) error {
	if kind, err := unix.GetsockoptInt(media.ControlFD, unix.SOL_SOCKET, unix.SO_TYPE); err != nil || kind != unix.SOCK_SEQPACKET {
		return ErrNoParent
	}
	conn, err := ipc.FromFD(media.ControlFD)
	if err != nil {
		return err
	}
	p := &process{conn: conn, ended: make(chan struct{})}
	if err := load(); err != nil {
		p.report(media.Fault{ID: evidence.FaultMediaStart, Detail: err.Error(), Fatal: true})
		return err
	}
	// The registry has been read. Nothing is there when the parent passed none.
	_ = unix.Close(media.RegistryFD)
	p.encoders = available(media.Encoders("h264"), loadElement)
	// Decoders are heavy, and few workers decode: what the registry says will do.
	p.decoders = available(media.Decoders("h264"), haveElement)
	preload(p.encoders)
	hello := media.Hello{
		Version: media.Version, PID: os.Getpid(), GStreamer: version(),
		Encoders: p.encoders, Decoders: p.decoders, StartNanos: int64(time.Since(began)),
	}
	if err := conn.SendJSON(sendTimeout, media.MessageHello, hello); err != nil {
		return nil // the parent has gone meanwhile
	}
	go p.control()
	<-p.ended
	return p.fatal
}

// available returns the elements of rungs that are there.
func available(rungs []media.Rung, there func(element string) bool) []string {
	names := []string{}
	for _, r := range rungs {
		if there(r.Element) {
			names = append(names, r.Element)
		}
	}
	return names
}

// preload encodes a tiny picture, so that the libraries and the generated code
// of the converter and the best encoder are there before the job comes. When it
// fails the job says why.
func preload(encoders []string) {
	if len(encoders) == 0 {
		return
	}
	spec := media.EncodeSpec{Codec: "h264", Width: 64, Height: 64, FPSNum: 60, FPSDen: 1, BitrateKbps: 1000}
	e, err := newEncoder(&spec, encoders[0])
	if err != nil {
		return
	}
	_ = e.warmUp()
	e.close()
}

// control serves the parent's messages until it is gone.
func (p *process) control() {
	for {
		m, err := p.conn.Receive(0)
		if err != nil || m.Type == media.MessageStop {
			p.end(nil)
			return
		}
		files := adopt(m.Files)
		err = p.handle(&m, files)
		for _, f := range files {
			_ = f.Close()
		}
		var fault media.Fault
		switch {
		case errors.As(err, &fault):
			p.report(fault)
		case err != nil:
			p.report(media.Fault{ID: media.FaultRequest, Detail: err.Error()})
		}
	}
}

func adopt(fds []int) []*os.File {
	files := make([]*os.File, len(fds))
	for i, fd := range fds {
		files[i] = os.NewFile(uintptr(fd), "passed")
	}
	return files
}

func (p *process) handle(m *ipc.Message, files []*os.File) error {
	switch m.Type {
	case media.MessageEncode:
		var spec media.EncodeSpec
		if err := m.Decode(&spec); err != nil {
			return err
		}
		return p.encode(spec, files)
	case media.MessageDecode:
		var spec media.DecodeSpec
		if err := m.Decode(&spec); err != nil {
			return err
		}
		return p.decode(spec, files)
	}
	if p.encoding == nil {
		return fmt.Errorf("message %#x before an encoding was begun", m.Type)
	}
	switch m.Type {
	case media.MessageStart:
		p.encoding.start()
	case media.MessagePause:
		p.encoding.pause()
	case media.MessageKeyframe:
		p.encoding.key()
	case media.MessageBitrate:
		var b media.Bitrate
		if err := m.Decode(&b); err != nil {
			return err
		}
		spec := p.encoding.spec
		spec.BitrateKbps = b.Kbps
		if err := spec.Check(); err != nil {
			return err
		}
		p.encoding.setBitrate(b.Kbps)
	default:
		return fmt.Errorf("message %#x is unknown: install kennel and kennel-media of one release", m.Type)
	}
	return nil
}

// encode begins the job of encoding. The files are closed by the caller; what
// lives on is a duplicate.
func (p *process) encode(spec media.EncodeSpec, files []*os.File) error {
	if err := p.free(len(files), 2); err != nil {
		return err
	}
	if err := spec.Check(); err != nil {
		return err
	}
	begun := monotonic()
	element, ok := choose(spec.Encoder, p.encoders)
	if !ok {
		return media.Fault{ID: evidence.FaultEncoderMissing, Detail: missing(wanted(spec.Encoder, media.Encoders(spec.Codec)))}
	}
	scenes, err := ipc.FromFile(files[0])
	if err != nil {
		return err
	}
	stream, err := ipc.StreamConn(files[1])
	if err != nil {
		return err
	}
	e, err := newEncoding(spec, element, scenes, stream, p.report)
	if err != nil {
		return media.Fault{ID: evidence.FaultEncoderInit, Detail: fmt.Sprintf("%s for %dx%d: %s", element, spec.Width, spec.Height, err)}
	}
	p.encoding = e
	go p.job(stream, e.run)
	go p.scenes(e)
	go p.watch(e.hung, e.stats)
	p.ready(element, begun)
	return nil
}

// scenes reads the scene link. When the display goes, the last picture is kept.
func (p *process) scenes(e *encoding) {
	if err := e.inbox.read(); err != nil {
		p.report(media.Fault{ID: media.FaultScene, Detail: err.Error()})
	}
	_ = e.inbox.conn.Close()
}

func (p *process) decode(spec media.DecodeSpec, files []*os.File) error {
	if err := p.free(len(files), 1); err != nil {
		return err
	}
	begun := monotonic()
	element, ok := choose(spec.Decoder, p.decoders)
	if !ok {
		return media.Fault{ID: media.FaultDecoderMissing, Detail: missing(wanted(spec.Decoder, media.Decoders("h264")))}
	}
	stream, err := ipc.StreamConn(files[0])
	if err != nil {
		return err
	}
	d, err := newDecoding(element, stream)
	if err != nil {
		return media.Fault{ID: media.FaultDecoderError, Detail: fmt.Sprintf("%s: %s", element, err)}
	}
	p.decoding = d
	go p.job(stream, d.run)
	go p.watch(d.hung, nil)
	p.ready(element, begun)
	return nil
}

// free reports whether the worker may take a job that came with that many files.
func (p *process) free(files, want int) error {
	if p.encoding != nil || p.decoding != nil {
		return media.ErrBusy
	}
	if files != want {
		return fmt.Errorf("a job came with %d files, want %d", files, want)
	}
	return nil
}

// choose returns the wanted element, or the best one if none is wanted.
func choose(want string, have []string) (string, bool) {
	if want == "" && len(have) > 0 {
		return have[0], true
	}
	return want, slices.Contains(have, want)
}

// wanted are the rungs that would have served.
func wanted(element string, rungs []media.Rung) []media.Rung {
	i := slices.IndexFunc(rungs, func(r media.Rung) bool { return r.Element == element })
	switch {
	case i >= 0:
		return rungs[i : i+1]
	case element != "":
		return []media.Rung{{Element: element, Package: "that brings it"}}
	}
	return rungs
}

func (p *process) ready(element string, begun int64) {
	r := media.Ready{Element: element, WarmupNanos: monotonic() - begun}
	// A parent that is gone is noticed by control.
	_ = p.conn.SendJSON(sendTimeout, media.MessageReady, r)
}

// job runs a job to its end, which is the process's.
func (p *process) job(stream net.Conn, run func() *media.Fault) {
	fault := run()
	if fault == nil {
		_ = stream.Close()
		p.end(nil)
		return
	}
	p.fail(*fault)
	_ = stream.Close()
}

// watch reports counters and ends the process when the codec hangs.
func (p *process) watch(hung func(time.Duration) bool, stats func() (media.Stats, bool)) {
	ticker := time.NewTicker(watchInterval)
	defer ticker.Stop()
	for elapsed := watchInterval; ; elapsed += watchInterval {
		select {
		case <-p.ended:
			return
		case <-ticker.C:
		}
		if hung(hangLimit) {
			p.fail(media.Fault{ID: evidence.FaultEncoderError, Detail: fmt.Sprintf("the codec has worked on one picture for more than %s", hangLimit), Fatal: true})
			return
		}
		if stats == nil || elapsed%statsInterval != 0 {
			continue
		}
		if s, running := stats(); running {
			_ = p.conn.SendJSON(sendTimeout, media.MessageStats, s)
		}
	}
}

// report tells the parent of a fault.
func (p *process) report(f media.Fault) {
	const longest = 2 << 10
	if len(f.Detail) > longest {
		f.Detail = f.Detail[:longest]
	}
	_ = p.conn.SendJSON(sendTimeout, media.MessageFault, f)
}

// fail reports a fault and ends the process with it.
func (p *process) fail(f media.Fault) {
	p.report(f)
	p.end(f)
}

func (p *process) end(err error) {
	p.once.Do(func() {
		p.fatal = err
		close(p.ended)
	})
}
