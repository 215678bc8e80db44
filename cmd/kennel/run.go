package main

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"github.com/kennel-stream/kennel/internal/config"
	"github.com/kennel-stream/kennel/internal/connlimit"
	"github.com/kennel-stream/kennel/internal/engine"
	"github.com/kennel-stream/kennel/internal/evidence"
	"github.com/kennel-stream/kennel/internal/host"
	"github.com/kennel-stream/kennel/internal/media"
	"github.com/kennel-stream/kennel/internal/session"
	"github.com/kennel-stream/kennel/internal/store"
	"github.com/kennel-stream/kennel/internal/systemd"
	"github.com/kennel-stream/kennel/internal/web"
	"github.com/kennel-stream/kennel/moonlight/gamestream"
)

// running is everything that `kennel serve` holds, in the order in which it
// was opened.
type running struct {
	config    config.Config
	log       *slog.Logger
	level     *slog.LevelVar
	catalogue *host.Catalogue
	reread    func() (config.Config, error) // the configuration, on SIGHUP
	store     *store.Store
	house     *session.House
	host      *host.Host
	recorder  *host.Recorder
	socket    net.Listener
	api       *http.Server
	alive     func(context.Context) error // whether the main loops turn
	wolf      *wolf                       // nil without
	announced config.PortPlan
	dir       string
	manager   systemd.Manager
}

func newLogger(w io.Writer, c config.Log) (*slog.Logger, *slog.LevelVar) {
	level := new(slog.LevelVar)
	// Validate has checked the word.
	_ = level.UnmarshalText([]byte(c.Level))
	o := &slog.HandlerOptions{Level: level}
	if c.Format == config.FormatJSON {
		return slog.New(slog.NewJSONHandler(w, o)), level
	}
	return slog.New(slog.NewTextHandler(w, o)), level
}

// openHost opens the data directory, the ports and the house. Whatever fails,
// what was opened before is closed again.
func openHost(ctx context.Context, c config.Config, dir string, log *slog.Logger) (_ *running, err error) {
	r := &running{config: c, log: log, dir: dir, manager: systemd.FromEnvironment(), wolf: newWolf(c)}
	defer func() {
		if err != nil {
			r.close(context.WithoutCancel(ctx), evidence.EndShutdown)
		}
	}()
	if r.store, err = store.Open(ctx, dir); err != nil {
		return nil, &evidence.Error{Kind: evidence.Unavailable, Err: err}
	}
	if _, err := r.store.EndOpenSessions(ctx, time.Now(), string(evidence.EndServeDied)); err != nil {
		return nil, err
	}
	identity, err := hostIdentity(r.store)
	if err != nil {
		return nil, err
	}
	who, err := r.store.Host(ctx)
	if err != nil {
		return nil, err
	}
	catalogue, leftOut, err := host.NewCatalogue(ctx, r.store, c.Apps)
	if err != nil {
		return nil, err
	}
	for _, e := range leftOut {
		log.Warn("an app is not offered", "error", e)
	}
	r.catalogue = catalogue
	r.recorder = host.NewRecorder(r.store, log)
	r.recorder.Forget(c.Limits.History, outputDir(dir))
	private, err := r.wolf.private()
	if err != nil {
		return nil, err
	}
	if r.house, err = openHouse(ctx, c, dir, private, r.store, r.recorder, r.wolf.events(r.recorder.Record), log); err != nil {
		return nil, err
	}
	files, err := planFiles(c, log)
	if err != nil {
		return nil, err
	}
	bound := c.Ports.Plan()
	r.announced = c.Announce.Plan(bound)
	o := host.Options{
		Config: c, Bound: bound, Announced: r.announced, UUID: who.UUID, Identity: identity,
		Store: r.store, House: r.house, Catalogue: catalogue, Log: log, Connections: files.Network,
	}
	if r.wolf != nil {
		o.Waits = r.wolf.feed.Waits
	}
	r.host, err = host.New(o)
	if err != nil {
		return nil, err
	}
	socket, err := web.Listen(filepath.Join(dir, web.SocketName))
	if err != nil {
		return nil, &evidence.Error{Kind: evidence.Unavailable, Err: err}
	}
	local := connlimit.For(files.API)
	local.PerAddress, local.Reserved = local.Total, 0 // all come from the machine itself
	r.socket = connlimit.New(local, nil).Listen(socket, "api")
	backend := &web.Local{
		Version: version, UUID: who.UUID, Hostname: c.Hostname, Started: time.Now(), Ports: bound,
		Host: r.host, House: r.house, Store: r.store, Catalogue: catalogue, OutputDir: outputDir(dir),
	}
	r.api, r.alive = web.NewServer(backend), backend.Alive
	connlimit.Serve(r.api)
	if r.wolf != nil {
		if err := r.wolf.open(r, backend); err != nil {
			return nil, err
		}
	}
	return r, nil
}

