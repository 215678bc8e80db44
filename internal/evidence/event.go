package evidence

import (
	"math"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// EventVersion is the version of the Event schema. Fields are added, never
// changed.
const EventVersion = 1

// Kind is what an event says about its stage.
type Kind string

// The kinds of events.
const (
	// Began: the stage has started.
	Began Kind = "began"
	// Done: the stage has reached its aim.
	Done Kind = "done"
	// Failed: the stage did not reach its aim; Event.Fault names why.
	Failed Kind = "failed"
	// Note: something worth knowing that changes no stage.
	Note Kind = "note"
	// Exited: a process of the session ended; the attributes say how. There is
	// exactly one per process.
	Exited Kind = "exited"
	// Ended: the session is over; the attribute "end" names the reason. It is
	// the last event of a session.
	Ended Kind = "ended"
)

// Event is one fact about a session, in the form that is logged, stored and
// sent over the API.
type Event struct {
	Version int `json:"v"`
	// Seq counts the events of one session from 1.
	Seq uint64 `json:"seq"`
	// Mono is CLOCK_MONOTONIC in nanoseconds since boot: comparable among all
	// processes of one host and boot.
	Mono int64 `json:"mono"`
	// Wall is the time in UTC.
	Wall    time.Time `json:"wall"`
	Boot    string    `json:"boot"`
	Session string    `json:"session"`
	Stage   Stage     `json:"stage"`
	Kind    Kind      `json:"kind"`
	// Fault is an id of the catalogue, empty when nothing is wrong.
	Fault FaultID `json:"fault,omitempty"`
	// Attrs holds the details as text. Secrets never get here.
	Attrs map[string]string `json:"attrs,omitempty"`
}

// Monotonic returns CLOCK_MONOTONIC in nanoseconds, the clock of frame times
// and events.
//
// Go's own monotonic clock is the same one, but counts from a point of its own.
// Reading it takes no system call; x/sys/unix's ClockGettime takes one.
func Monotonic() int64 { return clockStart.mono + int64(time.Since(clockStart.at)) }

// clockStart is one moment on both clocks.
var clockStart = matchClocks()

type moment struct {
	at   time.Time
	mono int64
}

// matchClocks reads both clocks a few times and keeps the readings that lie
// closest together: the process may lose the processor between two.
func matchClocks() (best moment) {
	narrowest := time.Duration(math.MaxInt64)
	for range 8 {
		m := moment{at: time.Now(), mono: readMonotonic()}
		if took := time.Since(m.at); took < narrowest {
			best, narrowest = m, took
		}
	}
	return best
}

func readMonotonic() int64 {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts); err != nil {
		return 0
	}
	return ts.Nano()
}

// BootID identifies the boot that Mono counts from, empty where the kernel
// does not tell.
var BootID = sync.OnceValue(func() string {
	raw, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(raw))
})
