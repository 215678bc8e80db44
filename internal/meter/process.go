package meter

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Process is one entry of the process table (proc_pid_stat(5)).
type Process struct {
	PID    int    `json:"pid"`
	Parent int    `json:"parent"`
	Name   string `json:"name"` // at most 15 bytes
	// State is a letter: R, S, D, Z, T, ...
	State   string        `json:"state"`
	Threads int           `json:"threads"`
	RSS     int64         `json:"rss"` // bytes
	CPU     time.Duration `json:"cpu"` // user and system
	// Start is when it began, in ticks since the machine's start: it tells a
	// process from a later one with the same pid.
	Start int64 `json:"start"`
}

// Process reads one process.
func (p Proc) Process(pid int) (Process, error) {
	raw, err := os.ReadFile(p.path(pid, "stat"))
	if err != nil {
		return Process{}, fmt.Errorf("read process %d: %w", pid, err)
	}
	found, err := parseStat(string(raw))
	if err != nil {
		return Process{}, fmt.Errorf("read process %d: %w", pid, err)
	}
	return found, nil
}

// ticks per second of times in /proc: 100 on every Linux that Go runs on.
const ticks = 100

// parseStat splits after the last parenthesis, since a name may hold anything.
func parseStat(line string) (Process, error) {
	begin, end := strings.IndexByte(line, '('), strings.LastIndexByte(line, ')')
	if begin < 1 || end < begin {
		return Process{}, fmt.Errorf("%.80q is not a stat line", line)
	}
	fields := strings.Fields(line[end+1:])
	if len(fields) < 22 {
		return Process{}, fmt.Errorf("a stat line with %d fields", len(fields))
	}
	p := Process{Name: line[begin+1 : end], State: fields[0]}
	var user, system, pages int64
	for _, n := range []struct {
		text string
		into func(int64)
	}{
		{strings.TrimSpace(line[:begin]), func(n int64) { p.PID = int(n) }},
		{fields[1], func(n int64) { p.Parent = int(n) }},
		{fields[11], func(n int64) { user = n }},
		{fields[12], func(n int64) { system = n }},
		{fields[17], func(n int64) { p.Threads = int(n) }},
		{fields[19], func(n int64) { p.Start = n }},
		{fields[21], func(n int64) { pages = n }},
	} {
		v, err := strconv.ParseInt(n.text, 10, 64)
		if err != nil {
			return Process{}, fmt.Errorf("a stat line: %w", err)
		}
		n.into(v)
	}
	p.CPU = time.Duration(user+system) * time.Second / ticks
	p.RSS = pages * int64(os.Getpagesize())
	return p, nil
}

// Descendants lists the processes below one, parents before children.
func (p Proc) Descendants(pid int) ([]Process, error) {
	entries, err := os.ReadDir(string(p))
	if err != nil {
		return nil, fmt.Errorf("list processes: %w", err)
	}
	children := map[int][]Process{}
	for _, e := range entries {
		n, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		if found, err := p.Process(n); err == nil {
			children[found.Parent] = append(children[found.Parent], found)
		}
	}
	var all []Process
	for queue := children[pid]; len(queue) > 0; queue = queue[1:] {
		all = append(all, queue[0])
		queue = append(slices.Clip(queue), children[queue[0].PID]...)
	}
	return all, nil
}

// UnknownProcesses is what Of would measure, all of it unknown.
func UnknownProcesses() Usage {
	u := Usage{Processes: {}, Threads: {}}
	for _, r := range descriptors {
		u[r] = Value{}
	}
	return u
}

// Of sums what some processes hold: processes, threads and open files by kind. Where one cannot be looked into, what
// it may hold is unknown.
func (p Proc) Of(pids []int) Usage {
	u := Usage{}
	for r := range UnknownProcesses() {
		u[r] = Exactly(0)
	}
	for _, pid := range pids {
		if found, err := p.Process(pid); err == nil && found.State != "Z" {
			u.Add(Processes, Exactly(1))
			u.Add(Threads, Exactly(found.Threads))
		}
		files, err := p.OpenFiles(pid)
		if err != nil {
			for _, r := range descriptors {
				u[r] = Value{}
			}
			continue
		}
		u.AddAll(files)
	}
	return u
}