func hostIdentity(s *store.Store) (*gamestream.Identity, error) {
	certPEM, keyPEM, err := s.LoadOrCreateIdentity(func() ([]byte, []byte, error) {
		identity, err := gamestream.NewHostIdentity()
		if err != nil {
			return nil, nil, err
		}
		certPEM, keyPEM := identity.PEM()
		return certPEM, keyPEM, nil
	})
	if err != nil {
		return nil, err
	}
	return gamestream.LoadIdentity(certPEM, keyPEM)
}

func openHouse(ctx context.Context, c config.Config, dir string, private []string, st *store.Store, recorder *host.Recorder, events evidence.Sink, log *slog.Logger) (*session.House, error) {
	exe, err := os.Executable()
	if err != nil {
		return nil, evidence.Errorf(evidence.Unavailable, "find the kennel program: %w", err)
	}
	mediaExe, err := media.Find()
	if err != nil {
		return nil, &evidence.Error{Kind: evidence.Unavailable, Err: err}
	}
	instance := instanceOf(dir)
	audio := c.Audio.Server
	if audio == config.AudioOff {
		audio = ""
	}
	return session.Open(ctx, session.Options{
		SoundServer: audio, Silent: c.Audio.Server == config.AudioOff,
		Instance: instance, RuntimeDir: runtimeDir(instance), OutputDir: outputDir(dir),
		Registry:   filepath.Join(dir, "gstreamer.registry"),
		Executable: exe, MediaExecutable: mediaExe, Cgroups: c.Process.Cgroup != config.CgroupOff,
		UIDFirst: uint32(c.Process.UIDFirst), UIDCount: uint32(c.Process.UIDCount), UIDLock: "/run/kennel/uids", Limits: limitsOf(c),
		Encoders: encodersOf(c), EngineSockets: engineSockets(c),
		GPUBuffers: session.GPUBuffers(c.Display.DMABuf),
		Isolation:  session.Isolation(c.Process.Isolation), Private: append([]string{dir}, private...),
		Event: events, Receipt: recorder.Receipt, Log: log,
		ClientEnv: clientEnv(c, st),
	})
}

// outputDir keeps what the processes of sessions printed.
func outputDir(dir string) string { return filepath.Join(dir, "sessions") }

// instanceOf names the host of a data directory among those of the machine.
func instanceOf(dir string) string {
	sum := sha256.Sum256([]byte(dir))
	return hex.EncodeToString(sum[:4])
}

// engineSockets are where the container engine may listen.
func engineSockets(c config.Config) []string {
	if c.Docker.Socket != "" {
		return []string{c.Docker.Socket}
	}
	return engine.Sockets("/", os.Getenv)
}

// encodersOf are the elements of the ladder.
func encodersOf(c config.Config) (elements []string) {
	for _, name := range c.Video.Encoders {
		if rung, ok := media.EncoderNamed("h264", name); ok {
			elements = append(elements, rung.Element)
		}
	}
	return elements
}

// planFiles divides the open files that this process may have, and warns where
// they are too few for the sessions that the configuration allows.
func planFiles(c config.Config, log *slog.Logger) (connlimit.Plan, error) {
	p, err := connlimit.OfThisProcess()
	if err != nil {
		return p, &evidence.Error{Kind: evidence.Unavailable, Err: err}
	}
	if few := max(c.Limits.Sessions, 1); p.Sessions < few {
		log.Warn("too few files may be open: raise the limit, as by LimitNOFILE in the systemd unit, or by ulimit -n",
			"files", p.Files, "sessions", p.Sessions, "configured", c.Limits.Sessions)
	}
	return p, nil
}

// limitsOf are what can be changed while the host runs.
func limitsOf(c config.Config) session.Limits {
	l := c.Limits
	// A limit that cannot be read is no limit here: openHost has failed by it.
	files, _ := connlimit.OfThisProcess()
	return session.Limits{
		FilesFor: cmp.Or(files.Sessions, -1),
		Sessions: l.Sessions, Cores: l.Cores, MemoryReserve: int64(l.MemoryReserveMiB) << 20, GPUMemoryReserve: int64(l.GPUMemoryReserveMiB) << 20,
		GPUFiles: l.GPUFiles, NVENCSessions: l.NVENCSessions,
		Launch: l.LaunchTimeout.Std(), Connect: l.ConnectTimeout.Std(), Stop: l.StopTimeout.Std(), Lease: l.Lease.Std(), Idle: l.Idle.Std(),
	}
}

