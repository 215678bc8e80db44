package process

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// controllersV1 are those that a group is made in: pids is needed to kill,
// the others account.
var controllersV1 = []string{"pids", "memory", "cpu"}

// chooseHierarchy reads proc(5) mountinfo and cgroup files and returns the
// first kind in which writable accepts a directory called name. A machine
// that mounts controllers in both ways is a v1 machine to us: processes are
// killed through the pids controller, wherever that one is.
func chooseHierarchy(mountinfo, own, name string, writable func(string) bool) (Hierarchy, map[string]string) {
	mounts := cgroupMounts(mountinfo)
	paths := ownPaths(own)
	if mount, ok := mounts["pids"]; ok {
		roots := map[string]string{}
		for _, c := range controllersV1 {
			mount, mounted := mounts[c]
			if dir := filepath.Join(mount, paths[c], name); mounted && writable(dir) {
				roots[c] = dir
			}
		}
		if _, ok := roots["pids"]; ok && mount != "" {
			return V1, roots
		}
		for _, dir := range roots {
			_ = unix.Rmdir(dir)
		}
		return None, nil
	}
	if mount, ok := mounts[""]; ok {
		if dir := filepath.Join(mount, paths[""], name); writable(dir) {
			return V2, map[string]string{"": dir}
		}
	}
	return None, nil
}

// cgroupMounts maps each v1 controller, and "" for v2, to its mount point.
func cgroupMounts(mountinfo string) map[string]string {
	mounts := map[string]string{}
	for line := range strings.Lines(mountinfo) {
		left, right, ok := strings.Cut(strings.TrimSpace(line), " - ")
		fields, super := strings.Fields(left), strings.Fields(right)
		if !ok || len(fields) < 5 || len(super) < 3 {
			continue
		}
		switch super[0] {
		case "cgroup2":
			mounts[""] = fields[4]
		case "cgroup":
			for _, option := range strings.Split(super[2], ",") {
				if slices.Contains(controllersV1, option) {
					mounts[option] = fields[4]
				}
			}
		}
	}
	return mounts
}

// ownPaths maps each controller, and "" for v2, to this process's cgroup.
func ownPaths(own string) map[string]string {
	paths := map[string]string{}
	for line := range strings.Lines(own) {
		parts := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(parts) != 3 {
			continue
		}
		if parts[1] == "" {
			paths[""] = parts[2]
		}
		for _, controller := range strings.Split(parts[1], ",") {
			if slices.Contains(controllersV1, controller) {
				paths[controller] = parts[2]
			}
		}
	}
	return paths
}

// readPIDs reads a cgroup.procs file. Zombies may be listed and are left out:
// they hold nothing, and their parent reaps them.
//
// This process is left out: on cgroup v1 its spawning thread is in a child's
// group while it forks, and the kernel then lists the whole process.
func readPIDs(file string) ([]int, error) {
	self := os.Getpid()
	raw, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var pids []int
	for _, field := range strings.Fields(string(raw)) {
		if pid, err := strconv.Atoi(field); err == nil && pid > 0 && pid != self && !zombie(pid) {
			pids = append(pids, pid)
		}
	}
	return pids, nil
}

func zombie(pid int) bool {
	state := stateOf(pid)
	return state == unknownState || state == "Z" || state == "X"
}

const unknownState = "?"

// stateOf is the letter of a process's state.
func stateOf(pid int) string {
	raw, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	if err != nil {
		return unknownState
	}
	// The command may hold spaces and parentheses: the state follows the last one.
	i := strings.LastIndexByte(string(raw), ')')
	if i < 0 || i+2 >= len(raw) {
		return unknownState
	}
	return string(raw[i+2])
}

// scanProcesses lists the live processes that match, this one left out.
func scanProcesses(match func(pid int) bool) ([]int, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, err
	}
	self := os.Getpid()
	var pids []int
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err == nil && pid != self && match(pid) && !zombie(pid) {
			pids = append(pids, pid)
		}
	}
	return pids, nil
}

// hasMarker looks for a NAME=VALUE in a process's environment at exec.
func hasMarker(pid int, marker string) bool {
	raw, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "environ"))
	return err == nil && slices.Contains(strings.Split(string(raw), "\x00"), marker)
}
