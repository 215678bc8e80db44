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

func (p Proc) memInfo(key string) Value {
	raw, err := os.ReadFile(filepath.Join(string(p), "meminfo"))
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
