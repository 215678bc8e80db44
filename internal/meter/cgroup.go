package meter

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Cgroup reads a control group: dirs maps the controllers memory, pids and cpu
// of cgroup v1, or "" of cgroup v2, to the group's directories. A controller
// that the group does not have is unknown, and so is an event that the kernel
// does not count.
func Cgroup(dirs map[string]string) Usage {
	u, _ := ReadCgroup(dirs)
	return u
}

// ReadCgroup is Cgroup with the error of the kernel where it does not answer,
// which a file that does not exist is none of.
func ReadCgroup(dirs map[string]string) (Usage, error) {
	u := Usage{Memory: {}, MemoryPeak: {}, CPU: {}, OOMKills: {}, Processes: {}}
	r := &groupReader{}
	if dir, ok := dirs[""]; ok {
		u[Memory] = r.number(dir, "memory.current")
		u[MemoryPeak] = r.number(dir, "memory.peak")
		u[Processes] = r.number(dir, "pids.current")
		u[CPU] = times(r.keyed(dir, "cpu.stat", "usage_usec"), 1000)
		u[OOMKills] = r.keyed(dir, "memory.events", "oom_kill")
		return u, errors.Join(r.errs...)
	}
	if dir, ok := dirs["memory"]; ok {
		u[Memory] = r.number(dir, "memory.usage_in_bytes")
		u[MemoryPeak] = r.number(dir, "memory.max_usage_in_bytes")
		u[OOMKills] = r.keyed(dir, "memory.oom_control", "oom_kill")
	}
	if dir, ok := dirs["pids"]; ok {
		u[Processes] = r.number(dir, "pids.current")
	}
	for _, controller := range []string{"cpuacct", "cpu,cpuacct", "cpu"} {
		if dir, ok := dirs[controller]; ok && !u[CPU].Known {
			u[CPU] = r.number(dir, "cpuacct.usage")
		}
	}
	return u, errors.Join(r.errs...)
}

// groupReader reads files of control groups, and keeps what went wrong.
type groupReader struct{ errs []error }

func (r *groupReader) read(dir, name string) string {
	raw, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, unix.ENODEV) {
		r.errs = append(r.errs, fmt.Errorf("read a control group: %w", err))
	}
	return string(raw)
}

func (r *groupReader) number(dir, name string) Value {
	return parse(strings.TrimSpace(r.read(dir, name)))
}

func (r *groupReader) keyed(dir, name, key string) Value {
	for line := range strings.Lines(r.read(dir, name)) {
		if word, rest, ok := strings.Cut(strings.TrimSpace(line), " "); ok && word == key {
			return parse(strings.TrimSpace(rest))
		}
	}
	return Value{}
}

// number reads one file of a control group.
func number(dir, name string) Value { return (&groupReader{}).number(dir, name) }

func parse(text string) Value {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return Value{}
	}
	return Exactly(n)
}

func times(v Value, n int64) Value {
	v.N *= n
	return v
}

// Describe writes the amount of a resource for people.
func Describe(r Resource, v Value) string {
	if !v.Known {
		return "unknown"
	}
	switch r {
	case Memory, MemoryPeak, GPUMemory, GPUUnowned:
		return fmt.Sprintf("%.1f MiB", float64(v.N)/(1<<20))
	case CPU:
		return fmt.Sprintf("%.2f s", float64(v.N)/1e9)
	}
	return v.String()
}
