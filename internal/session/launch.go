package session

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/kennel-stream/kennel/internal/app"
	"github.com/kennel-stream/kennel/internal/display"
	"github.com/kennel-stream/kennel/internal/evidence"
	"github.com/kennel-stream/kennel/internal/process"
)

// waylandSocket is the name of every session's display: sessions have a
// runtime directory each, so names need not differ and never grow.
const waylandSocket = "wayland-1"

// Launch starts a session: its display, and in it the app. It returns once
// both run, or with an error that says, in words for the player, what failed;
// then nothing is left. ctx bounds the wait for the answer.
func (h *House) Launch(ctx context.Context, request Request) (*Session, error) {
	if err := h.sick(); err != nil {
		return nil, err
	}
	return h.start(ctx, request, h.o.Event)
}

func (h *House) start(ctx context.Context, request Request, events evidence.Sink) (*Session, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return nil, fmt.Errorf("make a session id: %w", err)
	}
	s := &Session{
		id: id.String(), house: h, request: request, started: time.Now(), state: Launching,
		keyframes: make(chan struct{}, 1), ending: make(chan struct{}), done: make(chan struct{}),
	}
	s.trace = evidence.NewTrace(s.id, events)
	if err := request.App.Validate(); err != nil {
		return nil, err
	}
	s.need = h.needs(&s.request)
	if err := h.register(s); err != nil {
		return nil, err
	}
	s.trace.Began(evidence.StageLaunch, "app", request.App.Title, "slug", request.App.Slug, "client", request.Client)
	ctx, cancel := context.WithTimeout(ctx, h.limits().Launch)
	defer cancel()
	if err := s.launch(ctx); err != nil {
		s.trace.Failed(evidence.StageLaunch, evidence.FaultOf(err), "error", err.Error())
		s.End(evidence.EndLaunchFailed, err.Error())
		<-s.done
		return nil, err
	}
	return s, nil
}

// launch takes the session up to a running app.
func (s *Session) launch(ctx context.Context) error {
	if err := s.settle(); err != nil {
		return err
	}
	if err := s.house.runner.Check(s.request.App, s.credential); err != nil {
		return err
	}
	s.trace.Done(evidence.StageLaunch)
	// The encoder's worker is claimed meanwhile: it does not need the display.
	claimed := make(chan error, 1)
	go func() { claimed <- s.claimWorker(ctx) }()
	s.startSound()
	err := errors.Join(s.startPads(), s.startDisplay(ctx))
	if err == nil {
		if err = s.startApp(ctx); err == nil {
			s.watchers.Go(s.tendApp)
		}
	}
	// A host that cannot encode says so now, when the player can still read it.
	if err := errors.Join(err, <-claimed); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.end != "" {
		return evidence.Errorf(evidence.Unavailable, "the session ended while it was being started: %s %s", s.end, s.detail)
	}
	s.state = Waiting
	s.expectClient()
	return nil
}

// settle makes the session's user, group, directories and output file.
func (s *Session) settle() (err error) {
	h := s.house
	if err := s.takeUser(); err != nil {
		return err
	}
	group, err := h.groups.Create(s.id)
	s.mu.Lock()
	s.group = group // others list the session's processes meanwhile
	s.mu.Unlock()
	if err != nil {
		return evidence.Errorf(evidence.Unavailable, "start session: %w", err).WithFault(evidence.FaultRuntimeDir)
	}
	// The last twelve digits are random, and short enough for a socket's path.
	s.dir = filepath.Join(h.o.RuntimeDir, s.id[24:])
	s.home = filepath.Join(s.dir, "home")
	dirs := []string{s.dir, s.home, filepath.Join(s.dir, "tmp")}
	for _, dir := range dirs {
		if err := os.Mkdir(dir, 0o700); err != nil {
			return evidence.Errorf(evidence.Unavailable, "start session: %w", err).WithFault(evidence.FaultRuntimeDir)
		}
	}
	// The uppermost comes last: its owner may replace what is in it.
	for _, dir := range slices.Backward(dirs) {
		if err := process.Give(dir, 0o700, s.credential); err != nil {
			return fmt.Errorf("start session: %w", err)
		}
	}
	output, err := app.NewOutput(filepath.Join(h.o.OutputDir, s.id+".log"))
	if err != nil {
		return fmt.Errorf("start session: %w", err)
	}
	s.mu.Lock()
	s.output = output // others may ask for the output meanwhile
	s.mu.Unlock()
	return nil
}

// takeUser decides whom the session's processes run as.
func (s *Session) takeUser() (err error) {
	if !app.Pooled(s.request.App) {
		s.credential, err = app.Configured(s.request.App)
		return err
	}
	if s.credential, err = s.house.ids.take(); err != nil {
		return s.house.refuse(&s.request, "user_ids", evidence.Errorf(evidence.Full, "this host is full: %w", err))
	}
	s.pooled = true
	return nil
}

