package app

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/kennel-stream/kennel/internal/confine"
	"github.com/kennel-stream/kennel/internal/evidence"
	"github.com/kennel-stream/kennel/internal/process"
)

// cells are the PID namespaces of the sessions that have apps. A session's is
// made with its first app and serves those that follow, so that they share /tmp
// and home.
type cells struct {
	mu  sync.Mutex // covers what follows
	all map[string]*cellSlot
}

// cellSlot serialises the starts of one session.
type cellSlot struct {
	mu   sync.Mutex // covers cell, and is held while it is made
	cell *confine.Cell
}

// slot finds that of a session.
func (c *cells) slot(session string) *cellSlot {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.all == nil {
		c.all = map[string]*cellSlot{}
	}
	if c.all[session] == nil {
		c.all[session] = &cellSlot{}
	}
	return c.all[session]
}

// forget drops the session's cell, and ends what is still in it.
func (c *cells) forget(session string) {
	c.mu.Lock()
	slot := c.all[session]
	delete(c.all, session)
	c.mu.Unlock()
	if slot == nil {
		return
	}
	slot.mu.Lock()
	defer slot.mu.Unlock()
	if slot.cell != nil {
		slot.cell.Kill()
	}
}

// inCell starts an app in the cell of its session.
func (r *Processes) inCell(ctx context.Context, ps process.Spec, plan confine.Plan, spec Spec, place Place) (Running, error) {
	slot := r.cells.slot(place.Session)
	slot.mu.Lock()
	defer slot.mu.Unlock()
	if slot.cell == nil || !slot.cell.Alive() {
		keeper := process.Spec{Env: markersOf(place), Stderr: place.Output, Group: ps.Group}
		cell, err := confine.OpenCell(ctx, r.Spawner, place.Executable, plan.Layout, keeper)
		if err != nil {
			return nil, failedStart(spec, err)
		}
		slot.cell = cell
	}
	app, err := slot.cell.Start(plan, ps)
	if err != nil {
		return nil, failedStart(spec, err)
	}
	return kept{app, time.Now()}, nil
}

func failedStart(spec Spec, err error) error {
	return evidence.Errorf(evidence.Unavailable, "start app %q: %w", spec.Title, err).WithFault(evidence.FaultAppStart)
}

// markersOf let the keeper be found as a process of the session.
func markersOf(place Place) []string {
	return []string{
		"PATH=" + SearchPath, process.SessionMarker + "=" + place.Session, process.InstanceMarker + "=" + place.Instance,
	}
}

// kept is an app in a cell.
type kept struct {
	app     *confine.App
	started time.Time
}

func (k kept) Done() <-chan struct{}                         { return k.app.Done() }
func (k kept) Stop(ctx context.Context, grace time.Duration) { k.app.Stop(ctx, grace) }

func (k kept) Result() Result { return ended(k.app.Exit(), k.started) }

// limited puts the app into a group with its limits, and returns those that no
// group holds.
func limited(ps *process.Spec, limits Limits) (process.Limits, error) {
	group, unmet, err := ps.Group.Inner("apps", process.Limits{PIDs: limits.PIDs, Memory: int64(limits.MemoryMiB) << 20})
	if err != nil {
		return unmet, fmt.Errorf("limit the apps of the session: %w", err)
	}
	ps.Group = group
	return unmet, nil
}