// runtimeDir is short, because it holds sockets, and belongs to this data
// directory alone.
func runtimeDir(instance string) string {
	if os.Geteuid() == 0 {
		return filepath.Join("/run/kennel", instance)
	}
	if dir := os.Getenv("XDG_RUNTIME_DIR"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "kennel", instance)
	}
	return filepath.Join(os.TempDir(), "kennel-"+strconv.Itoa(os.Geteuid()), instance)
}

// run serves until ctx ends or something fails, then takes leave in order:
// sessions first, so that their clients are told why.
func (r *running) run(ctx context.Context, out io.Writer) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	base := context.WithoutCancel(ctx)
	recording, stopRecording := context.WithCancel(base)
	network, stopNetwork := context.WithCancel(base)
	defer stopRecording()
	defer stopNetwork()
	var work, recorder sync.WaitGroup
	recorder.Go(func() { r.recorder.Run(recording) })
	work.Go(func() {
		if err := r.host.Run(network); err != nil {
			cancel(err)
		}
	})
	work.Go(func() {
		if err := r.api.Serve(r.socket); err != nil && !errors.Is(err, http.ErrServerClosed) {
			cancel(fmt.Errorf("serve the api: %w", err))
		}
	})
	if r.wolf != nil {
		r.wolf.run(network, &work, func(err error) { cancel(err) })
	}
	r.attend(ctx, &work, out)
	<-ctx.Done()
	_ = r.manager.Notify(systemd.Stopping)
	r.log.Info("stopping: no new sessions, the running ones end")
	err := r.leave(base, &work, stopNetwork, func() {
		stopRecording()
		recorder.Wait()
	})
	if cause := context.Cause(ctx); !errors.Is(cause, context.Canceled) {
		return cause
	}
	return err
}

// leave ends the sessions, then the network and what looks after the host, then
// the recording of all that.
func (r *running) leave(base context.Context, work *sync.WaitGroup, stopNetwork, stopRecording func()) error {
	sessions, done := context.WithTimeout(base, sessionsEnd)
	defer done()
	working, done := context.WithTimeout(base, workEnds)
	defer done()
	last, done := context.WithTimeout(base, allEnds)
	defer done()
	steps := leave{log: r.log}
	var closed error
	ended := steps.step(working, "the sessions", func() { closed = r.house.Close(sessions, evidence.EndShutdown) })
	steps.step(working, "the API", func() {
		_ = r.api.Shutdown(sessions)
		r.wolf.close(sessions)
	})
	stopNetwork()
	steps.step(working, "what looks after the host", work.Wait)
	steps.step(last, "what is recorded", func() {
		stopRecording()
		r.closeFiles(last)
	})
	if err := steps.err(); err != nil || !ended {
		return err
	}
	return closed
}

// attend starts what looks after the host: canaries, and the service manager's
// watchdog. The main loops feed that one; a canary that fails never does harm
// to running sessions.
func (r *running) attend(ctx context.Context, work *sync.WaitGroup, out io.Writer) {
	tried := make(chan struct{})
	work.Go(func() { r.house.KeepHealth(ctx, r.config.Health.CanaryInterval.Std()) })
	work.Go(func() {
		defer close(tried)
		r.house.TryEncoders(ctx)
		r.house.TryImports(ctx)
	})
	work.Go(func() { r.obey(ctx) })
	work.Go(func() { r.welcome(ctx, out, tried, r.host.Settled()) })
	work.Go(func() { r.house.ReapIdle(ctx) })
	work.Go(func() { r.house.WatchGPUs(ctx) })
	work.Go(func() { r.manager.KeepWatch(ctx, r.alive) })
	work.Go(func() { r.host.Announce(ctx) })
	if err := r.manager.Notify(systemd.Ready, systemd.Status("port "+strconv.Itoa(r.announced.HTTP))); err != nil {
		r.log.Warn("the service manager was not told", "error", err)
	}
}

// close closes what is open.
func (r *running) close(ctx context.Context, end evidence.End) {
	if r.house != nil {
		ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
		defer cancel()
		_ = r.house.Close(ctx, end)
	}
	r.closeFiles(ctx)
}

// closeFiles closes the sockets and the database.
func (r *running) closeFiles(ctx context.Context) {
	r.wolf.close(ctx)
	if r.socket != nil {
		_ = r.socket.Close()
	}
	if r.store != nil {
		_ = r.store.Close()
	}
}
