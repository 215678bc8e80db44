package main

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/kennel-stream/kennel/internal/evidence"
)

// TestLeaveGoesOn: a step that never returns is named, and those after it are
// taken all the same.
func TestLeaveGoesOn(t *testing.T) {
	l := leave{log: slog.New(slog.DiscardHandler)}
	over, cancel := context.WithCancel(t.Context())
	cancel()
	never := make(chan struct{})
	defer close(never)
	if l.step(over, "what hangs", func() { <-never }) {
		t.Error("a step that hangs is done")
	}
	ran := false
	more, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if !l.step(more, "what works", func() { ran = true }) || !ran {
		t.Error("the step after it was not taken")
	}
	if err := l.err(); evidence.KindOf(err) != evidence.Deadline || !strings.Contains(err.Error(), "what hangs") || strings.Contains(err.Error(), "what works") {
		t.Errorf("error: %v", err)
	}
	if err := (&leave{}).err(); err != nil {
		t.Errorf("a good end: %v", err)
	}
	if allEnds >= 30*time.Second || workEnds >= allEnds || sessionsEnd >= workEnds {
		t.Error("the deadlines do not follow each other, within what docs/operations.md gives")
	}
}
