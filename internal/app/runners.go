package app

import (
	"context"

	"github.com/kennel-stream/kennel/internal/process"
)

// Runners are a host's: which one runs an app is told by its type. A Runner of
// another kind, such as pods of Kubernetes, is added here.
type Runners struct {
	Processes  *Processes
	Containers *Containers
}

var _ Runner = (*Runners)(nil)

func (r *Runners) of(spec Spec) Runner {
	if spec.Runner.Type == TypeDocker {
		return r.Containers
	}
	return r.Processes
}

// Check implements Runner.
func (r *Runners) Check(spec Spec, credential *process.Credential) error {
	return r.of(spec).Check(spec, credential)
}

// Start implements Runner.
func (r *Runners) Start(ctx context.Context, spec Spec, place Place) (Running, error) {
	return r.of(spec).Start(ctx, spec, place)
}

// Forget ends what is kept of a session.
func (r *Runners) Forget(session string) {
	r.Containers.forget(session)
	r.Processes.cells.forget(session)
}

// Owes tells whether something of a session is still to be removed, once that is
// possible.
func (r *Runners) Owes(session string) bool { return r.Containers.owes(session) }

// Left implements Runner.
func (r *Runners) Left(ctx context.Context, session string) ([]string, error) {
	return r.Containers.Left(ctx, session)
}
