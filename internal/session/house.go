package session

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/kennel-stream/kennel/internal/app"
	"github.com/kennel-stream/kennel/internal/confine"
	"github.com/kennel-stream/kennel/internal/evidence"
	"github.com/kennel-stream/kennel/internal/media"
	"github.com/kennel-stream/kennel/internal/meter"
	"github.com/kennel-stream/kennel/internal/pad"
	"github.com/kennel-stream/kennel/internal/process"
)

// Options configure a House. Every duration must be above 0.
type Options struct {
	// Instance names this host among those of the machine, the same after a restart.
	Instance string
	// RuntimeDir holds one directory per live session. What an earlier run
	// left in it is removed.
	RuntimeDir string
	// OutputDir keeps one file per session with what its processes printed.
	OutputDir string
	// Registry is the file that keeps what GStreamer plugins there are, across
	// restarts.
	Registry string
	// Executable is the kennel program, MediaExecutable kennel-media.
	Executable, MediaExecutable string
	// SoundServer is the program of the sessions' sound servers; empty for the
	// one that is installed. Silent gives sessions no sound.
	SoundServer string
	Silent      bool
	// Cgroups allows a cgroup per session where the machine does.
	Cgroups bool
	// UIDFirst and UIDCount are the user ids for sessions and media workers of
	// a host that runs as root.
	UIDFirst, UIDCount uint32
	// UIDLock is a file that all hosts of the machine share, so that no two of them
	// use the same user id; empty for none. A host that does not run as root needs
	// none.
	UIDLock string
	// EngineSockets are where the container engine may listen, the likeliest first.
	EngineSockets []string
	// Isolation is IsolationAuto, IsolationRequired or IsolationOff.
	Isolation Isolation
	// Private are directories of the host that apps do not see; RuntimeDir is
	// one without being named.
	Private []string
	// Limits bound what sessions may take, at first.
	Limits Limits
	// Encoders are GStreamer elements for H.264, best first.
	Encoders []string
	// GPUBuffers says whether displays offer zwp_linux_dmabuf_v1.
	GPUBuffers GPUBuffers
	// ClientEnv tells apps about the player's client, by its id; nil for nothing.
	ClientEnv func(client string) []string
	// Pads is where gamepads are made; the zero one is this machine.
	Pads pad.Machine
	// GPUMeter measures the machine's GPUs; nil for the one in kennel-media.
	GPUMeter meter.GPUMeter
	// DRM measures GPUs of other makers; nil for those of the machine.
	DRM *meter.DRM
	// Receipt receives the receipt of every session, some seconds after its
	// end; nil for nobody.
	Receipt func(Receipt)
	// Event receives every event of every session; it must not block.
	Event evidence.Sink
	Log   *slog.Logger
}

// Isolation is how much of it an operator wants between apps.
type Isolation string

const (
	// IsolationAuto keeps apps apart as far as the machine can, and logs what
	// it cannot.
	IsolationAuto Isolation = "auto"
	// IsolationRequired refuses to start where something is missing.
	IsolationRequired Isolation = "required"
	// IsolationOff lets apps see whatever their user may see.
	IsolationOff Isolation = "off"
)

// House holds the sessions of one host. Its methods may be called from many
// goroutines.
type House struct {
	o       Options
	spawner *process.Spawner
	groups  *process.Groups
	runner  *app.Runners
	ids     *userIDs
	spares  *spares

	stopReaper context.CancelFunc
	tending    sync.WaitGroup // of what ends with the reaper

	rungs       *rungs
	imports     *imports
	node        media.RenderNode // of the GPU that apps draw with; empty for none
	gpus        *gpus
	drm         meter.DRM
	board       *meter.Board
	health      *health
	books       *books
	receipts    sync.WaitGroup  // of the receipts that wait
	ending      context.Context // ends when those are to be written at once
	endReceipts context.CancelFunc
	// receiptDelay is the constant, but in tests.
	receiptDelay time.Duration
	restartDelay time.Duration // likewise
	farewellTime time.Duration // likewise
	killTimeout  time.Duration // likewise
	// enginePatience likewise.
	enginePatience time.Duration
	// plant is what a test leaves behind in the middle of a teardown.
	plant func(*Session)

	refused atomic.Int64
	// failedOver counts the failovers of all sessions.
	failedOver atomic.Int64
	current    atomic.Pointer[Limits]
	budget     *budget
	trends     trendWatch
	started    time.Time

	toldMu sync.Mutex // covers told; it may be taken with mu held
	told   []evidence.Event

	mu       sync.Mutex // covers what follows
	ends     map[evidence.End]int64
	leaked   int64 // receipts with a residue
	sessions map[string]*Session
	canaries map[string]*Session // not the players', at most one
	closing  bool
}

