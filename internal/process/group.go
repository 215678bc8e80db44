package process

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Hierarchy is how the machine groups processes.
type Hierarchy int

const (
	// None means that no cgroup can be made: groups are process groups, and
	// strays are found by the marker in their environment.
	None Hierarchy = iota
	// V1 means one directory per controller; a group is killed by freezing
	// pids.max and killing until it is empty.
	V1
	// V2 means the unified hierarchy; children are cloned into the group.
	V2
)

// String names the hierarchy as `kennel serve` prints it.
func (h Hierarchy) String() string {
	return [...]string{"process groups only", "cgroup v1", "cgroup v2"}[h]
}

// Markers in the environment of every child, by which Sweep and a Group
// without cgroup find processes that left their process group.
const (
	InstanceMarker = "KENNEL_INSTANCE"
	SessionMarker  = "KENNEL_SESSION"
)

// Groups makes the process groups of one running host.
type Groups struct {
	instance  string
	hierarchy Hierarchy
	roots     map[string]string // controller ("" on v2) → directory that holds our groups
	// strange are directories of the same name under controllers that we do not
	// use: a container engine makes them for a container in one of our groups, and
	// removes only the container's own.
	strange []string
}

// Group holds every process of one session. Its methods may be called from
// many goroutines. A nil *Group is the parent's own group.
type Group struct {
	name      string
	hierarchy Hierarchy
	dirs      map[string]string // controller → directory
	strange   []string          // see Groups
	depth     int               // how many groups of the same session it lies in

	mu      sync.Mutex          // covers what follows
	pgids   []int               // process groups started in it
	adopted []map[string]string // see Adopt
	missed  bool                // some of those are gone
	inner   map[string]string   // see Inner
	// namespaces are the PID namespaces of children that got one of their own, as
	// the links of proc(5) name them. It serves groups without a cgroup.
	namespaces []string
}

// NewGroups finds what the machine allows. instance names this host and is
// the same after a restart. With cgroups set to false it uses none.
func NewGroups(instance string, cgroups bool) (*Groups, error) {
	g := &Groups{instance: instance}
	if !cgroups {
		return g, nil
	}
	mounts, own, err := cgroupTables()
	if err != nil {
		return g, fmt.Errorf("find cgroups: %w", err)
	}
	g.hierarchy, g.roots = chooseHierarchy(mounts, own, g.dirName(), writableDir)
	if g.hierarchy == V1 {
		g.strange = otherControllers(mounts, filepath.Join(ownPaths(own)["pids"], g.dirName()), g.roots)
	}
	if g.hierarchy == V2 {
		g.delegate()
	}
	return g, nil
}

// cgroupTables reads what is mounted and in which groups this process is
// (mountinfo and cgroup of proc(5)).
func cgroupTables() (mountinfo, own string, err error) {
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return "", "", err
	}
	groups, err := os.ReadFile("/proc/self/cgroup")
	return string(mounts), string(groups), err
}

func (g *Groups) dirName() string { return "kennel-" + g.instance }

// GroupDirs lists the directories of the groups that a host of that name has
// now, when it was started from the same control group as the caller; none where
// it groups without cgroups. It is for looking at a host from outside.
func GroupDirs(instance string) ([]string, error) {
	mounts, own, err := cgroupTables()
	if err != nil {
		return nil, fmt.Errorf("list the groups of %s: %w", instance, err)
	}
	g := Groups{instance: instance}
	there := func(dir string) bool { return unix.Access(dir, unix.X_OK) == nil }
	_, g.roots = chooseHierarchy(mounts, own, g.dirName(), there)
	var dirs []string
	for _, root := range g.roots {
		entries, err := os.ReadDir(root)
		if err != nil {
			return nil, fmt.Errorf("list the groups of %s: %w", instance, err)
		}
		for _, e := range entries {
			if e.IsDir() {
				dirs = append(dirs, filepath.Join(root, e.Name()))
			}
		}
	}
	return dirs, nil
}

// Hierarchy tells what kind of groups Create makes.
func (g *Groups) Hierarchy() Hierarchy { return g.hierarchy }

// writableDir makes dir, which proves that groups can be made below it.
func writableDir(dir string) bool {
	if err := os.Mkdir(dir, 0o755); err != nil && !errors.Is(err, os.ErrExist) {
		return false
	}
	return unix.Access(dir, unix.W_OK) == nil
}

// delegate enables the controllers that we account with, as far as the parent
// lets us; without them groups still kill.
func (g *Groups) delegate() {
	root := g.roots[""]
	for _, c := range []string{"+memory", "+pids", "+cpu"} {
		_ = os.WriteFile(filepath.Join(filepath.Dir(root), "cgroup.subtree_control"), []byte(c), 0)
		_ = os.WriteFile(filepath.Join(root, "cgroup.subtree_control"), []byte(c), 0)
	}
}

