package web

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/kennel-stream/kennel/internal/evidence"
	"github.com/kennel-stream/kennel/internal/meter"
)

// Memory implements Backend.
func (l *Local) Memory(ctx context.Context) (Memory, error) {
	// What can be had back at once is not in use.
	if err := l.Store.Shrink(ctx); err != nil {
		return Memory{}, err
	}
	wholeProgram()
	// What a sync.Pool holds outlives one collection, and is now more, now less.
	runtime.GC()
	debug.FreeOSMemory()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	pid := os.Getpid()
	self, err := meter.Live.Process(pid)
	if err != nil {
		return Memory{}, evidence.Errorf(evidence.Internal, "measure kennel serve: %w", err)
	}
	anon, file := meter.Live.Resident(pid)
	return Memory{
		Goroutines: runtime.NumGoroutine(), GoroutinesBy: goroutinesBy(), HeapBytes: int64(stats.HeapAlloc), Runtime: map[string]int64{
			"heap_in_use": int64(stats.HeapInuse), "heap_idle": int64(stats.HeapIdle - stats.HeapReleased), "stacks": int64(stats.StackSys),
			"spans": int64(stats.MSpanSys), "caches": int64(stats.MCacheSys), "profiles": int64(stats.BuckHashSys), "gc": int64(stats.GCSys), "other": int64(stats.OtherSys),
		}, RSS: self.RSS, Anon: anon, File: file, Usage: meter.Live.Of([]int{pid}),
	}, nil
}

// wholeProgram has the kernel show all of the program's own file in memory, from
// Linux 5.14 on. How much of it is there depends on what ever ran: the first
// session that is forgotten, after weeks, would look like growth.
func wholeProgram() {
	for _, m := range programMaps() {
		_, _, _ = unix.Syscall(unix.SYS_MADVISE, m.from, m.to-m.from, unix.MADV_POPULATE_READ)
	}
}

type addresses struct{ from, to uintptr }

// programMaps are where the program's own file is mapped and not written to, by
// proc_pid_maps(5).
func programMaps() (all []addresses) {
	program, err := os.Readlink("/proc/self/exe")
	maps, mapsErr := os.ReadFile("/proc/self/maps")
	if err != nil || mapsErr != nil {
		return nil // and some more growth is seen
	}
	for line := range strings.Lines(string(maps)) {
		var m addresses
		var access string
		n, _ := fmt.Sscanf(line, "%x-%x %s", &m.from, &m.to, &access)
		if n == 3 && !strings.Contains(access, "w") && strings.HasSuffix(strings.TrimSpace(line), " "+program) {
			all = append(all, m)
		}
	}
	return all
}
