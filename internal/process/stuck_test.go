package process

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kennel-stream/kennel/internal/process/processtest"
)

// TestAProcessThatSIGKILLDoesNotEnd: nobody waits for it for ever, it is told
// from one that has ended, and is reaped when it ends after all.
func TestAProcessThatSIGKILLDoesNotEnd(t *testing.T) {
	for kind, gs := range groups(t) {
		t.Run(kind, func(t *testing.T) {
			s := newSpawner(t)
			g, err := gs.Create("stuck")
			if err != nil {
				t.Fatal(err)
			}
			spec := shell("exec sleep 1000")
			spec.Group = g
			p := start(t, s, spec)
			thaw := processtest.Freeze(t, p.PID())
			began := time.Now()
			for _, e := range []Exit{p.End(), p.End(), p.Stop(t.Context(), 0)} {
				if e.Stuck != "D" || e.PID != p.PID() || e.Name != "test" || e.Code != -1 || !strings.Contains(e.String(), "state D") {
					t.Errorf("exit = %+v", e)
				}
			}
			if d := time.Since(began); d < KillTimeout || d > 2*KillTimeout {
				t.Errorf("three looks at it took %v: one patience is for all", d)
			}
			limit, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
			defer cancel()
			if err := g.Kill(limit); err == nil {
				t.Error("its group was killed")
			}
			if !p.Alive() || !slices.Contains(s.Children(), p.PID()) {
				t.Error("it passes for dead")
			}
			thaw()
			if e := p.Exit(); e.Stuck != "" || e.Signal == 0 || e != p.End() {
				t.Errorf("exit = %+v", e)
			}
			if err := g.Remove(); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestGroupsCloseAfterStrays: what a stray kept of its session is removed with
// the host's groups.
func TestGroupsCloseAfterStrays(t *testing.T) {
	for kind, gs := range groups(t) {
		t.Run(kind, func(t *testing.T) {
			if _, err := gs.Create("kept"); err != nil {
				t.Fatal(err)
			}
			if err := gs.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestUsers finds users by what runs, as far as it is this host's.
func TestUsers(t *testing.T) {
	gs, err := NewGroups("users", false)
	if err != nil {
		t.Fatal(err)
	}
	s := newSpawner(t)
	spec := shell("exec sleep 1000")
	const user, nobody = 61998, 61997
	spec.Credential = &Credential{UID: user, GID: user}
	p, err := s.Start(deadline(t), spec)
	if err != nil {
		t.Skipf("changing the user of a child needs root: %v", err)
	}
	ids := map[uint32]bool{user: true, nobody: true, 0: true}
	if got, err := gs.Users(ids); err != nil || !got[user] || len(got) != 1 {
		t.Errorf("%v, %v", got, err)
	}
	p.End()
	if got, err := gs.Users(ids); err != nil || len(got) > 0 {
		t.Errorf("after its end: %v, %v", got, err)
	}
}