func (s *Session) startDisplay(ctx context.Context) error {
	s.trace.Began(evidence.StageDisplay)
	out, err := s.output.Source("display")
	if err != nil {
		return err
	}
	defer out.Close()
	options := display.Options{
		Executable: s.house.o.Executable, SocketPath: filepath.Join(s.dir, waylandSocket),
		Width: s.request.Width, Height: s.request.Height, RefreshMilliHz: s.request.FPS * 1000,
		SessionID: s.id, Env: s.markers(), Credential: s.credential, Group: s.group, Stderr: out,
		DMABuf: s.house.gpuBuffers(),
	}
	if s.credential != nil {
		options.AllowedUIDs = []uint32{s.credential.UID}
		if app.RootInside(s.request.App) {
			// Root could do worse than connect, and sees no other session's socket.
			options.AllowedUIDs = append(options.AllowedUIDs, 0)
		}
	}
	d, err := display.Start(ctx, s.house.spawner, options)
	if err != nil {
		fault := evidence.FaultDisplayStart
		if told, ok := errors.AsType[*display.StartError](err); ok && told.Fault == display.FaultOutput {
			fault = evidence.FaultNoSharedMemory
		}
		s.trace.Failed(evidence.StageDisplay, fault, "error", err.Error())
		return evidence.Errorf(evidence.Unavailable, "the display of the session could not be started: %w", err).WithFault(fault)
	}
	s.display = d
	s.trace.Done(evidence.StageDisplay, "socket", waylandSocket, "pid", fmt.Sprint(d.Process().PID()))
	s.watchers.Go(s.watchDisplay)
	s.watchers.Go(s.watchPulse)
	s.watchers.Go(s.passKeyframes)
	return nil
}

func (s *Session) startApp(ctx context.Context) error {
	s.trace.Began(evidence.StageApp, "app", s.request.App.Title)
	out, err := s.output.Source("app")
	if err != nil {
		return err
	}
	defer out.Close()
	running, err := s.house.runner.Start(ctx, s.request.App, s.place(out))
	if err != nil {
		s.trace.Failed(evidence.StageApp, evidence.FaultOf(err), "error", err.Error())
		return err
	}
	s.mu.Lock()
	s.running = running
	s.mu.Unlock()
	var steps []string
	if r, ok := running.(interface{ Steps() []string }); ok {
		steps = r.Steps()
	}
	s.trace.Done(evidence.StageApp, steps...)
	s.watchers.Go(func() { s.tellStart(running) })
	return nil
}

// place is where the session's apps run; they print to out.
func (s *Session) place(out *os.File) app.Place {
	s.mu.Lock()
	width, height, refresh := s.request.Width, s.request.Height, s.request.FPS
	s.mu.Unlock()
	return app.Place{
		Session: s.id, Instance: s.house.o.Instance, RuntimeDir: s.dir, Home: s.home, WaylandDisplay: waylandSocket,
		Width: width, Height: height, Refresh: refresh,
		Credential: s.credential, Group: s.group, Output: out, Executable: s.house.o.Executable, Env: s.soundEnv(), ClientEnv: s.clientEnv(),
		Sound: s.soundSocket(), Client: s.request.Client, Pads: s.pads, Tell: s.tellDoing,
		Note: func(pairs ...string) { s.trace.Note(evidence.StageApp, pairs...) },
	}
}

// markers is the environment of Kennel's own processes of the session.
func (s *Session) markers() []string { return s.house.markers(s.id) }

func (h *House) markers(session string) []string {
	return []string{
		"PATH=/usr/bin:/bin", "HOME=/nonexistent", "LANG=C.UTF-8",
		process.SessionMarker + "=" + session, process.InstanceMarker + "=" + h.o.Instance,
	}
}

// claimWorker takes a warm media worker for the first rendition.
func (s *Session) claimWorker(ctx context.Context) error {
	if steps := s.house.ladder(); steps.at < 0 {
		return noEncoder(steps.leftOut())
	}
	w, err := s.claim(ctx)
	if err != nil {
		return evidence.Errorf(evidence.Unavailable, "this host cannot encode video: %w", err).WithFault(videoStart.of(err))
	}
	s.mu.Lock()
	if s.end == "" && s.worker == nil {
		s.worker, w = w, nil
	}
	s.mu.Unlock()
	if w != nil {
		s.house.spares.retire(w)
	}
	return nil
}

// expectClient bounds the time until a client streams. It needs mu.
func (s *Session) expectClient() {
	since := evidence.Monotonic()
	s.setTimer(s.house.limits().Connect, func() { s.neverConnected(since) })
}

// neverConnected ends a session whose client launched at since.
func (s *Session) neverConnected(since int64) {
	s.nameMissingStage(since)
	s.End(evidence.EndNeverConnected, "the client did not connect within "+s.house.limits().Connect.String())
}

// nameMissingStage records the first stage that a client has not reached, which
// launched or resumed at since.
func (s *Session) nameMissingStage(since int64) {
	done := map[evidence.Stage]bool{}
	for _, e := range s.trace.Events() {
		if e.Mono >= since && e.Kind == evidence.Done {
			done[e.Stage] = true
		}
	}
	switch {
	case !done[evidence.StageRTSP]:
		s.trace.Failed(evidence.StageRTSP, evidence.FaultRTSPTimeout)
	case !done[evidence.StageControl]:
		s.trace.Failed(evidence.StageControl, evidence.FaultControlTimeout)
	case s.trace.State(evidence.StageStreaming) != evidence.Failed: // else it is told already
		s.trace.Failed(evidence.StageStreaming, evidence.FaultPingTimeout)
	}
}
