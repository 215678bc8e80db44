// Package app starts what a session shows. A Runner turns a Spec of the
// configuration into something Running; the process runner is the one that
// every machine has. The app's output is kept per session (Output).
package app

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/kennel-stream/kennel/internal/confine"
	"github.com/kennel-stream/kennel/internal/evidence"
	"github.com/kennel-stream/kennel/internal/pad"
	"github.com/kennel-stream/kennel/internal/process"
)

// Runner types of the configuration.
const (
	// TypeProcess runs a program of the host.
	TypeProcess = "process"
	// TypeDemo runs the demo app that is built into kennel.
	TypeDemo = "demo"
	// TypeDocker runs a container by Docker or podman.
	TypeDocker = "docker"
)

// Spec is an app as the configuration or the API describes it.
type Spec struct {
	// ID is the GameStream app id: stable and above 0.
	ID int32 `json:"id"`
	// Slug names the app in the API and on the command line.
	Slug string `json:"slug"`
	// Title is what Moonlight shows.
	Title  string     `json:"title"`
	Runner RunnerSpec `json:"runner"`
}

// RunnerSpec says how to run an app.
type RunnerSpec struct {
	// Type is TypeProcess, TypeDocker or TypeDemo.
	Type string `json:"type"`
	// Args is the command: a program and its arguments. A container's is the
	// image's own where it is empty.
	Args []string `json:"args,omitempty"`
	// Env adds NAME=VALUE entries to the session's environment.
	Env []string `json:"env,omitempty"`
	// User is a user name or number; empty for the session's own user.
	User string `json:"user,omitempty"`
	// Dir is the working directory; empty for the session's home, and for the
	// image's own in a container.
	Dir string `json:"dir,omitempty"`
	// NewPrivileges lets the app gain rights by set-user-id programs.
	NewPrivileges bool `json:"new_privileges,omitempty"`
	// Gamepads gives the app those of the session's client.
	Gamepads bool `json:"gamepads,omitempty"`
	// OnExit is what follows when the app ends by itself with status 0, OnCrash
	// when it ends otherwise; empty for End.
	OnExit  Policy `json:"on_exit,omitempty"`
	OnCrash Policy `json:"on_crash,omitempty"`
	// Limits are those of a process; a container has its own.
	Limits Limits `json:"limits,omitzero"`
	// Container is what a container is made of; nil for other types.
	Container *ContainerSpec `json:"container,omitempty"`
}

// Policy is what follows an app's end.
type Policy string

const (
	// End ends the session.
	End Policy = "end"
	// Restart starts the app again, after a time that grows when it ends soon.
	Restart Policy = "restart"
	// Card keeps the session, which tells the player what happened.
	Card Policy = "card"
)

// Place is where a session's app runs.
type Place struct {
	// Session is the session's id, Instance the host's.
	Session, Instance string
	// RuntimeDir is the session's private XDG_RUNTIME_DIR; Home its home.
	RuntimeDir, Home string
	// WaylandDisplay is the name of the socket in RuntimeDir.
	WaylandDisplay string
	// Width, Height (pixels) and Refresh (Hz) are the stream's.
	Width, Height, Refresh int
	// Credential is the session's user, nil for the host's own.
	Credential *process.Credential
	Group      *process.Group
	// Output receives what the app prints.
	Output *os.File
	// Executable is the kennel program, for the demo app.
	Executable string
	// Env is what else the session gives to its app, such as where its sound is.
	Env []string
	// ClientEnv tells the app about the player's client.
	ClientEnv []string
	// Sound is the sound server's socket in RuntimeDir, "" without sound.
	Sound string
	// Client is the id of the player's client.
	Client string
	// Pads are the gamepads of the client; nil where the session has none.
	Pads *pad.Set
	// Tell says to the player what a start that takes long is doing; nil for
	// nobody. It must not block.
	Tell func(string)
	// Note records what happens to the app beside its start and end, as pairs of
	// name and value; nil for nobody.
	Note func(...string)
}

// Runner starts apps.
type Runner interface {
	// Check tells, before anything of a session is made, why the app cannot
	// start: an evidence.Error with the fault.
	Check(Spec, *process.Credential) error
	// Start starts the app. The context bounds the start, not its life.
	Start(context.Context, Spec, Place) (Running, error)
	// Left names what there still is of a session outside of its processes and
	// directories, such as containers.
	Left(ctx context.Context, session string) ([]string, error)
}

// Running is a started app.
type Running interface {
	// Done is closed when the app has ended.
	Done() <-chan struct{}
	// Result tells how; it blocks until Done.
	Result() Result
	// Stop ends the app: politely within grace, then by force.
	Stop(ctx context.Context, grace time.Duration)
}

// Result is how an app ended.
type Result struct {
	Exit process.Exit
	// Fault names what the runner knows better than the exit status tells, Why
	// says it in words for the player; both are often empty.
	Fault evidence.FaultID
	Why   string
	// Ran is how long the app ran; 0 for one that never did.
	Ran time.Duration
}

