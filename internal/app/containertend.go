package app

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/kennel-stream/kennel/internal/engine"
)

const (
	// tendEvery is how often what could not be done at the engine is tried again.
	tendEvery = 2 * time.Second
	// lateCreate is how long an engine may take with a container that nobody
	// waits for any more.
	lateCreate = 5 * time.Minute
)

// debt is a container of a session that is still to be removed: by its id or,
// where the engine never told one, by its name for as long as it may still come.
type debt struct {
	session, id, name string
	until             time.Time
}

// Tend removes what an earlier run of this host left at the engine, as soon as
// one answers, and later what could not be removed while it did not. It returns
// when ctx ends. found is told what was there, and why it could not be looked
// for, once for each reason; a machine without an engine has nothing to tend.
func (r *Containers) Tend(ctx context.Context, found func(names []string, err error)) {
	tick := time.NewTicker(tendEvery)
	defer tick.Stop()
	swept, told := false, ""
	for {
		if !swept && r.present() {
			names, err := r.sweep(ctx)
			swept = err == nil
			if text := textOf(err); len(names) > 0 || text != told && ctx.Err() == nil {
				told = text
				found(names, err)
			}
		}
		r.settle(ctx)
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

func textOf(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// EngineFiles are the files at which engines of this machine may listen: those
// named, and the usual ones. Who may open one can do all that the engine can.
func EngineFiles(named []string) (files []string) {
	usual := engine.Sockets("/", func(name string) string {
		if name == "DOCKER_HOST" {
			return ""
		}
		return os.Getenv(name)
	})
	for _, socket := range slices.Concat(named, usual) {
		path := strings.TrimPrefix(socket, "unix://")
		if !strings.Contains(path, "://") && !slices.Contains(files, path) {
			files = append(files, path)
		}
	}
	return files
}

// present tells whether there may be an engine at all. One that is reached by a
// network is asked.
func (r *Containers) present() bool {
	for _, socket := range r.Sockets {
		path := strings.TrimPrefix(socket, "unix://")
		if strings.Contains(path, "://") {
			return true
		}
		if _, err := os.Stat(path); err == nil {
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
func (r *Containers) owe(d debt) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.owed == nil {
		r.owed = map[debt]struct{}{}
	}
	r.owed[d] = struct{}{}
}

// settle removes what is owed, as far as the engine answers.
func (r *Containers) settle(ctx context.Context) {
	r.mu.Lock()
	var debts []debt
	for d := range r.owed {
		debts = append(debts, d)
	}
	r.mu.Unlock()
	if len(debts) == 0 {
		return
	}
	e, err := r.connect(ctx)
	if err != nil {
		return
	}
	defer func() { _ = e.Close() }()
	for _, d := range debts {
		if gone, err := r.pay(ctx, e, d); err == nil && (gone || time.Now().After(d.until)) {
			r.paid(d)
		}
	}
}

func (r *Containers) paid(d debt) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.owed, d)
}

// owes tells whether a container of the session is still to be removed.
func (r *Containers) owes(session string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for d := range r.owed {
		if d.session == session {
			return true
		}
	}
	return false
}

// pay removes one container. It is not gone where the engine does not have it
// yet.
func (r *Containers) pay(ctx context.Context, e *engine.Engine, d debt) (gone bool, err error) {
	if d.id != "" {
		return true, e.Remove(ctx, d.id)
	}
	all, err := e.Labelled(ctx, map[string]string{labelSession: d.session, labelRun: r.Run})
	if err != nil {
		return false, err
	}
	for _, c := range all {
		if c.Name == d.name {
			return true, e.Remove(ctx, c.ID)
		}
	}
	return false, nil
}
