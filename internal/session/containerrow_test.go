package session

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kennel-stream/kennel/internal/engine"
	"github.com/kennel-stream/kennel/internal/engine/enginetest"
	"github.com/kennel-stream/kennel/internal/evidence"
)

// TestContainersInARow: after a hundred sessions, three at a time and without a
// stream, the engine and the machine have what they had.
func TestContainersInARow(t *testing.T) {
	h, d, receipts := dock(t)
	before := belongings(t, d)
	mounts := mountsOf(t, filepath.Dir(d.Socket))
	began := time.Now()
	const sessions, atOnce = 100, 3
	var crews sync.WaitGroup
	for crew := range atOnce {
		crews.Go(func() {
			for n := crew; n < sessions; n += atOnce {
				s, err := h.Launch(t.Context(), request(fmt.Sprint("client ", crew), boxed("sh", "-c", "trap 'exit 0' TERM; sleep 1000 & wait")))
				if err != nil {
					t.Errorf("session %d: %v", n, err)
					return
				}
				s.End(evidence.EndStopped, "")
				<-s.Done()
			}
		})
	}
	crews.Wait()
	t.Logf("%d sessions in %s", sessions, time.Since(began).Round(time.Millisecond))
	for range sessions {
		if r := receive(t, receipts); r.Fault() != "" {
			t.Errorf("receipt %+v", r)
		}
	}
	h.noContainer(d)
	if now := belongings(t, d); now != before {
		t.Errorf("the engine has %s, had %s", now, before)
	}
	if now := mountsOf(t, filepath.Dir(d.Socket)); now != mounts {
		t.Errorf("mounts of the engine: %d, before %d", now, mounts)
	}
}

func belongings(t *testing.T, d *enginetest.Docker) string {
	t.Helper()
	e, err := engine.Connect(t.Context(), []string{d.Socket})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = e.Close() }()
	all, err := e.Belongings(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(all, ", ")
}

// mountsOf counts the mounts of this machine that have a name in them.
func mountsOf(t *testing.T, name string) int {
	t.Helper()
	raw, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	return strings.Count(string(raw), name)
}
