// Package processtest gives tests processes that no signal ends, as one is that
// waits in a driver.
package processtest

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

const (
	freezers = "/sys/fs/cgroup/freezer"
	// patience bounds what the kernel does of itself.
	patience = 10 * time.Second
)

// Freeze puts a process into state D by the freezer of cgroup v1: like one in
// the call of a driver that does not return, it takes no signal, not even
// SIGKILL, until it is thawed, at the latest at the test's end. The test is
// skipped where the machine has no such freezer; that of cgroup v2 is no use,
// since it lets SIGKILL through.
func Freeze(t testing.TB, pid int) (thaw func()) {
	t.Helper()
	dir := filepath.Join(freezers, fmt.Sprintf("kennel-test-%d", pid))
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Skipf("no process can be made to withstand SIGKILL here, which needs root and the freezer of cgroup v1: %v", err)
	}
	thaw = sync.OnceFunc(func() {
		write(t, dir, "freezer.state", "THAWED")
		// It holds the directory until it has ended, or its test ends it.
		_ = until(func() bool { return os.Remove(dir) == nil })
	})
	t.Cleanup(thaw)
	write(t, dir, "cgroup.procs", strconv.Itoa(pid))
	write(t, dir, "freezer.state", "FROZEN")
	frozen := func() bool {
		state, _ := os.ReadFile(filepath.Join(dir, "freezer.state"))
		return strings.TrimSpace(string(state)) == "FROZEN"
	}
	if !until(frozen) {
		t.Fatalf("process %d does not freeze", pid)
	}
	return thaw
}

func write(t testing.TB, dir, file, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0); err != nil {
		t.Fatal(err)
	}
}

func until(condition func() bool) bool {
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(patience); !condition(); <-tick.C {
		if time.Now().After(deadline) {
			return false
		}
	}
	return true
}
