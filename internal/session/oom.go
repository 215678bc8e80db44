package session

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"syscall"
	"time"

	"github.com/kennel-stream/kennel/internal/app"
	"github.com/kennel-stream/kennel/internal/evidence"
	"github.com/kennel-stream/kennel/internal/meter"
	"github.com/kennel-stream/kennel/internal/process"
)

// errNoMemory is why a process was killed that nobody here killed.
var errNoMemory = errors.New("the kernel ended it, because there was no memory left")

// oomRecent is for how long after a kill for want of memory the end of a process
// is taken for that kill's: the count is read every gaugeEvery, and its end may
// take a moment to be seen.
const oomRecent = 2*gaugeEvery + time.Second

// starved follows the kills of a session's control groups for want of memory.
type starved struct {
	mu    sync.Mutex // covers what follows
	count int64
	last  time.Time
}

// rise takes the kernel's count, and returns how many kills are new.
func (k *starved) rise(now meter.Value) int64 {
	k.mu.Lock()
	defer k.mu.Unlock()
	if !now.Known || now.N <= k.count {
		return 0
	}
	more := now.N - k.count
	k.count, k.last = now.N, time.Now()
	return more
}

func (k *starved) lately() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return !k.last.IsZero() && time.Since(k.last) < oomRecent
}

// noteKills tells of kills for want of memory that are new.
func (s *Session) noteKills(u meter.Usage) {
	if more := s.starved.rise(u[meter.OOMKills]); more > 0 {
		at := []string{"killed", fmt.Sprint(more), "memory", meter.Describe(meter.Memory, u[meter.Memory])}
		s.trace.Failed(evidence.StageApp, evidence.FaultOOM, at...)
	}
}

// outOfMemory tells whether the kernel has just killed a process of the session
// for want of memory. Where it does not count that, nobody knows.
func (s *Session) outOfMemory() bool {
	s.noteKills(s.house.groupOf(context.Background(), s))
	return s.starved.lately()
}

// starvedBy tells whether that is what ended a process.
func (s *Session) starvedBy(exit process.Exit) bool {
	return exit.Signal == syscall.SIGKILL && s.outOfMemory()
}

// howExited is how a process ended, for people.
func (s *Session) howExited(exit process.Exit) string {
	if s.starvedBy(exit) {
		return exit.String() + ": " + errNoMemory.Error()
	}
	return exit.String()
}

// explained adds what only the kernel's count tells to how an app ended: also
// one that ended by itself, because a program that it had started was killed.
func (s *Session) explained(r app.Result) app.Result {
	if !r.Clean() && r.Fault == "" && s.outOfMemory() {
		r.Fault, r.Why = evidence.FaultAppOOM, "it needed more memory than there was, and the kernel ended it"
	}
	return r
}
