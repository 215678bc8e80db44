package meter

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Cgroup reads a control group: dirs maps the controllers memory, pids and cpu
// of cgroup v1, or "" of cgroup v2, to the group's directories. A controller
// that the group does not have is unknown, and so is an event that the kernel
// does not count.
func Cgroup(dirs map[string]string) Usage {
	u := Usage{Memory: {}, MemoryPeak: {}, CPU: {}, OOMKills: {}, Processes: {}}
	if dir, ok := dirs[""]; ok {
		u[Memory] = number(dir, "memory.current")
		u[MemoryPeak] = number(dir, "memory.peak")
		u[Processes] = number(dir, "pids.current")
		u[CPU] = times(keyed(dir, "cpu.stat", "usage_usec"), 1000)
		u[OOMKills] = keyed(dir, "memory.events", "oom_kill")
		return u
	}
	if dir, ok := dirs["memory"]; ok {
		u[Memory] = number(dir, "memory.usage_in_bytes")
		u[MemoryPeak] = number(dir, "memory.max_usage_in_bytes")
		u[OOMKills] = keyed(dir, "memory.oom_control", "oom_kill")
	}
	if dir, ok := dirs["pids"]; ok {
		u[Processes] = number(dir, "pids.current")
	}
	for _, controller := range []string{"cpuacct", "cpu,cpuacct", "cpu"} {
		if dir, ok := dirs[controller]; ok && !u[CPU].Known {
			u[CPU] = number(dir, "cpuacct.usage")
		}
	}
	return u
}

func number(dir, name string) Value {
	raw, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		return Value{}
	}
	return parse(strings.TrimSpace(string(raw)))
}

func parse(text string) Value {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return Value{}
	}
	return Exactly(n)
}

func keyed(dir, name, key string) Value {
	raw, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		return Value{}
	}
	for line := range strings.Lines(string(raw)) {
		if word, rest, ok := strings.Cut(strings.TrimSpace(line), " "); ok && word == key {
			return parse(strings.TrimSpace(rest))
		}
	}
	return Value{}
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
