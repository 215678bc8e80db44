// Package meter measures from outside what processes hold: open files by kind,
// memory and CPU of control groups, the process tree, and what GPU drivers tell
// about their clients. It reads the kernel's own books (/proc, /sys/fs/cgroup,
// NVML), never a counter of ours. What cannot be read is unknown, which is not
// zero.
package meter

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
)

// Value is an amount that may be unknown. The zero Value is unknown.
type Value struct {
	N     int64
	Known bool
}

// Exactly is a known Value.
func Exactly[T ~int | ~int64 | ~uint64 | ~uint32](n T) Value { return Value{int64(n), true} }

// Add adds what is known: a sum with an unknown part is unknown.
func (v Value) Add(o Value) Value { return Value{v.N + o.N, v.Known && o.Known} }

// Sub subtracts; the result is unknown where either is.
func (v Value) Sub(o Value) Value { return Value{v.N - o.N, v.Known && o.Known} }

// String is the number, or "unknown".
func (v Value) String() string {
	if !v.Known {
		return "unknown"
	}
	return strconv.FormatInt(v.N, 10)
}

// MarshalJSON writes null for what is unknown.
func (v Value) MarshalJSON() ([]byte, error) {
	if !v.Known {
		return []byte("null"), nil
	}
	return strconv.AppendInt(nil, v.N, 10), nil
}

// UnmarshalJSON reads a number or null.
func (v *Value) UnmarshalJSON(raw []byte) error {
	*v = Value{}
	if string(raw) == "null" {
		return nil
	}
	if err := json.Unmarshal(raw, &v.N); err != nil {
		return fmt.Errorf("read an amount: %w", err)
	}
	v.Known = true
	return nil
}

// Resource names what is measured.
type Resource string

// The resources.
const (
	// Processes and Threads are counted while they are alive.
	Processes Resource = "processes"
	Threads   Resource = "threads"
	// Files counts open descriptors; the five after it are kinds of them.
	Files Resource = "files"
	// Sockets are of every family; UnixSockets those of the local one.
	Sockets     Resource = "sockets"
	UnixSockets Resource = "unix_sockets"
	// GPUFiles are descriptors of GPU device nodes: they tell a leaked context
	// as clearly as memory does.
	GPUFiles Resource = "gpu_files"
	// DMABufs are shared GPU buffers, Memfds anonymous memory files.
	DMABufs Resource = "dma_bufs"
	Memfds  Resource = "memfds"
	// Memory is in bytes, MemoryPeak the most that it ever was.
	Memory     Resource = "memory"
	MemoryPeak Resource = "memory_peak"
	// CPU is in nanoseconds.
	CPU Resource = "cpu"
	// OOMKills counts processes that the kernel killed for want of memory.
	OOMKills Resource = "oom_kills"
	// GPUMemory is in bytes of the device, EncoderSessions those of NVENC.
	GPUMemory       Resource = "gpu_memory"
	EncoderSessions Resource = "encoder_sessions"
	// GPUUnowned is in bytes of the device that are in use, but by no process
	// that the driver lists: its own, and what it kept of processes that are gone.
	GPUUnowned Resource = "gpu_memory_unowned"
	// Cgroups and Directories are what a session made in the file system.
	Cgroups     Resource = "cgroups"
	Directories Resource = "directories"
	// Sinks are what apps play sound to: a session's own sound server, by its socket.
	Sinks Resource = "sinks"
	// Containers are those of a container engine.
	Containers Resource = "containers"
)

// Usage is how much of each resource; what is absent was not measured.
type Usage map[Resource]Value

// Add adds an amount to a resource. What was absent counts as 0 there.
func (u Usage) Add(r Resource, v Value) {
	if old, ok := u[r]; ok {
		v = old.Add(v)
	}
	u[r] = v
}

// AddAll adds every resource of another Usage.
func (u Usage) AddAll(o Usage) {
	for r, v := range o {
		u.Add(r, v)
	}
}

// Raise keeps, of each resource, the larger known amount.
func (u Usage) Raise(o Usage) {
	for r, v := range o {
		if old, ok := u[r]; !ok || !old.Known || (v.Known && v.N > old.N) {
			u[r] = v
		}
	}
}

// Resources lists what was measured, by name.
func (u Usage) Resources() []Resource { return slices.Sorted(maps.Keys(u)) }
