package config

import (
	"fmt"
	"hash/fnv"
	"math"
	"strings"
	"unicode"
)

// Runner types.
const (
	// RunnerProcess runs a command of this machine.
	RunnerProcess = "process"
	// RunnerDemo runs Kennel's own demo app.
	RunnerDemo = "demo"
	// RunnerDocker runs a container by Docker or podman.
	RunnerDocker = "docker"
)

// When a container's image is fetched.
const (
	PullMissing = "missing"
	PullAlways  = "always"
	PullNever   = "never"
)

// What follows an app's end.
const (
	PolicyEnd     = "end"
	PolicyRestart = "restart"
	PolicyCard    = "card"
)

// App is one app that clients can launch.
type App struct {
	// Title is what clients show: 1 to 128 printable characters, unique.
	Title string `toml:"title" json:"title"`
	// ID is the number by which clients launch the app: a positive int32,
	// unique. 0 means derived from the slug (see DerivedID).
	ID int `toml:"id" json:"id,omitempty"`
	// Slug is the name in the API, in logs and on disk: a-z, 0-9 and hyphens,
	// 1 to 64 characters, unique. Empty means derived from the title.
	Slug string `toml:"slug" json:"slug,omitempty"`
	// IconPNGPath is an absolute path of a PNG file, or empty for the built-in icon.
	IconPNGPath string `toml:"icon_png_path" json:"icon_png_path,omitempty"`
	// Runner says how the app is started.
	Runner Runner `toml:"runner" json:"runner"`
}

// Runner says how an app is started.
type Runner struct {
	// Type is RunnerProcess, RunnerDocker or RunnerDemo. The demo takes no
	// command, user or directory; Image and all below it are for RunnerDocker alone,
	// but for the limits.
	Type string `toml:"type" json:"type"`
	// RunCmd is a command line that is split into words without a shell (SplitCommand).
	RunCmd string `toml:"run_cmd" json:"run_cmd,omitempty"`
	// Args is the command already split; exactly one of RunCmd and Args is set.
	Args []string `toml:"args" json:"args,omitempty"`
	// Env adds variables to the app's environment, each NAME=VALUE.
	Env []string `toml:"env" json:"env,omitempty"`
	// User is the user that the app runs as; empty means the session's own user id.
	User string `toml:"user" json:"user,omitempty"`
	// Dir is the working directory, absolute; empty means the session's home, and
	// the image's own directory for a container.
	Dir string `toml:"dir" json:"dir,omitempty"`
	// NewPrivileges lets the app gain rights by set-user-id programs, as sudo
	// does; it is off unless wanted.
	NewPrivileges bool `toml:"new_privileges" json:"new_privileges,omitempty"`
	// Gamepads gives the app the gamepads of its session's client, as devices of
	// the kernel; it is off unless wanted.
	Gamepads bool `toml:"gamepads" json:"gamepads,omitempty"`
	// OnExit is what follows when the app ends by itself with status 0, OnCrash
	// when it ends otherwise: "end" ends the session, "restart" starts the app
	// again, "card" keeps the session and tells the player. Empty means "end".
	OnExit  string `toml:"on_exit" json:"on_exit,omitempty"`
	OnCrash string `toml:"on_crash" json:"on_crash,omitempty"`

	// Image is the container's image, with its registry and tag as Docker takes it.
	Image string `toml:"image" json:"image,omitempty"`
	// Name begins the container's name; empty means the app's slug.
	Name string `toml:"name" json:"name,omitempty"`
	// Pull is when the image is fetched: PullMissing (also where empty),
	// PullAlways or PullNever.
	Pull string `toml:"pull" json:"pull,omitempty"`
	// Mounts are directories, files or volumes for the container, each
	// SOURCE:TARGET[:ro|rw].
	Mounts []string `toml:"mounts" json:"mounts,omitempty"`
	// Devices are device files for the container, each HOST[:CONTAINER[:rwm]].
	Devices []string `toml:"devices" json:"devices,omitempty"`
	// Ports are what the container publishes, each [ADDRESS:]HOST:CONTAINER[/tcp|udp].
	Ports []string `toml:"ports" json:"ports,omitempty"`
	// GPUs are those of the container, as docker run --gpus takes them ("all", a
	// number, "device=0,1"), a name of the Container Device Interface
	// ("nvidia.com/gpu=all"), or "auto" for those that the machine has; empty for none.
	GPUs string `toml:"gpus" json:"gpus,omitempty"`
	// Network is the engine's network, "none" or "host"; empty for the engine's default.
	Network string `toml:"network" json:"network,omitempty"`
	// TmpMiB and HomeMiB bound /tmp and a home that ends with the session, for
	// RunnerProcess; 0 means a quarter of the machine's memory each.
	TmpMiB  int `toml:"tmp_mib" json:"tmp_mib,omitempty"`
	HomeMiB int `toml:"home_mib" json:"home_mib,omitempty"`
	// MemoryMiB and PIDs bound what the session's apps, or the container, may take.
	// 0 means 4096 processes, and for memory three quarters of the machine's, or
	// no limit but the machine's for a container. CPUs is for containers; 0 means
	// no limit.
	MemoryMiB int     `toml:"memory_mib" json:"memory_mib,omitempty"`
	CPUs      float64 `toml:"cpus" json:"cpus,omitempty"`
	PIDs      int     `toml:"pids" json:"pids,omitempty"`
	// Capabilities are those of capabilities(7) that the container keeps; it has
	// none else.
	Capabilities []string `toml:"capabilities" json:"capabilities,omitempty"`
	// SecurityOpt are profiles of the container, as docker run --security-opt takes
	// them: "seccomp=unconfined", "seccomp=builtin", "seccomp=" with an absolute
	// path, "apparmor=NAME", "label=VALUE" or "systempaths=unconfined". Empty means
	// the engine's own.
	SecurityOpt []string `toml:"security_opt" json:"security_opt,omitempty"`
	// ReadOnly makes the container's own file system read-only but for /tmp.
	ReadOnly bool `toml:"read_only" json:"read_only,omitempty"`
	// State is a directory of the host that becomes the home in the container, so
	// that it outlives the session; {client} and {app} in it stand for the
	// client's id and the app's slug. Empty means a home that ends with the session.
	State string `toml:"state" json:"state,omitempty"`
	// Home is the app's home in the container; empty means /home/retro, as in the
	// images of games-on-whales.
	Home string `toml:"home" json:"home,omitempty"`
	// BaseCreateJSON is what Docker's API takes to create a container (JSON of
	// ContainerCreate), to which all else is added.
	BaseCreateJSON string `toml:"base_create_json" json:"base_create_json,omitempty"`
}