// Create makes a group. name must be unique and a plain file name.
func (g *Groups) Create(name string) (*Group, error) {
	if name == "" || strings.ContainsAny(name, "/\x00") || name == "." || name == ".." {
		return nil, fmt.Errorf("create process group %q: the name is not a plain file name", name)
	}
	gr := &Group{name: name, hierarchy: g.hierarchy, dirs: map[string]string{}}
	for _, root := range g.strange {
		gr.strange = append(gr.strange, filepath.Join(root, name))
	}
	for controller, root := range g.roots {
		dir := filepath.Join(root, name)
		if err := os.Mkdir(dir, 0o755); err != nil && !errors.Is(err, os.ErrExist) {
			_ = gr.Remove()
			return nil, fmt.Errorf("create process group %q: %w", name, err)
		}
		gr.dirs[controller] = dir
	}
	if err := gr.makeRoom(); err != nil {
		_ = gr.Remove()
		return nil, fmt.Errorf("create process group %q: %w", name, err)
	}
	return gr, nil
}

// Close removes the directory of this host's groups, once they are empty.
func (g *Groups) Close() error {
	var errs []error
	for _, root := range g.strange {
		_ = unix.Rmdir(root)
	}
	for _, root := range g.roots {
		removeChildren(root) // of sessions whose strays have ended since
		if err := unix.Rmdir(root); err != nil && !errors.Is(err, unix.ENOENT) {
			errs = append(errs, fmt.Errorf("remove cgroup %s: %w", root, err))
		}
	}
	return errors.Join(errs...)
}

