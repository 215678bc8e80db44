package app

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/kennel-stream/kennel/internal/engine"
	"github.com/kennel-stream/kennel/internal/evidence"
	"github.com/kennel-stream/kennel/internal/process"
)

// Labels of every container that a session has. An engine's other containers are
// never touched.
const (
	labelInstance = "stream.kennel.instance"
	labelSession  = "stream.kennel.session"
	labelRun      = "stream.kennel.run"
	labelApp      = "stream.kennel.app"
)

const (
	// engineTimeout bounds a look at the engine that somebody waits for.
	engineTimeout = 5 * time.Second
	// owedEvery is how often a container that could not be removed is tried again.
	owedEvery = 2 * time.Second
)

// Containers runs apps as containers of Docker or podman. Each container has a
// connection of its own to the engine, which is closed with it.
type Containers struct {
	// Sockets are where the engine may listen, the likeliest first.
	Sockets []string
	// Instance names this host, Run this start of it.
	Instance, Run string

	mu       sync.Mutex          // covers what follows
	sessions map[string]bool     // those that have had a container and may have one still
	owed     map[string]struct{} // containers that are to be removed once the engine answers
	kinds    map[string]kind     // of engines, by their sockets
}

var _ Runner = (*Containers)(nil)

// connect reaches the engine; the caller closes it.
func (r *Containers) connect(ctx context.Context) (*engine.Engine, error) {
	e, err := engine.Connect(ctx, r.Sockets)
	if err != nil {
		return nil, evidence.Errorf(evidence.Unavailable, "the container engine of this host does not answer: %w", err).WithFault(evidence.FaultEngine)
	}
	return e, nil
}

// Check implements Runner.
func (r *Containers) Check(spec Spec, credential *process.Credential) error {
	if _, err := containerUser(spec, credential); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), engineTimeout)
	defer cancel()
	e, err := r.connect(ctx)
	if err != nil {
		return err
	}
	return e.Close()
}

// Left implements Runner. A session that never had a container costs no question.
func (r *Containers) Left(ctx context.Context, session string) ([]string, error) {
	r.mu.Lock()
	had := r.sessions[session]
	r.mu.Unlock()
	if !had {
		return nil, nil
	}
	ctx, cancel := context.WithTimeout(ctx, engineTimeout)
	defer cancel()
	all, err := r.labelled(ctx, map[string]string{labelInstance: r.Instance, labelSession: session})
	if err != nil {
		return nil, err
	}
	var names []string
	for _, c := range all {
		names = append(names, fmt.Sprintf("container %s (%s)", c.Name, c.State))
	}
	return names, nil
}

// forget ends the questions of Left about a session whose receipt is written.
func (r *Containers) forget(session string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.sessions, session)
}

func (r *Containers) remember(session string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.sessions == nil {
		r.sessions = map[string]bool{}
	}
	r.sessions[session] = true
}

// kind is what an engine is like.
type kind struct {
	// groups by paths are taken as --cgroup-parent; one that leaves groups to
	// systemd takes none.
	groups bool
	podman bool
}

// kindOf asks an engine what it is like, once.
func (r *Containers) kindOf(ctx context.Context, e *engine.Engine) (kind, error) {
	r.mu.Lock()
	k, known := r.kinds[e.Socket]
	r.mu.Unlock()
	if known {
		return k, nil
	}
	driver, err := e.CgroupDriver(ctx)
	if err != nil {
		return k, evidence.Errorf(evidence.Unavailable, "%w", err).WithFault(evidence.FaultEngine)
	}
	k.groups = driver == "cgroupfs"
	if k.podman, err = e.Podman(ctx); err != nil {
		return k, evidence.Errorf(evidence.Unavailable, "%w", err).WithFault(evidence.FaultEngine)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.kinds == nil {
		r.kinds = map[string]kind{}
	}
	r.kinds[e.Socket] = k
	return k, nil
}

// suit fits a container to the engine that is to have it.
func (r *Containers) suit(ctx context.Context, e *engine.Engine, want *engine.Spec, place Place) error {
	k, err := r.kindOf(ctx, e)
	if err != nil {
		return err
	}
	if k.groups {
		want.CgroupParent = place.Group.Parent()
	}
	if k.podman {
		return withoutOwnedMemory(want, place)
	}
	return nil
}

func (r *Containers) labelled(ctx context.Context, labels map[string]string) ([]engine.Container, error) {
	e, err := r.connect(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { _ = e.Close() }()
	return e.Labelled(ctx, labels)
}

// Tend removes what an earlier run of this host left at the engine, and later
// what could not be removed while the engine did not answer. It returns when ctx
// ends. found is told what was there at the start; a machine without an engine
// has nothing to tend.
func (r *Containers) Tend(ctx context.Context, found func(names []string, err error)) {
	if r.present() {
		names, err := r.sweep(ctx)
		found(names, err)
	}
	tick := time.NewTicker(owedEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			r.settle(ctx)
		case <-ctx.Done():
			return
		}
	}
}

// present tells whether there may be an engine at all.
func (r *Containers) present() bool {
	for _, socket := range r.Sockets {
		if _, err := os.Stat(socket); err == nil {
			return true
		}
	}
	return false
}

// sweep removes the containers of earlier runs of this instance.
func (r *Containers) sweep(ctx context.Context) (names []string, err error) {
	e, err := r.connect(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { _ = e.Close() }()
	all, err := e.Labelled(ctx, map[string]string{labelInstance: r.Instance})
	if err != nil {
		return nil, err
	}
	for _, c := range all {
		if c.Labels[labelRun] == r.Run {
			continue
		}
		if one := e.Remove(ctx, c.ID); one != nil {
			err = errors.Join(err, one)
			continue
		}
		names = append(names, c.Name)
	}
	return names, err
}

// owe notes a container that is still to be removed.
func (r *Containers) owe(id string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.owed == nil {
		r.owed = map[string]struct{}{}
	}
	r.owed[id] = struct{}{}
}

// settle removes what is owed, as far as the engine answers.
func (r *Containers) settle(ctx context.Context) {
	r.mu.Lock()
	var ids []string
	for id := range r.owed {
		ids = append(ids, id)
	}
	r.mu.Unlock()
	if len(ids) == 0 {
		return
	}
	e, err := r.connect(ctx)
	if err != nil {
		return
	}
	defer func() { _ = e.Close() }()
	for _, id := range ids {
		if e.Remove(ctx, id) == nil {
			r.mu.Lock()
			delete(r.owed, id)
			r.mu.Unlock()
		}
	}
}
