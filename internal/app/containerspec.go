package app

import (
	"cmp"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/kennel-stream/kennel/internal/engine"
	"github.com/kennel-stream/kennel/internal/evidence"
	"github.com/kennel-stream/kennel/internal/process"
)

// ContainerSpec is what a container is made of, as the configuration has it.
type ContainerSpec struct {
	// Image as docker run takes it; Name begins the container's, Pull is
	// "missing", "always" or "never", "" for the first.
	Image string `json:"image"`
	Name  string `json:"name,omitempty"`
	Pull  string `json:"pull,omitempty"`
	// Mounts are SOURCE:TARGET[:ro], Devices HOST[:CONTAINER[:rwm]], Ports
	// [ADDRESS:]HOST:CONTAINER[/udp].
	Mounts  []string `json:"mounts,omitempty"`
	Devices []string `json:"devices,omitempty"`
	Ports   []string `json:"ports,omitempty"`
	// GPUs and Network as docker run takes them, or a name of CDI; "auto" is for
	// whatever GPUs the machine has.
	GPUs    string `json:"gpus,omitempty"`
	Network string `json:"network,omitempty"`
	// MemoryMiB, CPUs and PIDs are limits; 0 for none, and for 4096 processes.
	MemoryMiB int     `json:"memory_mib,omitempty"`
	CPUs      float64 `json:"cpus,omitempty"`
	PIDs      int     `json:"pids,omitempty"`
	// Capabilities are added to what the user of the container has.
	Capabilities []string `json:"capabilities,omitempty"`
	// SecurityOpt are profiles of seccomp, AppArmor and labels, as docker run
	// --security-opt takes them.
	SecurityOpt []string `json:"security_opt,omitempty"`
	ReadOnly    bool     `json:"read_only,omitempty"`
	// State is the host's directory for the home, "" for one that ends with the
	// session; Home is where the container has it.
	State string `json:"state,omitempty"`
	Home  string `json:"home,omitempty"`
	// BaseCreateJSON is what Docker's API takes; all else is added to it.
	BaseCreateJSON string `json:"base_create_json,omitempty"`
}

const (
	// insideRuntime is the session's runtime directory as containers see it. It is
	// in memory, and holds the sockets of the session's display and sound.
	insideRuntime = "/run/kennel"
	insideHome    = "/home/retro"
	// requiredDevices tells an image of games-on-whales whose groups its user is
	// to join; what is not there it leaves out.
	requiredDevices = "GOW_REQUIRED_DEVICES=/dev/input/* /dev/dri/* /dev/nvidia*"
	defaultPIDs     = 4096
	// sharedMemory bounds /dev/shm: browsers need more than engines give, and it
	// counts as memory of the container.
	sharedMemory = 1 << 30
	// stateUser owns homes that outlive a session, where nobody else is named: the
	// first user of most systems, and of the images of games-on-whales.
	stateUser = 1000
)

// RootInside tells that an app is a container that begins as root. It may not
// have become another user yet when it connects to its session's display.
func RootInside(spec Spec) bool { return rootInside(spec) }

// rootInside tells that a container begins as root, to become another by itself.
func rootInside(spec Spec) bool {
	return spec.Runner.Type == TypeDocker && (spec.Runner.User == "root" || spec.Runner.User == "0")
}

// containerUser is whom the container runs as: UID:GID.
func containerUser(spec Spec, session *process.Credential) (string, error) {
	if rootInside(spec) {
		if os.Geteuid() != 0 && session == nil {
			return "", evidence.Errorf(evidence.Invalid, "app %q wants to be root in its container, which only a host that runs as root may give it: run kennel as root, or remove user from its [apps.runner]", spec.Title).WithFault(evidence.FaultAppStart)
		}
		return "0:0", nil
	}
	if session != nil {
		return fmt.Sprintf("%d:%d", session.UID, session.GID), nil
	}
	return fmt.Sprintf("%d:%d", os.Geteuid(), os.Getegid()), nil
}