// enter arranges that the next fork of this OS thread is born in the group.
func (g *Group) enter(sys *syscall.SysProcAttr) (leave func(), err error) {
	if g == nil || g.hierarchy == None {
		return func() {}, nil
	}
	if g.hierarchy == V2 {
		fd, err := unix.Open(g.own(""), unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
		if err != nil {
			return nil, fmt.Errorf("open cgroup: %w", err)
		}
		sys.UseCgroupFD, sys.CgroupFD = true, fd
		return func() { _ = unix.Close(fd) }, nil
	}
	return g.enterV1()
}

// enterV1 moves the calling (locked) thread into the group and back. cgroup v1
// knows threads, and a child is born where its parent's thread is, so that no
// instruction of the child runs outside.
func (g *Group) enterV1() (leave func(), err error) {
	tid := strconv.Itoa(unix.Gettid())
	moved := make([]string, 0, len(g.dirs))
	leave = func() {
		for _, home := range moved {
			_ = os.WriteFile(filepath.Join(home, "tasks"), []byte(tid), 0)
		}
	}
	for controller, dir := range g.dirs {
		if err := os.WriteFile(filepath.Join(dir, "tasks"), []byte(tid), 0); err != nil {
			leave()
			return nil, fmt.Errorf("enter %s cgroup: %w", controller, err)
		}
		// root/kennel-instance/name: the thread came from root.
		home := filepath.Dir(filepath.Dir(dir))
		for range g.depth {
			home = filepath.Dir(home)
		}
		moved = append(moved, home)
	}
	return leave, nil
}

func (g *Group) add(pid int, own Namespaces) {
	if g == nil {
		return
	}
	namespace := ""
	if own.Flags&syscall.CLONE_NEWPID != 0 {
		namespace = pidNamespace(pid)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.pgids = append(g.pgids, pid)
	if namespace != "" {
		g.namespaces = append(g.namespaces, namespace)
	}
}

// pidNamespace names the PID namespace of a process, "" where it is gone or may
// not be looked at.
func pidNamespace(pid int) string {
	name, _ := os.Readlink(fmt.Sprintf("/proc/%d/ns/pid", pid))
	return name
}

// Move puts a running process into the group, as a spare worker that a
// session takes over.
func (g *Group) Move(p *Process) error {
	if g == nil {
		return nil
	}
	for controller := range g.dirs {
		if err := os.WriteFile(filepath.Join(g.own(controller), "cgroup.procs"), []byte(strconv.Itoa(p.pid)), 0); err != nil {
			return fmt.Errorf("move %s (pid %d) into %s cgroup: %w", p.name, p.pid, controller, err)
		}
	}
	g.add(p.pid, Namespaces{})
	return nil
}

// PIDs lists the live processes of the group, zombies left out.
func (g *Group) PIDs() ([]int, error) {
	if g == nil {
		return nil, nil
	}
	if g.hierarchy == None {
		return g.strays()
	}
	var pids []int
	for i, dir := range g.treesOf(g.killer()) {
		more, err := readTree(dir)
		if err != nil && i == 0 {
			return nil, err
		}
		pids = append(pids, more...) // what was adopted goes when its maker likes
	}
	return pids, nil
}

// killer is the controller that lists the group's processes.
func (g *Group) killer() string {
	if g.hierarchy == V1 {
		return "pids"
	}
	return ""
}

// strays finds processes by process group, by the session marker, and by the
// PID namespace: a process can leave the first two.
func (g *Group) strays() ([]int, error) {
	g.mu.Lock()
	pgids, namespaces := slices.Clone(g.pgids), slices.Clone(g.namespaces)
	g.mu.Unlock()
	marker := SessionMarker + "=" + g.name
	return scanProcesses(func(pid int) bool {
		if pgid, err := unix.Getpgid(pid); err == nil && slices.Contains(pgids, pgid) {
			return true
		}
		if len(namespaces) > 0 && slices.Contains(namespaces, pidNamespace(pid)) {
			return true
		}
		return hasMarker(pid, marker)
	})
}

// Kill ends every process of the group and returns when none is left.
func (g *Group) Kill(ctx context.Context) error {
	if g == nil {
		return nil
	}
	switch g.hierarchy {
	case V2:
		for _, dir := range g.treesOf("") {
			_ = os.WriteFile(filepath.Join(dir, "cgroup.kill"), []byte("1"), 0)
		}
	case V1:
		// No new process may be born while the present ones are killed.
		for _, dir := range g.treesOf("pids") {
			_ = os.WriteFile(filepath.Join(dir, "pids.max"), []byte("0"), 0)
		}
	}
	// A process in the middle of its exec shows no environment, so that without
	// a cgroup one empty look proves nothing.
	empty, enough := 0, 1
	if g.hierarchy == None {
		enough = 3
	}
	for wait := time.Millisecond; ; wait = min(2*wait, 50*time.Millisecond) {
		pids, err := g.PIDs()
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("kill group %s: %w", g.name, err)
		}
		if len(pids) > 0 {
			empty = 0
		} else if empty++; empty >= enough {
			return nil
		}
		for _, pid := range pids {
			_ = unix.Kill(pid, unix.SIGKILL)
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return fmt.Errorf("kill group %s: %d processes are still alive (%v): %w", g.name, len(pids), pids, ctx.Err())
		}
	}
}

// Remove deletes the group's directories. It fails while processes are in it.
func (g *Group) Remove() error {
	if g == nil {
		return nil
	}
	var errs []error
	for _, dir := range g.strange {
		_ = removeGroupDir(dir) // most were never made
	}
	for controller, dir := range g.dirs {
		if err := removeGroupDir(dir); err != nil {
			errs = append(errs, fmt.Errorf("remove %s cgroup of %s: %w", controller, g.name, err))
		}
	}
	return errors.Join(errs...)
}

// removeGroupDir retries for a moment: a killed process leaves its cgroup
// shortly after it is gone from cgroup.procs.
func removeGroupDir(dir string) error {
	var err error
	for wait := time.Millisecond; wait < 500*time.Millisecond; wait *= 2 {
		removeChildren(dir)
		if err = unix.Rmdir(dir); err == nil || errors.Is(err, unix.ENOENT) {
			return nil
		}
		time.Sleep(wait)
	}
	return err
}

// removeChildren removes cgroups that the session itself made below its own.
func removeChildren(dir string) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return
	}
	for _, e := range entries {
		if e.IsDir() {
			removeChildren(filepath.Join(dir, e.Name()))
			_ = unix.Rmdir(filepath.Join(dir, e.Name()))
		}
	}
}

// Strange are directories that a container engine may have made for the group,
// beside Dirs.
func (g *Group) Strange() []string {
	if g == nil {
		return nil
	}
	return slices.Clone(g.strange)
}

// Dirs are the group's directories by controller, "" on cgroup v2; there are
// none where the machine has no cgroups.
func (g *Group) Dirs() map[string]string {
	if g == nil {
		return nil
	}
	return maps.Clone(g.dirs)
}

// Memory is what the group's processes use now, in bytes; ok is false where
// the machine does not account it.
func (g *Group) Memory() (bytes int64, ok bool) {
	if g == nil {
		return 0, false
	}
	file := filepath.Join(g.dirs[""], "memory.current")
	if g.hierarchy == V1 {
		file = filepath.Join(g.dirs["memory"], "memory.usage_in_bytes")
	}
	raw, err := os.ReadFile(file)
	if err != nil {
		return 0, false
	}
	n, err := strconv.ParseInt(strings.TrimSpace(string(raw)), 10, 64)
	return n, err == nil
}
