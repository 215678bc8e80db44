package session

import (
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kennel-stream/kennel/internal/engine/enginetest"
	"github.com/kennel-stream/kennel/internal/evidence"
)

var megabytes = regexp.MustCompile(`^The image of Boxed is being fetched: [1-9] of [89] MB\.$`)

// TestAnImageIsFetched from a registry that wants a login and takes its time:
// the player is told how far it is, and at last the app runs, or why it does not.
func TestAnImageIsFetched(t *testing.T) {
	if enginetest.Podman() {
		t.Skip("podman tells no progress, and does not trust a registry without TLS")
	}
	h, d, receipts := dock(t)
	login := t.TempDir()
	t.Setenv("DOCKER_CONFIG", login)
	more := make(chan struct{})
	var spoil atomic.Bool
	image := enginetest.Registry(t, "me", "secret", func(w http.ResponseWriter, raw []byte) {
		// An engine tells of what comes ten times a second, at most.
		slow := time.NewTicker(120 * time.Millisecond)
		defer slow.Stop()
		for at := 0; at < 5<<20; at += 512 << 10 {
			_, _ = w.Write(raw[at : at+512<<10])
			w.(http.Flusher).Flush()
			<-slow.C
		}
		select {
		case <-more:
		case <-t.Context().Done():
		}
		rest := append([]byte(nil), raw[5<<20:]...)
		if spoil.Load() {
			rest[0] ^= 1
		}
		_, _ = w.Write(rest)
	})
	spec := boxed("sh", "-c", "echo over; exec sleep 1000")
	spec.Runner.Container.Image, spec.Runner.Container.Pull = image, "missing"
	if _, err := h.Launch(t.Context(), request("a", spec)); evidence.FaultOf(err) != evidence.FaultImageMissing {
		t.Errorf("without a login: %v", err)
	}
	receive(t, receipts)
	host, _, _ := strings.Cut(image, "/")
	if err := os.WriteFile(filepath.Join(login, "config.json"), []byte(`{"auths":{"`+host+`":{"auth":"bWU6c2VjcmV0"}}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, spoilt := range []bool{true, false} {
		spoil.Store(spoilt)
		s := h.launch(request("a", spec))
		h.told(s, megabytes)
		select {
		case more <- struct{}{}:
		case <-time.After(patience):
			t.Fatal("the engine does not ask for the layer")
		}
		if spoilt {
			e := h.await("the end", 1, exits(s))
			if e.Fault != evidence.FaultImageMissing || !strings.Contains(e.Attrs["how"], "could not be fetched") || e.Attrs["after"] != "" {
				t.Errorf("%s %v", e.Fault, e.Attrs)
			}
			h.finished(s, evidence.EndLaunchFailed)
			if r := receive(t, receipts); r.Fault() != "" {
				t.Errorf("receipt %+v", r)
			}
			continue
		}
		h.output(s, "over")
		// Its start counted as done long before the container was there.
		h.await("the container's start", 1, func(e evidence.Event) bool {
			return e.Session == s.ID() && e.Kind == evidence.Note && e.Attrs["container"] != "" && e.Attrs["create"] != "" && e.Attrs["start"] != ""
		})
		if doing := s.busyWith(); doing != "" {
			t.Errorf("the player is still told: %s", doing)
		}
		if r := h.endWithReceipt(s, receipts); r.Fault() != "" {
			t.Errorf("receipt %+v", r)
		}
	}
	h.noContainer(d)
	d.Tell("DELETE", "/images/"+image+"?force=1")
}

// told waits until the card says something.
func (h *house) told(s *Session, what *regexp.Regexp) {
	h.t.Helper()
	tick, deadline := time.NewTicker(20*time.Millisecond), time.After(patience)
	defer tick.Stop()
	for !what.MatchString(s.busyWith()) {
		select {
		case <-tick.C:
		case <-deadline:
			h.t.Fatalf("the player is told %q", s.busyWith())
		}
	}
}
