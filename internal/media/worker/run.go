package worker

import (
	"errors"
	"fmt"
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

	// audio is set in a worker for sound.
	audio bool
	// The job, one of them; used by the control loop.
	encoding  *encoding
	decoding  *decoding
	recording *recording
	busy      bool // with a job for sound
}

// Run is a worker process: it serves the control link that was inherited as
// media.ControlFD until the parent says stop or is gone, which are no errors.
// began is when the process started. The caller exits the process afterwards,
// which is what ends goroutines that are inside of a codec.
func Run(began time.Time) error {
	conn, err := parent()
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
	p.encoders = available(media.Encoders("h264"), thereToEncode)
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

// parent adopts the control link.
func parent() (*ipc.Conn, error) {
	if kind, err := unix.GetsockoptInt(media.ControlFD, unix.SOL_SOCKET, unix.SO_TYPE); err != nil || kind != unix.SOCK_SEQPACKET {
		return nil, ErrNoParent
	}
	return ipc.FromFD(media.ControlFD)
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

// thereToEncode tells whether an encoder is installed. One of a GPU is only
// looked up: its plugin may take a context as soon as it is loaded, which a
// worker that waits must not hold.
func thereToEncode(element string) bool {
	if media.EncoderOf(element).Hardware {
		return haveElement(element)
	}
	return loadElement(element)
}

// preload encodes a tiny picture, so that the libraries and the generated code
// of the converter and the best encoder on the CPU are there before the job
// comes. When it fails the job says why.
func preload(encoders []string) {
	encoders = slices.DeleteFunc(slices.Clone(encoders), func(e string) bool { return media.EncoderOf(e).Hardware })
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
			p.report(media.Fault{ID: evidence.FaultMediaRequest, Detail: err.Error()})
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
	if p.audio {
		return p.handleAudio(m, files)
	}
	switch m.Type {
	case media.MessageEncode:
		var spec media.EncodeSpec
		if err := m.Decode(&spec); err != nil {
			return err
		}
		return p.encode(spec, files)
	case media.MessageTry:
		var rung media.Rung
		if err := m.Decode(&rung); err != nil {
			return err
		}
		return p.try(rung)
	case media.MessageTryImport:
		var trial media.ImportTrial
		if err := m.Decode(&trial); err != nil {
			return err
		}
		return p.tryImport(trial)
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

// watch reports counters and ends the process when the codec hangs. stats and
// beat may be nil; beat is called at each look.
func (p *process) watch(hung func(time.Duration) bool, stats func() (media.Stats, bool), beat func()) {
	ticker := time.NewTicker(watchInterval)
	defer ticker.Stop()
	for elapsed := watchInterval; ; elapsed += watchInterval {
		if beat != nil {
			beat()
		}
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