// Clean reports whether the app ended by itself with status 0.
func (r Result) Clean() bool { return r.Exit.Code == 0 && r.Exit.Signal == 0 && r.Fault == "" }

// String says how the app ended.
func (r Result) String() string {
	if r.Why != "" {
		return r.Why
	}
	return r.Exit.String()
}

// Processes runs apps as processes of the host.
type Processes struct {
	Spawner *process.Spawner
	// Confine keeps apps from what is not their session's, as far as the host
	// is able to; nil for apps that see all that their user may see.
	Confine *confine.Abilities
	// Private are directories of the host, and of all sessions, that an app
	// does not see where it runs as the host's own user; Engines are sockets of
	// container engines, which such an app does not see either.
	Private, Engines []string

	cells cells
}

var _ Runner = (*Processes)(nil)

// Check resolves the program and the user.
func (r *Processes) Check(spec Spec, credential *process.Credential) error {
	if _, err := resolveUser(spec, credential); err != nil {
		return err
	}
	if spec.Runner.Type == TypeDemo {
		return nil
	}
	_, err := resolveProgram(spec)
	return err
}

// Start starts the app's process.
func (r *Processes) Start(ctx context.Context, spec Spec, place Place) (Running, error) {
	credential, err := resolveUser(spec, place.Credential)
	if err != nil {
		return nil, err
	}
	ps := process.Spec{
		Name: "app", Env: environment(spec, place, credential), Dir: spec.Runner.Dir,
		Stdout: place.Output, Stderr: place.Output, Credential: credentialOf(credential), Group: place.Group,
	}
	if ps.Dir == "" {
		ps.Dir = place.Home
	}
	if spec.Runner.Type == TypeDemo {
		ps.Path, ps.Args, ps.ByDescriptor = place.Executable, []string{"demo"}, credential.changed
	} else {
		if ps.Path, err = resolveProgram(spec); err != nil {
			return nil, err
		}
		ps.Args = spec.Runner.Args[1:]
	}
	limits := spec.Runner.Limits.filled(machineMiB())
	unmet, err := limited(&ps, limits)
	if err != nil {
		return nil, failedStart(spec, err)
	}
	if r.Confine != nil {
		plan := r.plan(ps, spec, place)
		plan.Processes = r.processes(unmet)
		plan.TmpBytes, plan.HomeBytes = int64(limits.TmpMiB)<<20, int64(limits.HomeMiB)<<20
		if r.Confine.Processes {
			return r.inCell(ctx, ps, plan, spec, place)
		}
		if ps, err = plan.Prepare(ps, place.Executable); err != nil {
			return nil, err
		}
	}
	p, err := r.Spawner.Start(ctx, ps)
	if err != nil {
		return nil, evidence.Errorf(evidence.Unavailable, "start app %q (%s): %w", spec.Title, ps.Path, err).WithFault(evidence.FaultAppStart)
	}
	return running{p, time.Now()}, nil
}

// plan says how an app is kept in its session.
func (r *Processes) plan(ps process.Spec, spec Spec, place Place) confine.Plan {
	plan := confine.Plan{
		Abilities: *r.Confine,
		Layout: confine.Layout{
			Tmp: filepath.Join(place.RuntimeDir, "tmp"), Home: place.Home, Keep: []string{place.RuntimeDir}, Owner: place.Credential,
		},
		User: ps.Credential, NewPrivileges: spec.Runner.NewPrivileges,
		Path: ps.Path, Args: append([]string{ps.Path}, ps.Args...),
	}
	if spec.Runner.Type == TypeDemo {
		plan.Path = ""
	}
	if ps.Credential == nil {
		plan.Hide, plan.Mask = r.Private, r.Engines
	}
	return plan
}

// processes is the limit of processes that the app has to set for itself,
// because no control group holds it. The kernel counts by user and user
// namespace: where neither is the session's own, the processes of others would
// count, too, and there is no limit.
func (r *Processes) processes(unmet process.Limits) int {
	if r.Confine.Users || r.Confine.Mounts {
		return unmet.PIDs
	}
	return 0
}

// Left implements Runner: processes are found by their own means.
func (r *Processes) Left(context.Context, string) ([]string, error) { return nil, nil }

type running struct {
	p       *process.Process
	started time.Time
}

func (r running) Done() <-chan struct{}                         { return r.p.Done() }
func (r running) Stop(ctx context.Context, grace time.Duration) { r.p.Stop(ctx, grace) }

func (r running) Result() Result { return ended(r.p.Exit(), r.started) }

// ended is the result of an app that ran from started on; Ran is never 0, which
// stands for an app that never did.
func ended(exit process.Exit, started time.Time) Result {
	return Result{Exit: exit, Ran: max(exit.At.Sub(started), time.Microsecond)}
}

// SearchPath is where programs are looked for: an app does not depend on the
// PATH that the host happened to be started with.
const SearchPath = "/usr/local/bin:/usr/bin:/bin:/usr/local/games:/usr/games:/usr/local/sbin:/usr/sbin:/sbin"

