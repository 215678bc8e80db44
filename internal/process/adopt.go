package process

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Adopt adds to the group the control groups that somebody else has put a
// process into, as an engine does with its containers: what they hold is
// measured and killed with the group, and their directories stay their maker's.
// name must be in their path, so that none is taken that holds others too.
func (g *Group) Adopt(pid int, name string) {
	if g == nil || g.hierarchy == None || name == "" {
		return
	}
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return
	}
	theirs, err := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", pid))
	if err != nil {
		return // it has ended
	}
	at, paths, adopted := cgroupMounts(string(mounts)), ownPaths(string(theirs)), map[string]string{}
	for controller, own := range g.dirs {
		dir := groupNamed(at[controller], paths[controller], name)
		if dir == "" || inside(dir, own) {
			continue
		}
		if pids, err := readTree(dir); err != nil || !slices.Contains(pids, pid) {
			continue
		}
		for _, strange := range g.strange {
			if inside(dir, strange) {
				dir = strange // ours alone, and it outlives the other
			}
		}
		adopted[controller] = dir
	}
	if len(adopted) == 0 {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.adopted = append(slices.DeleteFunc(g.adopted, func(dirs map[string]string) bool {
		if gone(dirs) {
			g.missed = true
			return true
		}
		return maps.Equal(dirs, adopted)
	}), adopted)
}

// groupNamed is the control group that has the name in its own, at or above path.
func groupNamed(mount, path, name string) string {
	if mount == "" || strings.Contains(path, "..") { // of another namespace
		return ""
	}
	for ; len(path) > 1; path = filepath.Dir(path) {
		if strings.Contains(filepath.Base(path), name) {
			return filepath.Join(mount, path)
		}
	}
	return ""
}

func inside(path, dir string) bool { return strings.HasPrefix(path, dir+"/") }

func gone(dirs map[string]string) bool {
	for _, dir := range dirs {
		if _, err := os.Lstat(dir); err != nil {
			return true
		}
	}
	return false
}

// Adopted lists the control groups that Adopt added and that are still there,
// each as Dirs does; missed tells that there have been others.
func (g *Group) Adopted() (all []map[string]string, missed bool) {
	if g == nil {
		return nil, false
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	missed = g.missed
	for _, dirs := range g.adopted {
		if gone(dirs) {
			missed = true
			continue
		}
		all = append(all, maps.Clone(dirs))
	}
	return all, missed
}

// treesOf are the directories in which processes are looked for: the group's
// own, and those that it has adopted.
func (g *Group) treesOf(controller string) []string {
	adopted, _ := g.Adopted()
	trees := []string{g.dirs[controller]}
	for _, dirs := range adopted {
		if dir := dirs[controller]; dir != "" {
			trees = append(trees, dir)
		}
	}
	return trees
}