// Open sweeps what an earlier run left behind and prepares the first spare
// worker. It fails when the machine cannot carry a session at all; a machine
// without a working encoder is reported by CheckMedia.
func Open(ctx context.Context, o Options) (*House, error) {
	groups, err := process.NewGroups(o.Instance, o.Cgroups)
	if err != nil {
		o.Log.Warn("cgroups cannot be used: sessions are held by process groups", "error", err)
	}
	spawner := process.NewSpawner()
	processes, err := isolate(ctx, o, spawner)
	if err != nil {
		spawner.Close()
		return nil, err
	}
	reaper, stop := context.WithCancel(context.WithoutCancel(ctx))
	runner := &app.Runners{Processes: processes, Containers: &app.Containers{Sockets: o.EngineSockets, Instance: o.Instance, Run: uuid.NewString()}}
	h := &House{
		started: time.Now().Truncate(time.Millisecond), o: o, spawner: spawner, groups: groups, runner: runner,
		ids: newUserIDs(o.UIDFirst, o.UIDCount), stopReaper: stop, sessions: map[string]*Session{}, ends: map[evidence.End]int64{}, canaries: map[string]*Session{},
		rungs: newRungs(o.Encoders), imports: newImports(), books: newBooks(), health: newHealth(), receiptDelay: receiptDelay, restartDelay: firstRestart, farewellTime: farewellTime, enginePatience: enginePatience, killTimeout: killTimeout,
	}
	if node, ok := media.FindRenderNode("/"); ok {
		h.node = node
		h.ids.groups = renderGroups(node)
	}
	h.ids.running = groups.Users
	if h.ids.count > 0 && o.UIDLock != "" {
		if h.ids.locks, err = openUIDLocks(o.UIDLock); err != nil {
			o.Log.Warn("another host of this machine could use the same user ids", "error", err)
		}
	}
	h.gpus, h.budget = newGPUs(h), newBudget()
	if h.drm = meter.FindDRM("/"); o.DRM != nil {
		h.drm = *o.DRM
	}
	h.SetLimits(o.Limits)
	h.ending, h.endReceipts = context.WithCancel(context.WithoutCancel(ctx))
	if err := spawner.Adopt(reaper); err != nil {
		o.Log.Warn("orphans of apps will not be reaped", "error", err)
	}
	if err := h.prepareDirs(ctx); err != nil {
		stop()
		spawner.Close()
		h.ids.locks.close()
		return nil, err
	}
	h.tending.Go(func() { runner.Containers.Tend(reaper, h.sweptContainers) })
	h.spares = newSpares(h)
	h.board = meter.NewBoard(reaper, h.gauges(), h.meterChanged)
	h.spares.replenish()
	h.tending.Go(func() { h.tendRungs(reaper) })
	return h, nil
}

