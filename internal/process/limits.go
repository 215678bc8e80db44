package process

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"
)

// Limits bound what the processes of a group may take together; 0 is no limit.
type Limits struct {
	// PIDs is how many processes and threads there may be.
	PIDs int
	// Memory is in bytes. Files in memory count, such as those of a tmpfs.
	Memory int64
}

// Unmet are the limits of l that a group of this kind cannot hold.
func (h Hierarchy) Unmet(l Limits) Limits {
	if h == None {
		return l
	}
	return Limits{}
}

// Inner makes a group inside g with limits of its own. It is listed, accounted
// and killed with g. The second result has the limits that the machine cannot
// hold, because it has no control groups or lacks a controller; where it has no
// control groups, the group is g itself.
func (g *Group) Inner(name string, l Limits) (*Group, Limits, error) {
	if g == nil || g.hierarchy == None {
		return g, l, nil
	}
	inner := &Group{name: g.name, hierarchy: g.hierarchy, depth: g.depth + 1, dirs: map[string]string{}}
	for controller, dir := range g.dirs {
		inner.dirs[controller] = filepath.Join(dir, name)
		if err := os.Mkdir(inner.dirs[controller], 0o755); err != nil && !errors.Is(err, os.ErrExist) {
			return nil, l, fmt.Errorf("make a control group for limits: %w", err)
		}
	}
	if err := inner.makeRoom(); err != nil {
		return nil, l, fmt.Errorf("make a control group for limits: %w", err)
	}
	g.mu.Lock()
	g.inner = inner.dirs
	g.mu.Unlock()
	return inner, inner.limit(l), nil
}

// InnerDirs are the directories of the group's inner one, by controller; nil
// where there is none.
func (g *Group) InnerDirs() map[string]string {
	if g == nil {
		return nil
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.inner
}

// limit sets the limits, and returns those that could not be set.
func (g *Group) limit(l Limits) (unmet Limits) {
	memory, pids := filepath.Join(g.dirs[""], "memory.max"), filepath.Join(g.dirs[""], "pids.max")
	if g.hierarchy == V1 {
		memory, pids = filepath.Join(g.dirs["memory"], "memory.limit_in_bytes"), filepath.Join(g.dirs["pids"], "pids.max")
	}
	if l.PIDs > 0 && !setLimit(pids, int64(l.PIDs)) {
		unmet.PIDs = l.PIDs
	}
	if l.Memory > 0 && !setLimit(memory, l.Memory) {
		unmet.Memory = l.Memory
	}
	return unmet
}

// setLimit does not create the file: without the controller there is none, and
// a relative path means that the controller is not mounted.
func setLimit(file string, n int64) bool {
	if !filepath.IsAbs(file) {
		return false
	}
	f, err := os.OpenFile(file, os.O_WRONLY|unix.O_NOFOLLOW, 0)
	if err != nil {
		return false
	}
	defer f.Close()
	_, err = f.WriteString(strconv.FormatInt(n, 10))
	return err == nil
}
