package e2e

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// traces is what of a host can be seen from outside: everything that a session
// could leave behind.
type traces []string

// look lists the traces of the host, without what is there by design while it
// runs idle: itself and its spare media worker.
func (s *server) look() traces {
	var seen traces
	for _, pid := range descendants(s.cmd.Process.Pid) {
		env, _ := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
		if !strings.Contains(string(env), "KENNEL_SESSION=spare") {
			comm, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
			seen = append(seen, fmt.Sprintf("process %d %q", pid, comm))
		}
	}
	instance := s.instance()
	sockets, _ := os.ReadFile("/proc/net/unix")
	for line := range strings.Lines(string(sockets)) {
		if strings.Contains(line, instance) {
			seen = append(seen, "socket "+strings.TrimSpace(line))
		}
	}
	for _, root := range []string{"/run/kennel", "/dev/shm", "/sys/fs/cgroup"} {
		_ = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err == nil && strings.Contains(path, instance) && filepath.Base(path) != instance && filepath.Base(path) != "kennel-"+instance &&
				(root != "/sys/fs/cgroup" || d.IsDir()) && filepath.Base(path) != "gstreamer.registry" {
				seen = append(seen, path)
			}
			return nil
		})
	}
	mounts, _ := os.ReadFile(fmt.Sprintf("/proc/%d/mountinfo", s.cmd.Process.Pid))
	for line := range strings.Lines(string(mounts)) {
		// Others of the machine come and go.
		if strings.Contains(line, instance) || strings.Contains(line, s.dir) {
			seen = append(seen, "mount "+strings.TrimSpace(line))
		}
	}
	slices.Sort(seen)
	return seen
}

// instance is the name by which the host marks what is its own: its spare
// worker carries it, once that has been started.
func (s *server) instance() string {
	s.t.Helper()
	name := ""
	waitFor(s.t, "a marked child of the host", func() bool {
		for _, pid := range descendants(s.cmd.Process.Pid) {
			env, _ := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
			if !strings.Contains(string(env), "KENNEL_SESSION=spare") {
				continue
			}
			for _, v := range strings.Split(string(env), "\x00") {
				if found, ok := strings.CutPrefix(v, "KENNEL_INSTANCE="); ok {
					name = found
				}
			}
		}
		return name != ""
	})
	return name
}

// descriptors lists what a process has open, by kind.
func descriptors(pid int) map[string]int {
	kinds := map[string]int{}
	entries, _ := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	for _, e := range entries {
		target, err := os.Readlink(fmt.Sprintf("/proc/%d/fd/%s", pid, e.Name()))
		if err != nil {
			continue
		}
		kind, _, _ := strings.Cut(target, "[")
		kinds[kind]++
	}
	return kinds
}

// descendants lists all processes below pid.
func descendants(pid int) []int {
	parents := map[int][]int{}
	entries, _ := os.ReadDir("/proc")
	for _, e := range entries {
		child, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", child))
		if err != nil {
			continue
		}
		fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
		if parent, err := strconv.Atoi(fields[1]); err == nil {
			parents[parent] = append(parents[parent], child)
		}
	}
	var all []int
	for next := parents[pid]; len(next) > 0; {
		child := next[0]
		next = append(next[1:], parents[child]...)
		all = append(all, child)
	}
	return all
}

// expectSame fails when the host shows other traces than before.
func (s *server) expectSame(t *testing.T, before traces) {
	t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for {
		now := s.look()
		if slices.Equal(now, before) {
			return
		}
		if time.Now().After(deadline) {
			t.Errorf("the host is not as before:\n%s", cmp.Diff(before, now))
			return
		}
		<-time.After(20 * time.Millisecond)
	}
}