func resolveProgram(spec Spec) (string, error) {
	if len(spec.Runner.Args) == 0 || spec.Runner.Args[0] == "" {
		return "", evidence.Errorf(evidence.Invalid, "app %q has no command: set run_cmd in its [apps.runner]", spec.Title).WithFault(evidence.FaultAppNotFound)
	}
	name := spec.Runner.Args[0]
	candidates := []string{name}
	if !strings.Contains(name, "/") {
		candidates = candidates[:0]
		for _, dir := range filepath.SplitList(searchPathOf(spec)) {
			candidates = append(candidates, filepath.Join(dir, name))
		}
	}
	for _, path := range candidates {
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() && info.Mode().Perm()&0o111 != 0 {
			return path, nil
		}
	}
	return "", evidence.Errorf(evidence.Unavailable, "the program %q of app %q was not found on this host: install it, or correct run_cmd", name, spec.Title).WithFault(evidence.FaultAppNotFound)
}

func searchPathOf(spec Spec) string {
	for _, e := range spec.Runner.Env {
		if v, ok := strings.CutPrefix(e, "PATH="); ok {
			return v
		}
	}
	return SearchPath
}

// toolkits makes them speak Wayland.
var toolkits = []string{"GDK_BACKEND=wayland", "QT_QPA_PLATFORM=wayland", "SDL_VIDEODRIVER=wayland", "MOZ_ENABLE_WAYLAND=1"}

// environment is what the app sees: nothing of the host's own environment but
// the language.
func environment(spec Spec, place Place, u appUser) []string {
	home := place.Home
	if u.home != "" {
		home = u.home
	}
	env := []string{
		"PATH=" + searchPathOf(spec),
		"HOME=" + home,
		"USER=" + u.name, "LOGNAME=" + u.name,
		"LANG=" + language(),
		"TMPDIR=" + filepath.Join(place.RuntimeDir, "tmp"),
		"XDG_RUNTIME_DIR=" + place.RuntimeDir,
		"XDG_SESSION_TYPE=wayland",
		"WAYLAND_DISPLAY=" + place.WaylandDisplay,
		// wlroots' nested backend ignores the parent's keymap.
		"XKB_DEFAULT_LAYOUT=us",
		"KENNEL_WIDTH=" + strconv.Itoa(place.Width),
		"KENNEL_HEIGHT=" + strconv.Itoa(place.Height),
		"KENNEL_REFRESH=" + strconv.Itoa(place.Refresh),
		process.SessionMarker + "=" + place.Session,
		process.InstanceMarker + "=" + place.Instance,
	}
	return lastOfEach(slices.Concat(env, toolkits, place.Env, place.ClientEnv, spec.Runner.Env))
}

// lastOfEach leaves one entry of each name: programs heed the first one, the
// configuration comes last.
func lastOfEach(env []string) []string {
	at := map[string]int{}
	kept := env[:0]
	for _, entry := range env {
		name, _, _ := strings.Cut(entry, "=")
		if i, ok := at[name]; ok {
			kept[i] = entry
			continue
		}
		at[name] = len(kept)
		kept = append(kept, entry)
	}
	return kept
}

func language() string {
	for _, name := range []string{"LC_ALL", "LANG"} {
		if v := os.Getenv(name); v != "" {
			return v
		}
	}
	return "C.UTF-8"
}

// Validate checks what can be checked of a Spec without the host.
func (s *Spec) Validate() error {
	switch {
	case s.Title == "" || len(s.Title) > 128:
		return evidence.Errorf(evidence.Invalid, "an app needs a title of 1 to 128 bytes, not %d", len(s.Title))
	case s.ID <= 0:
		return evidence.Errorf(evidence.Invalid, "app %q: the id must be a number from 1 to 2147483647, not %d", s.Title, s.ID)
	case s.Runner.Type != TypeDemo && s.Runner.Type != TypeProcess && s.Runner.Type != TypeDocker:
		return evidence.Errorf(evidence.Invalid, "app %q: runner type %q is not known: want %q, %q or %q", s.Title, s.Runner.Type, TypeProcess, TypeDocker, TypeDemo)
	case s.Runner.Type == TypeDocker && (s.Runner.Container == nil || s.Runner.Container.Image == ""):
		return evidence.Errorf(evidence.Invalid, "app %q: a docker runner needs an image", s.Title)
	case s.Runner.Type == TypeProcess && (len(s.Runner.Args) == 0 || s.Runner.Args[0] == ""):
		return evidence.Errorf(evidence.Invalid, "app %q: a process runner needs run_cmd or args", s.Title)
	}
	for _, e := range s.Runner.Env {
		if name, _, ok := strings.Cut(e, "="); !ok || name == "" || strings.ContainsRune(e, 0) {
			return evidence.Errorf(evidence.Invalid, "app %q: env entry %q is not of the form NAME=VALUE", s.Title, e)
		}
	}
	if d := s.Runner.Dir; d != "" && !filepath.IsAbs(d) {
		return fmt.Errorf("app %q: %w", s.Title, evidence.Errorf(evidence.Invalid, "dir %q is not an absolute path", d))
	}
	return nil
}
