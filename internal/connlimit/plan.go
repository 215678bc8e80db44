package connlimit

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// Shares of a process's open files.
const (
	// own files are what a host holds without clients: store, log, ports, meters.
	own = 64
	// apiConnections are the connections to sockets of the machine itself.
	apiConnections = 32
	// perSession is what one session takes of its host: 18 files while it streams,
	// and as many again while its encoder or its client is replaced.
	perSession = 36
)

// Plan divides the files that a process may have open. What strangers can take
// is kept apart from what sessions need, so that neither can use up the other's.
type Plan struct {
	// Files is the limit of the process (RLIMIT_NOFILE).
	Files int
	// Network and API are how many connections there may be from the network and
	// from the machine itself.
	Network, API int
	// Sessions is how many sessions the rest is enough for.
	Sessions int
}

// PlanFor divides a limit.
func PlanFor(files int) Plan {
	p := Plan{Files: files, Network: min(max(files/8, 16), 1024), API: apiConnections}
	p.Sessions = max(files-own-p.Network-p.API, 0) / perSession
	return p
}

// OfThisProcess divides the limit of this process, which the Go runtime has
// raised to the hard limit at its start.
func OfThisProcess() (Plan, error) {
	var l unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &l); err != nil {
		return Plan{}, fmt.Errorf("read the limit of open files: %w", err)
	}
	const most = 1 << 20
	return PlanFor(int(min(l.Cur, most))), nil
}

// String is the plan for people.
func (p Plan) String() string {
	return fmt.Sprintf("%d open files: enough for %d sessions and %d connections", p.Files, p.Sessions, p.Network+p.API)
}