// isolate makes a runner of apps that keeps them apart.
func isolate(ctx context.Context, o Options, spawner *process.Spawner) (*app.Processes, error) {
	runner := &app.Processes{Spawner: spawner, Private: append([]string{o.RuntimeDir}, o.Private...), Engines: app.EngineFiles(o.EngineSockets)}
	if o.Isolation == IsolationOff {
		o.Log.Warn("apps are not kept apart: isolation is off")
		return runner, nil
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	abilities := confine.Check(ctx, spawner, o.Executable)
	gaps := abilities.Gaps()
	if len(gaps) > 0 && o.Isolation == IsolationRequired {
		return nil, evidence.Errorf(evidence.Unavailable, "isolation is required, but %s (%s): run kennel as root on Linux 6.12 or later, or set isolation = %q", strings.Join(gaps, ", and "), strings.Join(abilities.Missing, "; "), IsolationAuto)
	}
	for _, gap := range gaps {
		o.Log.Warn("apps are not fully kept apart: "+gap, "because", abilities.Missing)
	}
	runner.Confine = &abilities
	return runner, nil
}

// prepareDirs removes what an earlier run left and makes the directories. The
// runtime directory may be walked through by every session's user, not listed.
func (h *House) prepareDirs(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	killed, err := h.groups.Sweep(ctx)
	if err != nil {
		h.o.Log.Warn("could not sweep everything that an earlier run left behind", "error", err)
	}
	if len(killed) > 0 {
		h.o.Log.Warn("killed processes that an earlier run left behind", "pids", killed)
	}
	return h.ownDirs()
}

// ownDirs makes the directories. The runtime directory may be below one that
// every user may write to, as /tmp: what somebody else has put there is refused.
func (h *House) ownDirs() error {
	if err := process.OwnParent(h.o.RuntimeDir, 0o711); err != nil {
		return fmt.Errorf("make the runtime directory: %w", err)
	}
	if err := process.OwnDir(h.o.RuntimeDir, 0o711); err != nil {
		return fmt.Errorf("make the runtime directory: %w", err)
	}
	entries, _ := os.ReadDir(h.o.RuntimeDir)
	for _, e := range entries {
		// It does not follow links, whatever a session's user has left there.
		if err := os.RemoveAll(filepath.Join(h.o.RuntimeDir, e.Name())); err != nil {
			return fmt.Errorf("remove what an earlier run left in %s: %w", h.o.RuntimeDir, err)
		}
	}
	if err := process.OwnDir(h.o.OutputDir, 0o700); err != nil {
		return fmt.Errorf("make the directory for the output of sessions: %w", err)
	}
	return nil
}

// sweptContainers tells of what an earlier run left at the container engine.
func (h *House) sweptContainers(names []string, err error) {
	if err != nil {
		h.o.Log.Info("could not look for containers that an earlier run left behind; it is tried again", "error", err)
	}
	if len(names) > 0 {
		h.o.Log.Warn("removed containers that an earlier run left behind", "containers", names)
	}
}

// Hierarchy tells how sessions are grouped on this machine.
func (h *House) Hierarchy() process.Hierarchy { return h.groups.Hierarchy() }

// Session returns a live session by its id.
func (h *House) Session(id string) (*Session, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	s, ok := h.sessions[id]
	return s, ok
}

// ByClient returns the live session of a client. A client has at most one.
func (h *House) ByClient(client string) (*Session, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, s := range h.sessions {
		if s.request.Client == client {
			return s, true
		}
	}
	return nil, false
}

// Sessions returns the live sessions, oldest first.
func (h *House) Sessions() []*Session {
	h.mu.Lock()
	defer h.mu.Unlock()
	all := make([]*Session, 0, len(h.sessions))
	for _, s := range h.sessions {
		all = append(all, s)
	}
	slices.SortFunc(all, func(a, b *Session) int { return cmp.Compare(a.id, b.id) })
	return all
}

// everybody lists the sessions with the canary's.
func (h *House) everybody() []*Session {
	all := h.Sessions()
	h.mu.Lock()
	defer h.mu.Unlock()
	return append(all, slices.Collect(maps.Values(h.canaries))...)
}

// register takes a place for a session, so that concurrent launches cannot
// overshoot the limit.
func (h *House) register(s *Session) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closing {
		return evidence.Errorf(evidence.Unavailable, "this host is shutting down")
	}
	if s.request.Client == canaryClient {
		h.canaries[s.id] = s
		return nil
	}
	for _, other := range h.sessions {
		if other.request.Client == s.request.Client {
			return evidence.Errorf(evidence.Conflict, "you already have a session with %s on this host: resume or quit it first", other.request.App.Title)
		}
	}
	if err := h.admit(s); err != nil {
		return err
	}
	h.sessions[s.id] = s
	return nil
}

