package process

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Sweep kills what an earlier run of this host left behind and removes its
// groups. It returns the pids that it killed. Only processes in our own cgroup
// directory or with our instance marker are touched.
func (g *Groups) Sweep(ctx context.Context) ([]int, error) {
	var killed []int
	var errs []error
	for _, name := range g.leftovers() {
		group, err := g.Create(name)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		pids, _ := group.PIDs()
		killed = append(killed, pids...)
		if err := group.Kill(ctx); err != nil {
			errs = append(errs, err)
		}
		if err := group.Remove(); err != nil {
			errs = append(errs, err)
		}
	}
	marked, err := g.killMarked(ctx)
	killed = append(killed, marked...)
	return killed, errors.Join(append(errs, err)...)
}

// leftovers lists the names of groups that exist in any controller.
func (g *Groups) leftovers() []string {
	var names []string
	for _, root := range g.roots {
		entries, err := os.ReadDir(root)
		if err != nil {
			continue
		}
		for _, e := range entries {
			if e.IsDir() && !slices.Contains(names, e.Name()) {
				names = append(names, e.Name())
			}
		}
	}
	return names
}

func (g *Groups) killMarked(ctx context.Context) ([]int, error) {
	marker := InstanceMarker + "=" + g.instance
	var killed []int
	for wait := time.Millisecond; ; wait = min(2*wait, 50*time.Millisecond) {
		pids, err := scanProcesses(func(pid int) bool { return hasMarker(pid, marker) && !ancestor(pid) })
		if err != nil || len(pids) == 0 {
			return killed, err
		}
		for _, pid := range pids {
			if unix.Kill(pid, unix.SIGKILL) == nil && !slices.Contains(killed, pid) {
				killed = append(killed, pid)
			}
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return killed, fmt.Errorf("sweep processes of an earlier run: %v are still alive: %w", pids, ctx.Err())
		}
	}
}

// ancestor reports whether pid is a parent of this process: a host that was
// itself started by a marked process must not kill its own parents.
func ancestor(pid int) bool { return descends(os.Getpid(), pid) }

// descends reports whether a process is a child, or a child's child, of another.
func descends(pid, of int) bool {
	for p := parentOf(pid); p > 1; p = parentOf(p) {
		if p == of {
			return true
		}
	}
	return false
}

// parentOf is 0 for a process that is gone.
func parentOf(pid int) (parent int) {
	raw, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	if err != nil {
		return 0
	}
	var state string
	i := strings.LastIndexByte(string(raw), ')')
	if _, err := fmt.Sscan(string(raw[i+1:]), &state, &parent); err != nil {
		return 0
	}
	return parent
}

// Adopt makes this process the parent of its descendants' orphans, and reaps
// them until ctx ends. Children of the Spawner are left to it. No other part
// of the process may start children by itself.
func (s *Spawner) Adopt(ctx context.Context) error {
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("become the parent of orphans: %w", err)
	}
	died := make(chan os.Signal, 1)
	signal.Notify(died, unix.SIGCHLD)
	go func() {
		defer signal.Stop(died)
		for {
			select {
			case <-ctx.Done():
				return
			case <-died:
				s.reapOrphans()
			}
		}
	}()
	return nil
}

// reapOrphans collects every zombie that the Spawner did not start. waitid
// shows one zombie at a time, so one of the Spawner's own may hide others
// until its waiter, already awake, has collected it.
func (s *Spawner) reapOrphans() {
	for range 200 {
		var info unix.Siginfo
		err := unix.Waitid(unix.P_ALL, 0, &info, unix.WEXITED|unix.WNOHANG|unix.WNOWAIT, nil)
		pid := siginfoPID(&info)
		if err != nil || pid == 0 {
			return
		}
		s.mu.Lock()
		_, ours := s.children[pid]
		if !ours {
			_, _ = unix.Wait4(pid, nil, unix.WNOHANG, nil)
		}
		s.mu.Unlock()
		if ours {
			time.Sleep(time.Millisecond)
		}
	}
}

// Users tells as which of some user ids live processes of this host run: its
// descendants, and those with its instance marker, as in containers.
func (g *Groups) Users(ids map[uint32]bool) (map[uint32]bool, error) {
	found := map[uint32]bool{}
	marker := InstanceMarker + "=" + g.instance
	_, err := scanProcesses(func(pid int) bool {
		var st unix.Stat_t
		if unix.Stat(filepath.Join("/proc", strconv.Itoa(pid)), &st) != nil || !ids[st.Uid] || zombie(pid) {
			return false
		}
		if descends(pid, os.Getpid()) || hasMarker(pid, marker) {
			found[st.Uid] = true
		}
		return false
	})
	return found, err
}

// Strays lists the live processes whose environment carries the marker of a
// session, in whatever group they are: after the session's end there must be none.
func (g *Groups) Strays(session string) ([]int, error) {
	marker := SessionMarker + "=" + session
	return scanProcesses(func(pid int) bool { return hasMarker(pid, marker) })
}