// engineSpec turns an app and its place into a container.
func (r *Containers) engineSpec(spec Spec, place Place) (engine.Spec, error) {
	c := spec.Runner.Container
	user, err := containerUser(spec, place.Credential)
	if err != nil {
		return engine.Spec{}, err
	}
	uid, gid := os.Geteuid(), os.Getegid()
	if place.Credential != nil {
		uid, gid = int(place.Credential.UID), int(place.Credential.GID)
	}
	home := cmp.Or(c.Home, insideHome)
	s := engine.Spec{
		Base: c.BaseCreateJSON, Name: containerName(cmp.Or(c.Name, spec.Slug), place.Session), Image: c.Image, User: user, Args: spec.Runner.Args,
		Dir: spec.Runner.Dir, Env: containerEnv(spec, place, home, uid, gid),
		Labels: map[string]string{
			labelInstance: r.Instance, labelSession: place.Session, labelRun: r.Run, labelApp: spec.Slug,
		},
		Tmpfs:   map[string]string{insideRuntime: fmt.Sprintf("mode=0700,uid=%d,gid=%d,size=16m", uid, gid)},
		Devices: c.Devices, Ports: c.Ports, GPUs: c.GPUs, Network: c.Network,
		MemoryBytes: int64(c.MemoryMiB) << 20, NanoCPUs: int64(c.CPUs * 1e9), PIDs: int64(cmp.Or(c.PIDs, defaultPIDs)),
		ShmBytes: sharedMemory,
		// Who begins as root needs the engine's usual capabilities to become another.
		Strict: !rootInside(spec) && c.BaseCreateJSON == "", Capabilities: c.Capabilities, SecurityOpt: slices.Clone(c.SecurityOpt),
		NewPrivileges: spec.Runner.NewPrivileges, ReadOnly: c.ReadOnly,
		Binds: []engine.Bind{{Source: filepath.Join(place.RuntimeDir, place.WaylandDisplay), Target: path.Join(insideRuntime, place.WaylandDisplay)}},
	}
	if c.ReadOnly {
		s.Tmpfs["/tmp"] = "mode=1777"
	}
	if place.Sound != "" {
		s.Binds = append(s.Binds, engine.Bind{Source: place.Sound, Target: path.Join(insideRuntime, "pulse/native")})
	}
	state, err := stateDir(spec, place, uid, gid)
	if err != nil {
		return s, err
	}
	s.Binds = append(s.Binds, engine.Bind{Source: state, Target: home})
	for _, m := range c.Mounts {
		b, err := engine.ParseBind(m)
		if err != nil {
			return s, err
		}
		s.Binds = append(s.Binds, b)
	}
	giveGPUs(os.DirFS("/"), c, &s)
	givePads(&s, padsOf(spec, place))
	return s, nil
}

// withoutOwnedMemory is for podman, whose file systems in memory belong to root:
// the runtime directory in the container is one of the session's.
func withoutOwnedMemory(s *engine.Spec, place Place) error {
	dir := filepath.Join(place.RuntimeDir, s.Name)
	err := os.Mkdir(dir, 0o700)
	if err == nil && place.Credential != nil {
		err = os.Lchown(dir, int(place.Credential.UID), int(place.Credential.GID))
	}
	if err != nil {
		return evidence.Errorf(evidence.Unavailable, "make the container's runtime directory: %w", err).WithFault(evidence.FaultRuntimeDir)
	}
	delete(s.Tmpfs, insideRuntime)
	s.Binds = append([]engine.Bind{{Source: dir, Target: insideRuntime}}, s.Binds...)
	return nil
}

// containerName is short, and unique by the random end of the session's id.
func containerName(name, session string) string {
	return name + "_" + session[max(0, len(session)-12):]
}

// containerEnv is what the app sees beside the image's own variables. Those with
// PUID, PGID, GAMESCOPE and GOW are for the images of games-on-whales.
func containerEnv(spec Spec, place Place, home string, uid, gid int) []string {
	env := []string{
		"XDG_RUNTIME_DIR=" + insideRuntime,
		"WAYLAND_DISPLAY=" + place.WaylandDisplay,
		"XKB_DEFAULT_LAYOUT=us",
		"PUID=" + strconv.Itoa(uid), "PGID=" + strconv.Itoa(gid),
		"GAMESCOPE_WIDTH=" + strconv.Itoa(place.Width),
		"GAMESCOPE_HEIGHT=" + strconv.Itoa(place.Height),
		"GAMESCOPE_REFRESH=" + strconv.Itoa(place.Refresh),
		"KENNEL_WIDTH=" + strconv.Itoa(place.Width),
		"KENNEL_HEIGHT=" + strconv.Itoa(place.Height),
		"KENNEL_REFRESH=" + strconv.Itoa(place.Refresh),
	}
	if rootInside(spec) {
		// It becomes another, who has a home of his own, and usually brings a
		// compositor whose clients may know X11 alone: they choose for themselves.
		env = append(env, requiredDevices)
	} else {
		env = append(env, "HOME="+home, "XDG_SESSION_TYPE=wayland")
		env = append(env, toolkits...)
	}
	env = slices.Concat(env, place.Env, place.ClientEnv)
	if place.Sound != "" {
		env = append(env, "PULSE_SERVER=unix:"+path.Join(insideRuntime, "pulse/native"))
	}
	env = append(env, spec.Runner.Env...)
	// Nothing may hide a container's processes from those who look for strays.
	env = append(env, process.SessionMarker+"="+place.Session, process.InstanceMarker+"="+place.Instance)
	return lastOfEach(env)
}
