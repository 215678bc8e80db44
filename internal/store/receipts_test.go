package store

import (
	"encoding/json"
	"errors"
	"testing"
	"time"
)

func TestReceipts(t *testing.T) {
	s := open(t, t.TempDir())
	ids := []string{"0190-a", "0190-b"}
	for _, id := range ids {
		if err := s.BeginSession(t.Context(), Session{ID: id, Started: time.Now()}); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Receipt(t.Context(), id); !errors.Is(err, ErrNotFound) {
			t.Errorf("before it is written: %v", err)
		}
		for _, text := range []string{`{"first":1}`, `{"residue":["` + id + `"]}`} {
			if err := s.PutReceipt(t.Context(), Receipt{Session: id, JSON: json.RawMessage(text)}); err != nil {
				t.Fatal(err)
			}
		}
	}
	all, err := s.Receipts(t.Context(), 10)
	if err != nil || len(all) != 2 || all[0].Session != ids[1] || string(all[1].JSON) != `{"residue":["0190-a"]}` {
		t.Errorf("receipts = %v, %v", all, err)
	}
	if err := s.PutReceipt(t.Context(), Receipt{Session: ids[0], JSON: json.RawMessage("{")}); err == nil {
		t.Error("half a receipt was taken")
	}
	if err := s.PutReceipt(t.Context(), Receipt{Session: "unknown", JSON: json.RawMessage("{}")}); err == nil {
		t.Error("the receipt of no session was taken")
	}
	if err := s.EndSession(t.Context(), ids[0], time.Now(), "stopped", nil); err != nil {
		t.Fatal(err)
	}
	if _, err := s.PruneSessions(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Receipt(t.Context(), ids[0]); !errors.Is(err, ErrNotFound) {
		t.Errorf("a forgotten session's receipt is kept: %v", err)
	}
}
