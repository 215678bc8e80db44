package store

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestSessionHistory(t *testing.T) {
	s := open(t, t.TempDir())
	session := Session{ID: "0197-a", Client: "c1", App: "demo", Title: "Demo", Started: noon, Attrs: json.RawMessage(`{"mode":"1280x720x60"}`)}
	if err := s.BeginSession(t.Context(), session); err != nil {
		t.Fatal(err)
	}
	wantError(t, s.BeginSession(t.Context(), session), ErrConflict, "0197-a")
	got, err := s.Session(t.Context(), session.ID)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(session, got); diff != "" {
		t.Errorf("running: %s", diff)
	}
	end := noon.Add(time.Minute)
	if err := s.EndSession(t.Context(), session.ID, end, "client-quit", json.RawMessage(`{"frames":3600}`)); err != nil {
		t.Fatal(err)
	}
	// The first reason stays.
	wantError(t, s.EndSession(t.Context(), session.ID, end, "late", nil), ErrNotFound)
	session.Ended, session.EndReason = end, "client-quit"
	session.Attrs = json.RawMessage(`{"mode":"1280x720x60","frames":3600}`)
	all, err := s.Sessions(t.Context(), 10)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]Session{session}, all); diff != "" {
		t.Errorf("ended: %s", diff)
	}
	_, err = s.Session(t.Context(), "none")
	wantError(t, err, ErrNotFound, "none")
}

func TestBadAttributesAreRefused(t *testing.T) {
	s := open(t, t.TempDir())
	for _, attrs := range []string{`[]`, `{`, `"x"`} {
		wantError(t, s.BeginSession(t.Context(), Session{ID: "a", Attrs: json.RawMessage(attrs)}), nil, "not a JSON object")
		wantError(t, s.EndSession(t.Context(), "a", noon, "x", json.RawMessage(attrs)), nil, "not a JSON object")
	}
}

func TestEvents(t *testing.T) {
	s := open(t, t.TempDir())
	wantError(t, s.AppendEvents(t.Context(), "none", []Event{{Seq: 1, JSON: json.RawMessage(`{}`)}}), ErrNotFound, "none")
	if err := s.BeginSession(t.Context(), Session{ID: "a", Started: noon}); err != nil {
		t.Fatal(err)
	}
	events := []Event{{1, json.RawMessage(`{"kind":"began"}`)}, {2, json.RawMessage(`{"kind":"done"}`)}, {3, json.RawMessage(`{}`)}}
	if err := s.AppendEvents(t.Context(), "a", events); err != nil {
		t.Fatal(err)
	}
	// All or none: 4 must not stay when 3 is refused.
	wantError(t, s.AppendEvents(t.Context(), "a", []Event{{4, json.RawMessage(`{}`)}, {3, json.RawMessage(`{}`)}}), ErrConflict)
	wantError(t, s.AppendEvents(t.Context(), "a", []Event{{5, json.RawMessage(`{`)}}), nil, "event 5 is not JSON")
	got, err := s.Events(t.Context(), "a", 1, 10)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(events[1:], got); diff != "" {
		t.Error(diff)
	}
	if got, err := s.Events(t.Context(), "a", 0, 1); err != nil || len(got) != 1 {
		t.Errorf("limit: %d events, error %v", len(got), err)
	}
}

func TestCrashLeavesNoRunningSession(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	for _, id := range []string{"a", "b", "c"} {
		if err := s.BeginSession(t.Context(), Session{ID: id, Started: noon}); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.EndSession(t.Context(), "b", noon, "client-quit", nil); err != nil {
		t.Fatal(err)
	}
	mustClose(t, s)
	s = open(t, dir)
	ids, err := s.EndOpenSessions(t.Context(), noon, "host-crashed")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"a", "c"}, ids); diff != "" {
		t.Error(diff)
	}
	kept, err := s.Session(t.Context(), "b")
	if err != nil || kept.EndReason != "client-quit" {
		t.Errorf("b ended by %q, error %v", kept.EndReason, err)
	}
}

func TestPruneKeepsTheNewestAndTheRunning(t *testing.T) {
	s := open(t, t.TempDir())
	for _, id := range []string{"1-running", "2", "3", "4"} {
		if err := s.BeginSession(t.Context(), Session{ID: id, Started: noon}); err != nil {
			t.Fatal(err)
		}
		if err := s.AppendEvents(t.Context(), id, []Event{{1, json.RawMessage(`{}`)}}); err != nil {
			t.Fatal(err)
		}
		if id == "1-running" {
			continue
		}
		if err := s.EndSession(t.Context(), id, noon, "client-quit", nil); err != nil {
			t.Fatal(err)
		}
	}
	if n, err := s.PruneSessions(t.Context(), 1); err != nil || n != 2 {
		t.Errorf("pruned %d, error %v", n, err)
	}
	all, err := s.Sessions(t.Context(), 10)
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, session := range all {
		ids = append(ids, session.ID)
	}
	if diff := cmp.Diff([]string{"4", "1-running"}, ids); diff != "" {
		t.Error(diff)
	}
	if events, err := s.Events(t.Context(), "2", 0, 10); err != nil || len(events) != 0 {
		t.Errorf("events of a pruned session: %d, error %v", len(events), err)
	}
}
