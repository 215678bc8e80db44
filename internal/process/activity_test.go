package process

import (
	"syscall"
	"testing"
	"time"
)

// TestActivity: what runs, what waits and what is stopped look different.
func TestActivity(t *testing.T) {
	s := NewSpawner()
	defer s.Close()
	start := func(script string) *Process {
		t.Helper()
		p, err := s.Start(t.Context(), Spec{Name: "sh", Path: "/bin/sh", Args: []string{"-c", script}, Dir: "/", Env: []string{"PATH=/usr/bin:/bin"}})
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	until := func(what string, p *Process, is func(Activity) bool) Activity {
		t.Helper()
		tick := time.NewTicker(time.Millisecond)
		defer tick.Stop()
		for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); <-tick.C {
			if a, ok := p.Activity(); ok && is(a) {
				return a
			}
		}
		t.Fatal("never " + what)
		return Activity{}
	}
	busy := start("while :; do :; done")
	until("busy", busy, func(a Activity) bool { return a.Ran > 50*time.Millisecond && !a.Stopped })
	if err := busy.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	at := until("stopped", busy, func(a Activity) bool { return a.Stopped })
	idle := start("exec sleep 100")
	until("asleep", idle, func(a Activity) bool { return !a.Stopped && !a.Blocked })
	if a, ok := busy.Activity(); !ok || a.Ran-at.Ran > time.Millisecond {
		t.Errorf("a stopped process ran for %s", a.Ran-at.Ran)
	}
	busy.Kill()
	<-busy.Done()
	if a, ok := busy.Activity(); ok {
		t.Errorf("a dead process is %+v", a)
	}
}
