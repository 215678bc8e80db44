package checkup

import (
	"bufio"
	"context"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kennel-stream/kennel/internal/config"
	"github.com/kennel-stream/kennel/internal/confine"
	"github.com/kennel-stream/kennel/internal/connlimit"
	"github.com/kennel-stream/kennel/internal/process"
)

const (
	// leastMemory is what one session with the demo app takes, and as much again.
	leastMemory = 768 << 10 // KiB
	leastShared = 256 << 20
)

// checkIsolation tries in a child what apps can be kept from.
func checkIsolation(ctx context.Context, spawner *process.Spawner, o *Options) []Item {
	if o.Config.Process.Isolation == config.IsolationOff {
		return []Item{lacks("isolation", Warning, `isolation = "auto" in [process]`, "off, as configured: apps see what the host's user sees")}
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	a := confine.Check(ctx, spawner, o.Executable)
	var items []Item
	worst := Warning
	if o.Config.Process.Isolation == config.IsolationRequired {
		worst = Missing
	}
	for _, gap := range a.Gaps() {
		items = append(items, lacks("isolation", worst, "", "%s", gap))
	}
	if len(items) > 0 {
		items[len(items)-1].Cure = cureIsolation(a)
		return items
	}
	return []Item{ok("isolation", "own /tmp, shared memory, processes and abstract sockets%s", map[bool]string{true: ", own user", false: ""}[a.Users])}
}

// checkFiles looks how many files a host may have open.
func checkFiles(_ context.Context, _ *process.Spawner, o *Options) []Item {
	const name, cure = "open files", "raise the limit: ulimit -n 4096, or LimitNOFILE=4096 in the systemd unit"
	p, err := connlimit.OfThisProcess()
	switch few := max(o.Config.Limits.Sessions, 4); {
	case err != nil:
		return []Item{lacks(name, Warning, "", "%v", err)}
	case p.Sessions == 0:
		return []Item{lacks(name, Missing, cure, "%v", p)}
	case p.Sessions < few:
		return []Item{lacks(name, Warning, cure, "%v", p)}
	}
	return []Item{ok(name, "%v", p)}
}

// cureIsolation says what would close the gaps of a machine.
func cureIsolation(a confine.Abilities) string {
	var cures []string
	if !a.Processes {
		cures = append(cures, "allow user namespaces (sysctl user.max_user_namespaces), in a container with a seccomp profile that allows clone, unshare and mount, and with --security-opt systempaths=unconfined (podman: unmask=ALL)")
	}
	if !a.Users {
		cures = append(cures, "or run as root")
	}
	if !a.Scopes {
		cures = append(cures, "boot Linux 6.12 or later with Landlock")
	}
	return strings.Join(cures, "; ") + ". Tried: " + strings.Join(a.Missing, "; ")
}

// checkCgroups makes a control group, in passing.
func checkCgroups(_ context.Context, _ *process.Spawner, o *Options) []Item {
	if o.Config.Process.Cgroup == config.CgroupOff {
		return []Item{ok("cgroup", "off, as configured")}
	}
	const cure = "run as root, or as a systemd service with Delegate=yes"
	g, err := process.NewGroups(fmt.Sprintf("checkup-%d", os.Getpid()), true)
	if err != nil {
		return []Item{lacks("cgroup", Warning, cure, "%v", err)}
	}
	defer func() { _ = g.Close() }()
	if g.Hierarchy() == process.None {
		return []Item{lacks("cgroup", Warning, cure, "no control group may be made here: sessions are held by process groups, and the memory of apps is neither accounted nor limited (memory_mib)")}
	}
	return []Item{ok("cgroup", "%s, writable", g.Hierarchy())}
}

// checkMachine looks at memory and at GPUs.
func checkMachine(_ context.Context, _ *process.Spawner, o *Options) []Item {
	return []Item{checkMemory(o.root), checkShared("/dev/shm"), checkGPUs(o.root)}
}

func checkMemory(root fs.FS) Item {
	f, err := root.Open("proc/meminfo")
	if err != nil {
		return lacks("memory", Warning, "mount /proc", "%v", err)
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		kib := 0
		if n, _ := fmt.Sscanf(lines.Text(), "MemAvailable: %d kB", &kib); n != 1 {
			continue
		}
		if kib < leastMemory {
			return lacks("memory", Warning, "end other programs, or add memory", "%d MiB available, a session takes some 300 MiB and its app", kib>>10)
		}
		return ok("memory", "%d MiB available", kib>>10)
	}
	return lacks("memory", Warning, "", "/proc/meminfo does not say what is available")
}

func checkShared(dir string) Item {
	var s unix.Statfs_t
	if err := unix.Statfs(dir, &s); err != nil {
		return lacks("shm", Warning, "mount a tmpfs on "+dir, "apps have no shared memory: %v", err)
	}
	if free := s.Bavail * uint64(s.Bsize); free < leastShared {
		return lacks("shm", Warning, "mount a larger tmpfs; for a container: --shm-size 1g", "%s has %d MiB left: browsers need more", dir, free>>20)
	}
	return ok("shm", "%s", dir)
}

// checkGPUs lists render nodes; none is as good, since encoders of the CPU work.
func checkGPUs(root fs.FS) Item {
	nodes, _ := fs.Glob(root, "dev/dri/renderD*")
	if _, err := fs.Stat(root, "dev/nvidiactl"); err == nil {
		nodes = append(nodes, "dev/nvidiactl")
	}
	if len(nodes) == 0 {
		return ok("gpu", "none: apps draw and pictures are encoded by the CPU")
	}
	for i, n := range nodes {
		nodes[i] = "/" + n
		if err := unix.Access(nodes[i], unix.R_OK|unix.W_OK); err != nil {
			return lacks("gpu", Warning, "add the host's user to the group of the file (render or video)", "%s may not be opened: %v", nodes[i], err)
		}
	}
	return ok("gpu", "%s", strings.Join(nodes, " "))
}

// checkPads opens what makes the gamepads of clients.
func checkPads(_ context.Context, _ *process.Spawner, o *Options) []Item {
	if err := o.pads.Check(); err != nil {
		what, cure, _ := strings.Cut(err.Error(), ": ")
		return []Item{lacks("pads", Warning, cure, "%s: apps with gamepads = true do not get those of their client", what)}
	}
	return []Item{ok("pads", "apps with gamepads = true get those of their client")}
}

// checkApps looks for what many apps need.
func checkApps(_ context.Context, _ *process.Spawner, o *Options) []Item {
	fonts := ok("fonts", "there")
	if !hasFont(o.root) {
		fonts = lacks("fonts", Warning, "apt install fonts-dejavu-core", "none: most apps show no text")
	}
	xwayland := lacks("xwayland", Warning, "apt install xwayland", "not installed: apps that know X11 only do not start")
	if path, err := exec.LookPath("Xwayland"); err == nil {
		xwayland = ok("xwayland", "%s", path)
	}
	return []Item{fonts, xwayland}
}

func hasFont(root fs.FS) (found bool) {
	for _, dir := range []string{"usr/share/fonts", "usr/local/share/fonts"} {
		_ = fs.WalkDir(root, dir, func(name string, _ fs.DirEntry, err error) error {
			if err != nil {
				return nil //nolint:nilerr // what cannot be read holds no font for us
			}
			switch path.Ext(strings.TrimSuffix(name, ".gz")) {
			case ".ttf", ".otf", ".ttc", ".pcf", ".pfb":
				found = true
				return fs.SkipAll
			}
			return nil
		})
	}
	return found
}
