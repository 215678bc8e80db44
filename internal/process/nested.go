package process

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// ownLeaf holds a group's own processes on cgroup v2, where a group that has
// groups below it, such as a container's, must have no process itself
// (Documentation/admin-guide/cgroup-v2.rst, "no internal process constraint").
const ownLeaf = "own"

// makeRoom prepares the group for groups of others below it.
func (g *Group) makeRoom() error {
	if g.hierarchy != V2 {
		return nil
	}
	for _, c := range []string{"+memory", "+pids", "+cpu"} {
		_ = os.WriteFile(filepath.Join(g.dirs[""], "cgroup.subtree_control"), []byte(c), 0)
	}
	if err := os.Mkdir(g.own(""), 0o755); err != nil && !errors.Is(err, os.ErrExist) {
		return err
	}
	return nil
}

// own is the directory of the group's own processes.
func (g *Group) own(controller string) string {
	if g.hierarchy == V2 {
		return filepath.Join(g.dirs[controller], ownLeaf)
	}
	return g.dirs[controller]
}

// Parent is the group's path from the root of the cgroup file system, under
// which others may make groups that are killed with it; "" where there is none.
// On cgroup v1 it is that of the pids controller, and holds for the others too:
// where ours are elsewhere, Strange names those that come of it.
func (g *Group) Parent() string {
	if g == nil || g.hierarchy == None {
		return ""
	}
	raw, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return ""
	}
	controller := ""
	if g.hierarchy == V1 {
		controller = "pids"
	}
	mount := cgroupMounts(string(raw))[controller]
	if path, ok := strings.CutPrefix(g.dirs[controller], mount); ok && mount != "" {
		return path
	}
	return ""
}

// otherControllers lists where a group with that path would be under the
// hierarchies that hold none of ours: cgroup v1 has many, and v2 may be beside them.
func otherControllers(mountinfo, path string, ours map[string]string) []string {
	var dirs []string
	for line := range strings.Lines(mountinfo) {
		left, right, ok := strings.Cut(strings.TrimSpace(line), " - ")
		fields, kind := strings.Fields(left), strings.Fields(right)
		if !ok || len(fields) < 5 || len(kind) == 0 || kind[0] != "cgroup" && kind[0] != "cgroup2" {
			continue
		}
		dir := filepath.Join(fields[4], path)
		used := false
		for _, root := range ours {
			used = used || root == dir
		}
		if !used && !slices.Contains(dirs, dir) {
			dirs = append(dirs, dir)
		}
	}
	return dirs
}

// mostNested bounds the groups below one that are looked into, and their depth.
const (
	mostNested = 4096
	mostDepth  = 16
)

// readTree reads the processes of a group and of all groups below it.
func readTree(dir string) ([]int, error) {
	pids, err := readPIDs(filepath.Join(dir, "cgroup.procs"))
	if err != nil {
		return nil, err
	}
	left := mostNested
	var below func(string, int)
	below = func(dir string, depth int) {
		entries, err := os.ReadDir(dir)
		if err != nil || depth > mostDepth {
			return // it is just being removed
		}
		for _, e := range entries {
			if left--; !e.IsDir() || left < 0 {
				continue
			}
			child := filepath.Join(dir, e.Name())
			if more, err := readPIDs(filepath.Join(child, "cgroup.procs")); err == nil {
				pids = append(pids, more...)
			}
			below(child, depth+1)
		}
	}
	below(dir, 1)
	return pids, nil
}
