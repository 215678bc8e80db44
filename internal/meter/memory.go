package meter

import (
	"os"
	"path/filepath"
	"strings"
)

// FreeMemory is how many bytes new processes could take without swapping: the
// kernel's own estimate (MemAvailable of proc_meminfo(5)), or what the memory
// limit of the container leaves, whichever is less.
func (p Proc) FreeMemory() Value {
	free := p.memInfo("MemAvailable:")
	for _, limit := range [][2]string{
		{"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current"},
		{"/sys/fs/cgroup/memory/memory.limit_in_bytes", "/sys/fs/cgroup/memory/memory.usage_in_bytes"},
	} {
		left := number(filepath.Dir(limit[0]), filepath.Base(limit[0])).Sub(number(filepath.Dir(limit[1]), filepath.Base(limit[1])))
		if left.Known && (!free.Known || left.N < free.N) {
			free = left
		}
	}
	return free
}

// AllMemory is the machine's memory in bytes.
func (p Proc) AllMemory() Value { return p.memInfo("MemTotal:") }

// Resident is what a process has in memory, in bytes: anon is what it wrote
// itself, file the pages of files, among them those of its own program, that the
// kernel can drop at any time (RssAnon, and RssFile with RssShmem, of
// proc_pid_status(5)). A process that is gone is unknown.
func (p Proc) Resident(pid int) (anon, file Value) {
	status := p.path(pid, "status")
	return inKiB(status, "RssAnon:"), inKiB(status, "RssFile:").Add(inKiB(status, "RssShmem:"))
}

func (p Proc) memInfo(key string) Value { return inKiB(filepath.Join(string(p), "meminfo"), key) }

// inKiB reads the line of a key, which counts in KiB, as bytes.
func inKiB(file, key string) Value {
	raw, err := os.ReadFile(file)
	if err != nil {
		return Value{}
	}
	for line := range strings.Lines(string(raw)) {
		if fields := strings.Fields(line); len(fields) >= 2 && fields[0] == key {
			return times(parse(fields[1]), 1024)
		}
	}
	return Value{}
}
