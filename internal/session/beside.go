package session

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/kennel-stream/kennel/internal/app"
	"github.com/kennel-stream/kennel/internal/evidence"
)

// maxBeside bounds the apps that a session runs beside its own.
const maxBeside = 8

// Run starts another app beside the session's own, on the same display and as
// the same user, as a menu does for what the player chooses. With endWith the
// session ends when that app does. ctx bounds the start.
func (s *Session) Run(ctx context.Context, spec app.Spec, endWith bool) error {
	if err := spec.Validate(); err != nil {
		return err
	}
	// The teardown takes this lock before it stops the apps: none comes after.
	s.appStart.Lock()
	defer s.appStart.Unlock()
	if s.isEnding() || s.app() == nil {
		return evidence.Errorf(evidence.Conflict, "the session is being started or ended: nothing more can be started in it now")
	}
	if len(s.beside) >= maxBeside {
		return evidence.Errorf(evidence.Full, "the session runs %d apps beside its own: end one", maxBeside)
	}
	if err := s.house.runner.Check(spec, s.credential); err != nil {
		return err
	}
	s.runs++
	if spec.Runner.Container != nil {
		c := *spec.Runner.Container
		c.Name = fmt.Sprintf("%s-%d", spec.Slug, s.runs) // containers of a session differ by name
		spec.Runner.Container = &c
	}
	out, err := s.output.Source("app")
	if err != nil {
		return err
	}
	defer out.Close()
	running, err := s.house.runner.Start(ctx, spec, s.place(out))
	if err != nil {
		s.trace.Note(evidence.StageApp, "beside", spec.Title, "error", err.Error())
		return err
	}
	s.trace.Note(evidence.StageApp, "beside", spec.Title)
	s.beside = append(s.beside, running)
	s.watchers.Go(func() { s.tendBeside(spec, running, endWith) })
	return nil
}

// tendBeside waits for the end of an app that runs beside the session's own.
func (s *Session) tendBeside(spec app.Spec, running app.Running, endWith bool) {
	result := s.explained(running.Result()) // it comes: the teardown stops whatever runs
	fault, end := consequence(result)
	if s.isEnding() {
		fault = ""
	}
	s.trace.Exited(evidence.StageApp, fault, "process", "app", "beside", spec.Title, "how", result.String())
	s.forgetBeside(running)
	if endWith {
		s.End(end, spec.Title+": "+result.String())
	}
}

// forgetBeside makes room for another.
func (s *Session) forgetBeside(running app.Running) {
	s.appStart.Lock()
	defer s.appStart.Unlock()
	s.beside = slices.DeleteFunc(s.beside, func(r app.Running) bool { return r == running })
}

// stopApps ends the session's app and those beside it, at the same time.
func (s *Session) stopApps() {
	// Whoever starts an app has either done so, or will not any more.
	s.appStart.Lock()
	all := append([]app.Running{s.app()}, s.beside...)
	s.appStart.Unlock()
	var stopping sync.WaitGroup
	for _, running := range all {
		if running == nil {
			continue
		}
		stopping.Go(func() {
			ctx, cancel := context.WithTimeout(context.Background(), s.house.limits().Stop+killTimeout)
			defer cancel()
			running.Stop(ctx, s.house.limits().Stop)
		})
	}
	stopping.Wait()
}
