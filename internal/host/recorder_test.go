package host

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/kennel-stream/kennel/internal/evidence"
	"github.com/kennel-stream/kennel/internal/session"
	"github.com/kennel-stream/kennel/internal/store"
)

// TestTheHistoryIsBounded: old sessions go, with their files; those that run
// stay, and what the host says of itself is no session.
func TestTheHistoryIsBounded(t *testing.T) {
	s, err := store.Open(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	dir := t.TempDir()
	r := NewRecorder(s, slog.New(slog.DiscardHandler))
	const keep = 10
	r.Forget(keep, dir)
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); r.Run(ctx) }()
	const sessions = 3 * pruneEvery
	// Those whose files come after the last pruning would be one more lot.
	for n := range sessions {
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%08d.log", n)), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for n := range sessions {
		id := fmt.Sprintf("%08d", n)
		tr := evidence.NewTrace(id, r.Record)
		tr.Began(evidence.StageLaunch, "app", "Demo", "slug", "demo", "client", "a")
		if n > 0 {
			tr.Ended(evidence.EndStopped)
		}
	}
	r.Record(evidence.Event{Stage: evidence.StageLaunch, Kind: evidence.Note, Wall: time.Now()})
	stop()
	<-done
	all, err := s.Sessions(t.Context(), sessions)
	if err != nil {
		t.Fatal(err)
	}
	if len(all) > keep+pruneEvery || all[0].ID != fmt.Sprintf("%08d", sessions-1) || all[len(all)-1].ID != "00000000" {
		t.Errorf("%d sessions are remembered", len(all))
	}
	files, err := os.ReadDir(dir)
	if err != nil || len(files) > keep+pruneEvery || files[len(files)-1].Name() != fmt.Sprintf("%08d.log", sessions-1) {
		t.Errorf("%d files, %v", len(files), err)
	}
}

// TestAFullQueue loses notes, but never that a session began or ended, nor its
// receipt, and writes them in their order.
func TestAFullQueue(t *testing.T) {
	s, err := store.Open(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	r := NewRecorder(s, slog.New(slog.DiscardHandler))
	first := evidence.NewTrace("first", r.Record)
	first.Began(evidence.StageLaunch, "app", "Demo", "slug", "demo", "client", "a")
	for range recorderQueue {
		first.Note(evidence.StageStreaming, "a", "b")
	}
	first.Ended(evidence.EndStopped)
	second := evidence.NewTrace("second", r.Record)
	second.Began(evidence.StageLaunch, "app", "Demo", "slug", "demo", "client", "b")
	second.Note(evidence.StageLaunch, "lost", "yes")
	second.Ended(evidence.EndAppExited)
	r.Receipt(session.Receipt{Session: "second"})
	if r.lost != 2 || len(r.late) != 4 {
		t.Errorf("%d are lost, %d late", r.lost, len(r.late))
	}
	ctx, stop := context.WithCancel(t.Context())
	stop()
	r.Run(ctx)
	for id, end := range map[string]evidence.End{"first": evidence.EndStopped, "second": evidence.EndAppExited} {
		got, err := s.Session(t.Context(), id)
		if err != nil || got.EndReason != string(end) || got.Ended.IsZero() {
			t.Errorf("%s: %+v, %v", id, got, err)
		}
	}
	if _, err := s.Receipt(t.Context(), "second"); err != nil {
		t.Error(err)
	}
	if len(r.late) != 0 {
		t.Errorf("%d are still late", len(r.late))
	}
}
