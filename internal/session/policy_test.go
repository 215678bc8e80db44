package session

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/kennel-stream/kennel/internal/app"
	"github.com/kennel-stream/kennel/internal/evidence"
)

// exits are the ends of a session's app.
func exits(s *Session) func(evidence.Event) bool {
	return func(e evidence.Event) bool {
		return e.Session == s.ID() && e.Kind == evidence.Exited && e.Attrs["process"] == "app"
	}
}

// TestAppIsRestarted: again and again, each time later, but not for ever; in
// the end the session stays with the card. Nothing is left of any start.
func TestAppIsRestarted(t *testing.T) {
	h, receipts := withReceipts(t)
	h.restartDelay = time.Millisecond
	spec := shell("echo it broke; sleep 1000 & exit 3")
	spec.Runner.OnCrash = app.Restart
	s, err := h.Launch(t.Context(), request("a", spec))
	if err != nil {
		t.Fatal(err)
	}
	for n := range restartsInRow + 1 {
		e := h.await("an end of the app", n+1, exits(s))
		if e.Fault != evidence.FaultAppCrashed || e.Attrs["last"] != "it broke" || e.Attrs["policy"] != "restart" {
			t.Errorf("end %d: %v", n+1, e)
		}
	}
	restarts := 0
	for _, e := range h.seen() {
		if e.Attrs["restart"] != "" {
			restarts++
		}
	}
	if restarts != restartsInRow {
		t.Errorf("%d restarts, want %d", restarts, restartsInRow)
	}
	if s.isEnding() {
		t.Fatal("the session ends")
	}
	if r := h.endWithReceipt(s, receipts); r.Fault() != "" || r.End != evidence.EndStopped {
		t.Errorf("receipt: %+v", r)
	}
}

// TestSessionEndsWhileItsAppWaitsForARestart: nothing is started after the end.
func TestSessionEndsWhileItsAppWaitsForARestart(t *testing.T) {
	h, receipts := withReceipts(t)
	h.restartDelay = time.Hour
	spec := shell("exit 0")
	spec.Runner.OnExit = app.Restart
	s, err := h.Launch(t.Context(), request("a", spec))
	if err != nil {
		t.Fatal(err)
	}
	h.await("the wait", 1, func(e evidence.Event) bool {
		return e.Attrs["restart"] == "1" && e.Attrs["after"] == lastRestart.String()
	})
	if r := h.endWithReceipt(s, receipts); r.Fault() != "" {
		t.Errorf("receipt: %+v", r)
	}
}

// TestPoliciesArePerKindOfEnd: a clean end ends the session, whatever happens
// on a crash; and the card keeps it.
func TestPoliciesArePerKindOfEnd(t *testing.T) {
	h := open(t, options(t))
	spec := shell("trap 'exit 0' USR1; echo ready $$; while :; do sleep 0.01; done")
	spec.Runner.OnCrash = app.Card
	s := h.launch(request("a", spec))
	signalShell(t, s)
	h.finished(s, evidence.EndAppExited)
	spec = shell("trap 'exit 3' USR1; echo ready $$; while :; do sleep 0.01; done")
	spec.Runner.OnCrash = app.Card
	s = h.launch(request("a", spec))
	frames := h.play(s, stream)
	signalShell(t, s)
	h.await("the crash", 1, exits(s))
	// The card is a picture like any other.
	next(t, frames)
	if end, _ := s.EndReason(); end != "" {
		t.Errorf("the session ends: %s", end)
	}
}

// TestIdleSessionsEnd, those whose player does something do not.
func TestIdleSessionsEnd(t *testing.T) {
	o := options(t)
	o.Limits.Idle = 2 * time.Second
	h := open(t, o)
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); h.ReapIdle(ctx) }()
	idle, busy := h.launch(request("a", demo())), h.launch(request("b", demo()))
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for live := true; live; {
		select {
		case <-tick.C:
			busy.Touch()
		case <-idle.Done():
			live = false
		}
	}
	h.finished(idle, evidence.EndIdle)
	if end, _ := busy.EndReason(); end != "" {
		t.Errorf("the other ended: %s", end)
	}
	if _, detail := idle.EndReason(); !strings.Contains(detail, "2 s") {
		t.Errorf("the reason: %q", detail)
	}
	stop()
	<-done
}
