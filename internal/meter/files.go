package meter

import (
	"bufio"
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Proc is where the proc file system is mounted: "/proc", or a recording.
type Proc string

// descriptors are the resources that OpenFiles counts.
var descriptors = []Resource{Files, Sockets, UnixSockets, GPUFiles, DMABufs, Memfds}

// Live is the machine's own.
const Live Proc = "/proc"

func (p Proc) path(pid int, rest string) string {
	return filepath.Join(string(p), strconv.Itoa(pid), rest)
}

// OpenFiles counts a process's descriptors by kind. A process that is gone
// holds nothing; one that may not be looked into is an error.
func (p Proc) OpenFiles(pid int) (Usage, error) {
	u := Usage{}
	for _, r := range descriptors {
		u[r] = Exactly(0)
	}
	dir := p.path(pid, "fd")
	entries, err := os.ReadDir(dir)
	if gone(err) {
		return u, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list the open files of process %d: %w", pid, err)
	}
	unix, err := p.unixSockets(pid)
	if err != nil && !gone(err) {
		u[UnixSockets] = Value{}
	}
	for _, e := range entries {
		target, err := os.Readlink(filepath.Join(dir, e.Name()))
		if gone(err) {
			continue // closed meanwhile
		}
		if err != nil {
			return nil, fmt.Errorf("look at open file %s of process %d: %w", e.Name(), pid, err)
		}
		u.Add(Files, Exactly(1))
		if kind := kindOf(target); kind != "" {
			u.Add(kind, Exactly(1))
		}
		if inode, ok := strings.CutPrefix(target, "socket:["); ok && unix[strings.TrimSuffix(inode, "]")] {
			u.Add(UnixSockets, Exactly(1))
		}
	}
	return u, nil
}

// OfKind counts the descriptors of one kind that some processes have, UnixSockets
// excepted: it is for being asked all the time. Where one may not be looked into,
// it is unknown.
func (p Proc) OfKind(pids []int, kind Resource) Value {
	n := 0
	for _, pid := range pids {
		dir := p.path(pid, "fd")
		entries, err := os.ReadDir(dir)
		if err != nil && !gone(err) {
			return Value{}
		}
		for _, e := range entries {
			target, err := os.Readlink(filepath.Join(dir, e.Name()))
			if err != nil && !gone(err) {
				return Value{}
			}
			if kindOf(target) == kind {
				n++
			}
		}
	}
	return Exactly(n)
}

// gone reports that the process, or the file, ended while it was looked at.
func gone(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || (err != nil && strings.Contains(err.Error(), "no such process"))
}

// kindOf tells the kind of a descriptor by what its link in /proc says.
func kindOf(target string) Resource {
	target = strings.TrimSuffix(target, " (deleted)")
	switch {
	case strings.HasPrefix(target, "socket:"):
		return Sockets
	case strings.HasPrefix(target, "/dmabuf:"), target == "anon_inode:dmabuf", target == "/dmabuf":
		return DMABufs
	case strings.HasPrefix(target, "/memfd:"):
		return Memfds
	case strings.HasPrefix(target, "/dev/nvidia"), strings.HasPrefix(target, "/dev/dri/"), target == "/dev/kfd":
		return GPUFiles
	}
	return ""
}

// unixSockets are the inodes of local sockets in a process's network namespace
// (proc_pid_net(5), unix).
func (p Proc) unixSockets(pid int) (map[string]bool, error) {
	raw, err := os.ReadFile(p.path(pid, "net/unix"))
	if err != nil {
		return nil, fmt.Errorf("list the unix sockets that process %d may have: %w", pid, err)
	}
	inodes := map[string]bool{}
	lines := bufio.NewScanner(bytes.NewReader(raw))
	for lines.Scan() {
		if fields := strings.Fields(lines.Text()); len(fields) >= 7 {
			inodes[fields[6]] = true
		}
	}
	return inodes, lines.Err()
}

// Targets lists a process's descriptors by what they are open for, as far as
// that says what leaked: "pipe", "unix socket", "memfd:name", the path of a file,
// or what a socket of the network is (Listener and those after it).
func (p Proc) Targets(pid int) (map[string]int, error) {
	dir := p.path(pid, "fd")
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("list the open files of process %d: %w", pid, err)
	}
	unix, err := p.unixSockets(pid)
	if err != nil {
		return nil, err
	}
	found := map[string]int{}
	network := map[string]bool{} // inodes
	for _, e := range entries {
		target, err := os.Readlink(filepath.Join(dir, e.Name()))
		if err != nil || target == dir {
			continue
		}
		target = strings.TrimSuffix(target, " (deleted)")
		kind, inode, hasInode := strings.Cut(strings.TrimSuffix(target, "]"), ":[")
		switch {
		case hasInode && kind == "socket" && unix[inode]:
			target = "unix socket"
		case hasInode && kind == "socket":
			network[inode] = true
			continue
		case hasInode:
			target = kind
		case strings.HasPrefix(target, "/memfd:"), strings.HasPrefix(target, "/dmabuf:"):
			target = target[1:]
		}
		found[target]++
	}
	named, err := p.networkSockets(pid, network)
	if err != nil {
		return nil, err
	}
	for inode := range network {
		found[cmp.Or(named[inode], NetworkSocket)]++
	}
	return found, nil
}
