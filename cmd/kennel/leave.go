package main

import (
	"context"
	"log/slog"
	"strings"
	"time"

	"github.com/kennel-stream/kennel/internal/evidence"
)

// Deadlines of a shutdown, from its beginning. A service manager kills the host
// after 30 s (docs/operations.md).
const (
	// sessionsEnd is when the sessions must have ended.
	sessionsEnd = 20 * time.Second
	// workEnds is when nothing may be under way any more.
	workEnds = 24 * time.Second
	// allEnds is when what is known must be in the database.
	allEnds = 27 * time.Second
)

// leave takes the steps of a shutdown. None can keep the host from its end: what
// one waits for may be held by a driver, and ends with the process or never.
type leave struct {
	log    *slog.Logger
	missed []string
}

// step runs one, and reports false when it has not returned by the end of ctx.
func (l *leave) step(ctx context.Context, what string, run func()) bool {
	done := make(chan struct{})
	go func() {
		defer close(done)
		run()
	}()
	select {
	case <-done:
		return true
	case <-ctx.Done():
	}
	select {
	case <-done:
		return true
	default:
		l.log.Error("stopping: it takes too long, the shutdown goes on without it", "step", what)
		l.missed = append(l.missed, what)
		return false
	}
}

// err names the steps that were left behind.
func (l *leave) err() error {
	if len(l.missed) == 0 {
		return nil
	}
	return evidence.Errorf(evidence.Deadline, "stopped without the end of: %s; what was left is swept at the next start", strings.Join(l.missed, ", "))
}
