package session

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/kennel-stream/kennel/internal/evidence"
	"github.com/kennel-stream/kennel/internal/process/processtest"
)

// TestAProcessThatNothingEnds: a session one of whose processes hangs in a
// driver ends all the same. Its receipt names the process, its place is free,
// and nobody else is given the user that the process still runs as.
func TestAProcessThatNothingEnds(t *testing.T) {
	for _, tt := range []struct {
		name string
		find func(*testing.T, *Session) int
	}{
		{"media", func(_ *testing.T, s *Session) int {
			s.mu.Lock()
			r := s.rendition
			s.mu.Unlock()
			_, p := r.current()
			return p.PID()
		}},
		{"display", func(_ *testing.T, s *Session) int { return s.Display().Process().PID() }},
		{"app", readyShell},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h, receipts := withReceipts(t)
			if tt.name != "media" {
				h.killTimeout = time.Second // without that, the sum is some 16 s
			}
			spec := demo()
			if tt.name == "app" {
				spec = shell("echo ready $$; exec sleep 1000")
			}
			s := h.launch(request("a", spec))
			if tt.name != "app" {
				next(t, h.play(s, stream))
			}
			name := tt.name
			if name == "app" {
				name = "sleep" // the keeper started it, so that its name is its program's
			}
			h.nothingEnds(s, name, tt.find(t, s), receipts)
		})
	}
}

func (h *house) nothingEnds(s *Session, name string, pid int, receipts <-chan Receipt) {
	t := h.t
	user := ownerOf(t, pid)
	thaw := processtest.Freeze(t, pid)
	began := time.Now()
	s.End(evidence.EndStopped, "")
	select {
	case <-s.Done():
		t.Logf("ended after %v", time.Since(began).Round(time.Millisecond))
	case <-time.After(patience):
		t.Fatal("the session does not end")
	}
	if n := len(h.Sessions()); n != 0 {
		t.Errorf("%d sessions are there still", n)
	}
	r := receive(t, receipts)
	named := fmt.Sprintf("process %d (%s, state D)", pid, name)
	if !slices.Contains(r.Residue, named) || r.Fault() != evidence.FaultResidue {
		t.Errorf("the receipt names %q, want %q", r.Residue, named)
	}
	for _, fault := range []evidence.FaultID{evidence.FaultStopTimeout, evidence.FaultResidue} {
		if h.count(s, fault) != 1 {
			t.Errorf("%d events with the fault %s", h.count(s, fault), fault)
		}
	}
	again := h.launch(request("a", demo()))
	for _, p := range again.Processes() {
		if user != 0 && ownerOf(t, p) == user {
			t.Errorf("process %d of the next session runs as user %d, as the one that does not end", p, user)
		}
	}
	if user != 0 && !h.holds(user) {
		t.Errorf("user %d can be given away", user)
	}
	thaw()
	for gone := false; !gone; {
		if gone = !h.holds(user); time.Since(began) > patience {
			t.Fatalf("user %d is not given back", user)
		}
	}
	again.End(evidence.EndStopped, "")
	<-again.Done()
	if r := receive(t, receipts); r.Session != again.ID() || len(r.Residue) > 0 {
		t.Errorf("the next session leaves %q", r.Residue)
	}
}

// holds tells whether a user id is kept from new sessions.
func (h *house) holds(user uint32) bool {
	h.ids.mu.Lock()
	defer h.ids.mu.Unlock()
	h.ids.free()
	return h.ids.held[user]
}

// ownerOf is the user that a process runs as, 0 for one that is gone.
func ownerOf(t testing.TB, pid int) (user uint32) {
	t.Helper()
	status, _ := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status")
	if _, after, found := strings.Cut(string(status), "\nUid:"); found {
		if _, err := fmt.Sscan(after, &user); err != nil {
			t.Fatal(err)
		}
	}
	return user
}
