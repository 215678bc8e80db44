package host

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kennel-stream/kennel/internal/evidence"
	"github.com/kennel-stream/kennel/internal/store"
	"github.com/kennel-stream/kennel/moonlight/gamestream"
)

// pairBackend answers what a client asks while it pairs.
type pairBackend struct{ gamestream.Backend }

func (pairBackend) ServerInfo(context.Context, *gamestream.Caller) gamestream.ServerInfo {
	return gamestream.ServerInfo{Hostname: "Kennel", UniqueID: "u"}
}

// pairHost is the part of a Host that pairs, with real ports and a real store.
type pairHost struct {
	*Host
	plain, secure uint16
	mu            sync.Mutex // covers text
	text          bytes.Buffer
}

func (h *pairHost) Write(p []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.text.Write(p)
}

func (h *pairHost) logged(part string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return strings.Contains(h.text.String(), part)
}

func newPairHost(t *testing.T) *pairHost {
	t.Helper()
	h := &pairHost{}
	s, err := store.Open(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	identity, err := gamestream.NewHostIdentity()
	if err != nil {
		t.Fatal(err)
	}
	logger := slog.New(slog.NewTextHandler(h, nil))
	h.Host = &Host{o: Options{Store: s}, log: logger, pins: newPINs(), floods: newFloods(logger)}
	h.api, err = gamestream.NewHost(gamestream.HostConfig{
		Identity: identity, Backend: pairBackend{}, Paired: storedClients{s}, PINs: pinSource{h.Host}, PairTimeout: 2 * time.Second,
	})
	if err != nil {
		t.Fatal(err)
	}
	plain, secure := gamestream.NewServer(h.api.HTTP(), nil), gamestream.NewServer(h.api.HTTPS(), h.api.TLSConfig())
	h.plain = servePairing(t, plain, plain.Serve)
	h.secure = servePairing(t, secure, func(l net.Listener) error { return secure.ServeTLS(l, "", "") })
	t.Cleanup(h.api.Close)
	return h
}

func servePairing(t *testing.T, server *http.Server, serve func(net.Listener) error) uint16 {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server.ErrorLog = log.New(io.Discard, "", 0)
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = serve(l)
	}()
	t.Cleanup(func() {
		_ = server.Close()
		<-done
	})
	return uint16(l.Addr().(*net.TCPAddr).Port)
}

// pair lets a new client ask, and returns its request once it waits.
func (h *pairHost) pair(ctx context.Context, t *testing.T, pin string) (Pairing, <-chan error) {
	t.Helper()
	identity, err := gamestream.NewClientIdentity()
	if err != nil {
		t.Fatal(err)
	}
	c, err := gamestream.NewClient(gamestream.ClientConfig{Host: "127.0.0.1", HTTPPort: h.plain, HTTPSPort: h.secure, Identity: identity})
	if err != nil {
		t.Fatal(err)
	}
	result := make(chan error, 1)
	go func() { result <- c.Pair(ctx, gamestream.PIN(pin)) }()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for limit := time.After(20 * time.Second); ; {
		for _, p := range h.Pairings() {
			if p.Fingerprint == string(identity.ID()) {
				return p, result
			}
		}
		select {
		case <-tick.C:
		case err := <-result:
			t.Fatalf("the client did not wait: %v", err)
		case <-limit:
			t.Fatal("the client did not ask")
		}
	}
}

func TestRealPairings(t *testing.T) {
	h := newPairHost(t)
	p, result := h.pair(t.Context(), t, "1234")
	got, err := h.AcceptPairing(t.Context(), "1234", "")
	if err != nil || got.ID != p.ID || got.Outcome != "paired" || got.Client != "client "+p.Fingerprint[:8] {
		t.Errorf("right PIN: %+v, %v", got, err)
	}
	if err := <-result; err != nil {
		t.Error(err)
	}
	if !h.logged("msg=paired request=" + p.ID) {
		t.Error("the log does not say that the client is paired")
	}
	// The client checks the PIN itself, and stops.
	p, result = h.pair(t.Context(), t, "1234")
	if got, err = h.AcceptPairing(t.Context(), "9999", p.ID[:6]); evidence.KindOf(err) != evidence.Unauthorized || got.Outcome != "wrong-pin" {
		t.Errorf("wrong PIN: %+v, %v", got, err)
	}
	if err := <-result; !errors.Is(err, gamestream.ErrWrongPIN) {
		t.Error(err)
	}
	if !h.logged(`msg="wrong PIN: the client stopped where it checks it" request=` + p.ID) {
		t.Error("the log does not say that the PIN was wrong")
	}
	if all, err := h.o.Store.Clients(t.Context()); err != nil || len(all) != 1 {
		t.Errorf("%d clients are paired, %v", len(all), err)
	}
}

func TestDenyIsReadByTheClient(t *testing.T) {
	h := newPairHost(t)
	p, result := h.pair(t.Context(), t, "1234")
	if denied, err := h.DenyPairing(p.ID[:7]); err != nil || denied.ID != p.ID {
		t.Errorf("deny: %+v, %v", denied, err)
	}
	err := <-result
	if status, ok := errors.AsType[*gamestream.StatusError](err); !ok || status.Code != 403 || !strings.Contains(status.Message, "refused at the host") {
		t.Errorf("the client reads %v", err)
	}
	if _, err := h.AcceptPairing(t.Context(), "1234", p.ID); evidence.KindOf(err) != evidence.NotFound {
		t.Errorf("a denied request: %v", err)
	}
}