// Demo is the built-in demo app.
func Demo() App {
	app := App{Title: "Demo", Runner: Runner{Type: RunnerDemo}}
	app.fill()
	return app
}

// Command is the program and its arguments. It is empty for the demo runner.
func (r Runner) Command() ([]string, error) {
	if r.RunCmd == "" {
		return r.Args, nil
	}
	return SplitCommand(r.RunCmd)
}

// DerivedID is the app id of a slug: the low 31 bits of its 32-bit FNV-1a
// hash, and 1 where those are 0. It is stable across restarts and machines.
func DerivedID(slug string) int {
	sum := fnv.New32a()
	_, _ = sum.Write([]byte(slug))
	return max(1, int(sum.Sum32()&math.MaxInt32))
}

// DerivedSlug is the slug of a title: lower case, with a hyphen for every run
// of other characters. A title without any letter or digit of ASCII gets a
// slug made from its hash.
func DerivedSlug(title string) string {
	var b strings.Builder
	hyphen := false
	for _, r := range title {
		r = unicode.ToLower(r)
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			if hyphen && b.Len() > 0 {
				b.WriteByte('-')
			}
			b.WriteRune(r)
			hyphen = false
			continue
		}
		hyphen = true
	}
	slug := b.String()
	if slug == "" {
		return fmt.Sprintf("app-%08x", DerivedID(title))
	}
	if len(slug) > maxSlug {
		slug = strings.TrimRight(slug[:maxSlug], "-")
	}
	return slug
}

// fill derives what is left open from what is set.
func (a *App) fill() {
	if a.Slug == "" {
		a.Slug = DerivedSlug(a.Title)
	}
	if a.ID == 0 {
		a.ID = DerivedID(a.Slug)
	}
}

// ResolveApps fills in missing slugs and ids and checks every app and their
// uniqueness. On failure it returns an *Error whose paths count the apps from
// 0, as in "apps[0].title". The given slice is not changed.
func ResolveApps(apps []App) ([]App, error) {
	resolved := make([]App, len(apps))
	var found problems
	for i, app := range apps {
		app.fill()
		resolved[i] = app
		app.check(fmt.Sprintf("apps[%d]", i), &found)
	}
	checkUnique(resolved, &found)
	if err := found.err(""); err != nil {
		return nil, err
	}
	return resolved, nil
}
