package process

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"time"
)

// Activity is what the threads of a process are at.
type Activity struct {
	// Ran is how long they have run, or were ready to and had no processor, in
	// all. It stands still while the process waits for something else.
	Ran time.Duration
	// Stopped: every thread is, as by SIGSTOP. Blocked: one waits for a device or
	// a disk and cannot be interrupted.
	Stopped, Blocked bool
}

// Activity looks at the process from outside. ok is false when it is gone.
func (p *Process) Activity() (a Activity, ok bool) {
	dir := fmt.Sprintf("/proc/%d/task/", p.pid)
	threads, err := os.ReadDir(dir)
	if err != nil || len(threads) == 0 {
		return Activity{}, false
	}
	a.Stopped = true
	for _, thread := range threads {
		state, ticks, ok := threadStat(dir + thread.Name())
		if !ok {
			continue // it has ended meanwhile
		}
		a.Stopped = a.Stopped && state == 'T'
		a.Blocked = a.Blocked || state == 'D'
		if ran, ok := schedstat(dir + thread.Name()); ok {
			a.Ran += ran
		} else {
			a.Ran += ticks
		}
	}
	return a, true
}

// threadStat reads the state of a thread and the time that it has run, of a
// coarse clock (proc_pid_stat(5)).
func threadStat(dir string) (state byte, ran time.Duration, ok bool) {
	raw, err := os.ReadFile(dir + "/stat")
	fields := bytes.Fields(raw[bytes.LastIndexByte(raw, ')')+1:])
	if err != nil || len(fields) < 13 {
		return 0, 0, false
	}
	for _, field := range fields[11:13] {
		n, _ := strconv.ParseInt(string(field), 10, 64)
		ran += time.Duration(n) * time.Second / 100
	}
	return fields[0][0], ran, true
}

// schedstat reads how long a thread has run and waited for a processor. Not
// every kernel tells.
func schedstat(dir string) (time.Duration, bool) {
	raw, err := os.ReadFile(dir + "/schedstat")
	fields := bytes.Fields(raw)
	if err != nil || len(fields) < 2 {
		return 0, false
	}
	var sum time.Duration
	for _, field := range fields[:2] {
		n, _ := strconv.ParseInt(string(field), 10, 64)
		sum += time.Duration(n)
	}
	return sum, true
}