// SetLimits changes the limits, for what begins from now on.
func (h *House) SetLimits(l Limits) { h.current.Store(&l) }

func (h *House) limits() *Limits { return h.current.Load() }

// event tells of the host itself.
func (h *House) event(what string, attrs ...string) { h.fault("", what, attrs...) }

// fault tells of a fault of the host itself.
func (h *House) fault(id evidence.FaultID, what string, attrs ...string) {
	e := evidence.Event{
		Version: evidence.EventVersion, Mono: evidence.Monotonic(), Wall: time.Now().UTC(), Boot: evidence.BootID(),
		Stage: evidence.StageLaunch, Kind: evidence.Note, Fault: id, Attrs: map[string]string{"about": what},
	}
	for i := 0; i+1 < len(attrs); i += 2 {
		e.Attrs[attrs[i]] = attrs[i+1]
	}
	h.tell(e)
}

// maxHostEvents is how many events of the host itself are kept.
const maxHostEvents = 200

// tell passes on an event of the host itself, which is in no session's history,
// and keeps the newest.
func (h *House) tell(e evidence.Event) {
	h.toldMu.Lock()
	h.told = append(h.told, e)
	if more := len(h.told) - maxHostEvents; more > 0 {
		h.told = slices.Delete(h.told, 0, more)
	}
	h.toldMu.Unlock()
	h.o.Event(e)
}

// Events are the newest of the host itself, oldest first: meters that went dark
// or came back, budgets that are nearly taken, what grows, what canaries leave.
func (h *House) Events() []evidence.Event {
	h.toldMu.Lock()
	defer h.toldMu.Unlock()
	return slices.Clone(h.told)
}

// Ends counts the sessions that ended since the start, by the reason, and the
// receipts that name a residue.
func (h *House) Ends() (ends map[evidence.End]int64, leaked int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return maps.Clone(h.ends), h.leaked
}

func (h *House) countEnd(end evidence.End) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.ends[end]++
}

func (h *House) countReceipt(r Receipt) {
	if len(r.Residue) == 0 {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.leaked++
}

// Refused counts the launches that were refused for want of room.
func (h *House) Refused() int64 { return h.refused.Load() }

// FailedOver counts how often an encoder was replaced in the middle of a stream.
func (h *House) FailedOver() int64 { return h.failedOver.Load() }

// inWords is a duration as a player says it.
func inWords(d time.Duration) string {
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%d s", int(d.Seconds()))
	case d < 2*time.Hour:
		return fmt.Sprintf("%d min", int(d.Minutes()))
	}
	return fmt.Sprintf("%d h", int(d.Hours()))
}

func (h *House) unregister(s *Session) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.sessions, s.id)
	delete(h.canaries, s.id)
}

// Close ends every session with the given reason, then every child, and
// removes the host's groups and runtime directory. ctx bounds the wait.
func (h *House) Close(ctx context.Context, end evidence.End) error {
	h.mu.Lock()
	h.closing = true
	h.mu.Unlock()
	var errs []error
	for _, s := range h.everybody() {
		s.End(end, "")
	}
	for _, s := range h.everybody() {
		select {
		case <-s.Done():
		case <-ctx.Done():
			errs = append(errs, fmt.Errorf("session %s did not end in time: %w", s.id, ctx.Err()))
		}
	}
	h.closeReceipts(ctx)
	h.board.Close()
	h.spares.close()
	h.spawner.Close()
	h.stopReaper()
	h.tending.Wait()
	h.ids.locks.close()
	if err := h.groups.Close(); err != nil {
		errs = append(errs, err)
	}
	if err := os.RemoveAll(h.o.RuntimeDir); err != nil {
		errs = append(errs, fmt.Errorf("remove the runtime directory: %w", err))
	}
	return errors.Join(errs...)
}
