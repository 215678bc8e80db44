package app

import (
	"context"
	"fmt"
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
	// mostLog bounds what an engine keeps of an app's output, which the session
	// keeps as well.
	mostLog = 16 << 20
)

// Containers runs apps as containers of Docker or podman. Each container has a
// connection of its own to the engine, which is closed with it.
type Containers struct {
	// Sockets are where the engine may listen, the likeliest first.
	Sockets []string
	// Instance names this host, Run this start of it.
	Instance, Run string

	mu       sync.Mutex        // covers what follows
	sessions map[string]bool   // those that have had a container and may have one still
	owed     map[debt]struct{} // containers that are to be removed once the engine answers
	kinds    map[string]kind   // of engines, by their sockets
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
	// jsonLog is a file without a bound, unless the operator gave it one.
	jsonLog bool
	podman  bool
}

// kindOf asks an engine what it is like, once.
func (r *Containers) kindOf(ctx context.Context, e *engine.Engine) (kind, error) {
	r.mu.Lock()
	k, known := r.kinds[e.Socket]
	r.mu.Unlock()
	if known {
		return k, nil
	}
	cgroup, logging, err := e.Drivers(ctx)
	if err != nil {
		return k, evidence.Errorf(evidence.Unavailable, "%w", err).WithFault(evidence.FaultEngine)
	}
	k.groups, k.jsonLog = cgroup == "cgroupfs", logging == "json-file"
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
	if k.jsonLog {
		want.LogBytes = mostLog
	}
	if k.podman {
		return withoutOwnedMemory(want, place)
	}
	return readSeccomp(want)
}

func (r *Containers) labelled(ctx context.Context, labels map[string]string) ([]engine.Container, error) {
	e, err := r.connect(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { _ = e.Close() }()
	return e.Labelled(ctx, labels)
}
