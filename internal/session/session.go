package session

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kennel-stream/kennel/internal/app"
	"github.com/kennel-stream/kennel/internal/display"
	"github.com/kennel-stream/kennel/internal/evidence"
	"github.com/kennel-stream/kennel/internal/ipc"
	"github.com/kennel-stream/kennel/internal/media"
	"github.com/kennel-stream/kennel/internal/pad"
	"github.com/kennel-stream/kennel/internal/process"
	"github.com/kennel-stream/kennel/internal/sound"
)

// Request is what a client asks for at launch.
type Request struct {
	// Client is the client's id: the SHA-256 of its certificate.
	Client string
	// ClientName is for people.
	ClientName string
	App        app.Spec
	// Width, Height (pixels) and FPS are the display's until the client
	// negotiates others.
	Width, Height, FPS int
	// Channels of the session's sink: 2, 6 or 8; 0 for 2. What the client
	// negotiates later may differ: it is remixed.
	Channels int
	// Goodbye tells the client that the session is ending. It is called once,
	// before anything is torn down, and must return when its context ends.
	Goodbye func(context.Context, evidence.End)
}

// Stream is what the client negotiated for its video.
type Stream struct {
	Width, Height, FPS int
	BitrateKbps        int
	// Slices is the number of slices per frame that the client wants, at least 1.
	Slices int
	// Audio is the client's sound; without channels there is none.
	Audio media.OpusSpec
}

// State is where a session is in its life, for people and the API.
type State string

// The states.
const (
	// Launching: display and app are being started.
	Launching State = "launching"
	// Waiting: the app runs, the client has not connected yet.
	Waiting State = "waiting"
	// Streaming: the client receives pictures.
	Streaming State = "streaming"
	// Paused: the client left; the app lives on until the lease ends.
	Paused State = "paused"
	// Ending: the session is being torn down.
	Ending State = "ending"
)

// FrameSink receives encoded frames, on one goroutine, in order. The frame is
// valid during the call.
type FrameSink func(*ipc.Frame)

// SoundSink receives Opus packets, on one goroutine, in order. The frame is
// valid during the call.
type SoundSink func(*ipc.Frame)

// Session is one client's app with everything that it takes. Its methods may
// be called from many goroutines.
type Session struct {
	id      string
	house   *House
	request Request
	started time.Time
	touched atomic.Int64 // when the player last did something, Unix nanoseconds
	trace   *evidence.Trace

	// Set by launch before the session is handed out, then constant.
	dir        string
	home       string
	credential *process.Credential
	pooled     bool // the credential is one of the house's
	group      *process.Group
	output     *app.Output
	display    *display.Display
	sound      *sound.Server // nil without sound
	pads       *pad.Set      // nil where the app has no gamepads

	watchers sync.WaitGroup
	appStart sync.Mutex    // held while an app is started; covers beside and runs
	beside   []app.Running // apps that run beside the session's own
	runs     int           // how many of those there have been
	need     need          // what it was admitted with; of House.mu
	gpuFiles atomic.Int64  // what it was last seen to have open of GPUs
	unseen   atomic.Bool   // what it has open now is unknown
	padless  sync.Once     // the client was told that its app has no gamepads
	starved  starved       // by its control group
	held     holders       // processes of it that may hold a GPU's memory

	mu        sync.Mutex // covers what follows
	state     State
	running   app.Running // nil before the app's start
	stream    Stream
	rendition *rendition
	hearing   *hearing
	player    *process.Process // the sound server that serves now
	replaced  bool             // it has been replaced since somebody looked who plays
	sinks     uint32
	worker    *warm // claimed at launch, used by the first rendition
	timer     *time.Timer
	failovers Failovers
	refused   *breaker // of clients' buffers that ended an encoder, nil before the first
	end       evidence.End
	detail    string
	mapped    bool
	doing     string // what the start of the app waits for, "" for nothing special

	keyframes chan struct{} // holds a request for a key frame

	ending chan struct{} // closed when end is decided
	done   chan struct{} // closed when nothing is left
}

// ID is the session's UUIDv7.
func (s *Session) ID() string { return s.id }

// Request is what the session was launched with.
func (s *Session) Request() Request { return s.request }

// Trace is the session's events.
func (s *Session) Trace() *evidence.Trace { return s.trace }

// Display takes the client's input. It is the same for the session's life.
func (s *Session) Display() *display.Display { return s.display }

// Started is when the session was requested.
func (s *Session) Started() time.Time { return s.started }

// Touch notes that the player did something.
func (s *Session) Touch() { s.touched.Store(time.Now().UnixNano()) }

// Idle is how long the player has done nothing.
func (s *Session) Idle() time.Duration {
	since := s.started
	if at := s.touched.Load(); at > 0 {
		since = time.Unix(0, at)
	}
	return time.Since(since)
}

// Ending is closed once it is decided that the session ends.
func (s *Session) Ending() <-chan struct{} { return s.ending }

// Done is closed once the session is torn down.
func (s *Session) Done() <-chan struct{} { return s.done }

// EndReason returns why the session ends, "" while it lives.
func (s *Session) EndReason() (evidence.End, string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.end, s.detail
}

// State returns where the session is in its life.
func (s *Session) State() State {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state
}

// Stream returns what was negotiated last; zero before that.
func (s *Session) Stream() Stream {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stream
}

// Encoder names the encoder element in use, "" when none is.
func (s *Session) Encoder() string {
	s.mu.Lock()
	r := s.rendition
	s.mu.Unlock()
	if r == nil {
		return ""
	}
	return r.encoder()
}

// OutputTail returns the last lines of a process: "app", "display" or "media". A
// session that is just being launched has none.
func (s *Session) OutputTail(name string) []string {
	s.mu.Lock()
	output := s.output
	s.mu.Unlock()
	if output == nil {
		return nil
	}
	return output.Tail(name)
}

// Processes lists the pids of the session's live processes.
func (s *Session) Processes() []int {
	s.mu.Lock()
	group := s.group
	s.mu.Unlock()
	pids, err := group.PIDs()
	if err != nil {
		return nil
	}
	return pids
}

// setTimer arms the session's one timer: the connect deadline, then the lease.
// d <= 0 only stops it. The caller holds mu.
func (s *Session) setTimer(d time.Duration, f func()) {
	if s.timer != nil {
		s.timer.Stop()
		s.timer = nil
	}
	if d > 0 {
		s.timer = time.AfterFunc(d, f)
	}
}
