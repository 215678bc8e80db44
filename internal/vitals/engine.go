package vitals

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/kennel-stream/kennel/internal/engine"
)

const (
	// lookBack is how many lines of the log's end are read.
	lookBack = 5000
	// loop is how many restarts are no accident.
	loop = 3
	// fresh is how short a time a container that restarts has run.
	fresh = 10 * time.Minute
)

// lookEngine asks the container engine about Wolf, and reads the end of its log.
func lookEngine(ctx context.Context, m *Machine) []Finding {
	sockets := m.Sockets
	if sockets == nil {
		sockets = engine.Sockets(m.path(), m.env)
	}
	e, err := engine.Connect(ctx, sockets)
	if err != nil {
		return noEngine(m, sockets, err)
	}
	defer func() { _ = e.Close() }()
	all := []Finding{ok("engine", "answers at %s", e.Socket)}
	c, err := e.Find(ctx, m.Container)
	if err != nil {
		return append(all, unknown("wolf", "%v", err).cured("start it, or name its container: kennel doctor check --docker NAME"))
	}
	d, err := e.Inspect(ctx, c)
	if err != nil {
		return append(all, unknown("wolf", "%v", err))
	}
	all = append(all, lookContainer(d), lookMemory(d), lookLibraries(d))
	return append(all, lookLog(ctx, e, d)...)
}

// noEngine tells an engine that is not there from one that is down, and from one
// that this user may not ask.
func noEngine(m *Machine, sockets []string, err error) []Finding {
	const cure = "start it, or mount its socket here: Wolf cannot start apps without"
	there := ""
	for _, s := range sockets {
		path := strings.TrimPrefix(s, "unix://")
		_, stat := os.Stat(path)
		switch {
		case errors.Is(stat, fs.ErrPermission) || stat == nil && errors.Is(err, fs.ErrPermission):
			return []Finding{
				unknown("engine", "%v", err).cured("run this as root, or add this user to the group docker"),
				unknown("wolf", "the engine may not be asked about its container").cured("as for the engine"),
			}
		case stat == nil || strings.Contains(path, "://"):
			there = path
		}
	}
	wolf := unknown("wolf", "no engine to ask about its container").cured("as for the engine")
	switch {
	case there != "":
		return []Finding{finding("engine", Fault, "nobody answers at %s: %v", there, err).cured("%s", cure), wolf}
	case m.Container != "":
		return []Finding{finding("engine", Fault, "%v", err).cured("%s", cure), wolf}
	}
	return []Finding{finding("engine", Warning, "%v", err).cured("%s", cure), wolf}
}

func lookContainer(d engine.Details) Finding {
	age := time.Since(d.Started).Round(time.Second)
	switch {
	case d.OOMKilled:
		return finding("wolf", Fault, "the kernel ended %s for want of memory", d.Name).cured("raise the container's limit, or find out what grows: kennel doctor trend")
	case d.State == "restarting" || d.Restarts >= loop && age < fresh:
		return finding("wolf", Fault, "%s is in a loop of crashes: %d restarts, the last %s ago", d.Name, d.Restarts, age).cured("kennel doctor --docker %s", d.Name)
	case d.State != "running":
		return finding("wolf", Fault, "%s is %s, exit status %d", d.Name, d.State, d.ExitCode).cured("docker start %s, then kennel doctor --docker %s", d.Name, d.Name)
	case d.Restarts > 0:
		return finding("wolf", Warning, "%s runs since %s, after %d restarts", d.Name, age, d.Restarts).cured("kennel doctor --docker %s", d.Name)
	}
	return ok("wolf", "%s runs since %s", d.Name, age)
}

func lookMemory(d engine.Details) Finding {
	switch {
	case d.State != "running":
		return unknown("wolf memory", "it is not running")
	case !d.Measured:
		return unknown("wolf memory", "the engine does not tell")
	case d.Limit > 0 && d.Memory*100 > d.Limit*mostUsed:
		return finding("wolf memory", Fault, "%d of %d MiB: it is about to be ended", d.Memory>>20, d.Limit>>20).cured("restart Wolf now, when nobody plays; then see kennel doctor trend")
	}
	return ok("wolf memory", "%d MiB", d.Memory>>20)
}

// lookLibraries tells whether Wolf has the libraries of one NVIDIA driver, not of two.
func lookLibraries(d engine.Details) Finding {
	switch {
	case d.Toolkit && d.DriverVolume:
		return finding("wolf driver", Fault, "%s has NVIDIA's libraries twice: by the container toolkit, and by a volume at /usr/nvidia", d.Name).
			cured("keep one: remove --gpus, or NVIDIA_DRIVER_VOLUME_NAME and the volume")
	case d.Toolkit:
		return ok("wolf driver", "by NVIDIA's container toolkit")
	case d.DriverVolume:
		return ok("wolf driver", "by a volume at /usr/nvidia")
	case d.NVIDIADevices:
		return finding("wolf driver", Warning, "%s has NVIDIA's devices and nobody's libraries", d.Name).
			cured("give it --gpus all with the container toolkit, or a driver volume at /usr/nvidia")
	}
	return ok("wolf driver", "it uses no GPU of NVIDIA's")
}
