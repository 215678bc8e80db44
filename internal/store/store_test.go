package store

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"database/sql"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var noon = time.Date(2026, 11, 23, 12, 0, 0, 123456789, time.UTC)

func open(t *testing.T, dir string) *Store {
	t.Helper()
	s, err := Open(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func mustClose(t *testing.T, s *Store) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// certificate makes a self-signed pair.
func certificate(t *testing.T) (certPEM, keyPEM []byte) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret})
}

func wantError(t *testing.T, err, kind error, parts ...string) {
	t.Helper()
	if err == nil {
		t.Fatal("no error")
	}
	if kind != nil && !errors.Is(err, kind) {
		t.Errorf("error %q is not %q", err, kind)
	}
	for _, part := range parts {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("error %q lacks %q", err, part)
		}
	}
}

func TestModes(t *testing.T) {
	// A name with what SQLite's addresses and URLs give a meaning to.
	dir := filepath.Join(t.TempDir(), "a?b#c%41 d", "data")
	s := open(t, dir)
	if _, err := s.AddClient(t.Context(), "phone", first(certificate(t)), noon); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]os.FileMode{".": 0o700, "kennel.db": 0o600, "kennel.db-wal": 0o600, "lock": 0o600} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil {
			t.Error(err)
			continue
		}
		if got := info.Mode().Perm(); got != want {
			t.Errorf("%s has mode %04o, want %04o", name, got, want)
		}
	}
}

func first(a, _ []byte) []byte { return a }

func TestWorldWritableIsRefused(t *testing.T) {
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	_, err := Open(t.Context(), dir)
	wantError(t, err, nil, dir, "chmod 700")
}

func TestOneHostPerDirectory(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	_, err := Open(t.Context(), dir)
	wantError(t, err, ErrInUse, fmt.Sprintf("process %d", os.Getpid()), dir, "--data DIR")
	mustClose(t, s)
	open(t, dir)
}

func TestHostKeepsItsName(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	before, err := s.Host(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(before.UUID) != 36 || before.Created.IsZero() {
		t.Errorf("host is %+v", before)
	}
	mustClose(t, s)
	after, err := open(t, dir).Host(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before, after); diff != "" {
		t.Error(diff)
	}
}

func TestClients(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	cert, _ := certificate(t)
	added, err := s.AddClient(t.Context(), "phone", cert, noon)
	if err != nil {
		t.Fatal(err)
	}
	if len(added.ID) != 64 {
		t.Errorf("id is %q", added.ID)
	}
	if err := s.TouchClient(t.Context(), added.ID, noon.Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	// An earlier time must not turn the clock back.
	if err := s.TouchClient(t.Context(), added.ID, noon); err != nil {
		t.Fatal(err)
	}
	again, err := s.AddClient(t.Context(), "tablet", cert, noon.Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	want := Client{ID: added.ID, Name: "tablet", CertPEM: cert, PairedAt: noon.Add(time.Hour), LastSeen: noon.Add(time.Minute)}
	if diff := cmp.Diff(want, again); diff != "" {
		t.Errorf("paired anew: %s", diff)
	}
	mustClose(t, s)
	s = open(t, dir)
	all, err := s.Clients(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]Client{want}, all); diff != "" {
		t.Errorf("after reopening: %s", diff)
	}
	if err := s.RemoveClient(t.Context(), want.ID); err != nil {
		t.Fatal(err)
	}
	_, err = s.Client(t.Context(), want.ID)
	wantError(t, err, ErrNotFound, want.ID[:12])
	wantError(t, s.RemoveClient(t.Context(), want.ID), ErrNotFound)
	wantError(t, s.TouchClient(t.Context(), want.ID, noon), ErrNotFound)
}

func TestAddClientWantsACertificate(t *testing.T) {
	s := open(t, t.TempDir())
	_, key := certificate(t)
	for _, bad := range [][]byte{nil, []byte("x"), key, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte{1}})} {
		if _, err := s.AddClient(t.Context(), "phone", bad, noon); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
}

func TestApps(t *testing.T) {
	s := open(t, t.TempDir())
	app := App{Slug: "term", ID: 7, Title: "Terminal", Runner: json.RawMessage(`{"type":"process","args":["foot"]}`), UpdatedAt: noon}
	if err := s.PutApp(t.Context(), app); err != nil {
		t.Fatal(err)
	}
	app.IconPNGPath = "/usr/share/icons/foot.png"
	if err := s.PutApp(t.Context(), app); err != nil {
		t.Fatal(err)
	}
	got, err := s.App(t.Context(), "term")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(app, got); diff != "" {
		t.Error(diff)
	}
	other := App{Slug: "other", ID: 7, Title: "Other", Runner: json.RawMessage(`{}`)}
	wantError(t, s.PutApp(t.Context(), other), ErrConflict, "other", "apps.id")
	other.ID, other.Title = 8, "Terminal"
	wantError(t, s.PutApp(t.Context(), other), ErrConflict, "other", "apps.title")
	other.Runner = json.RawMessage(`{`)
	wantError(t, s.PutApp(t.Context(), other), nil, "not JSON")
	if err := s.DeleteApp(t.Context(), "term"); err != nil {
		t.Fatal(err)
	}
	wantError(t, s.DeleteApp(t.Context(), "term"), ErrNotFound)
	if apps, err := s.Apps(t.Context()); err != nil || len(apps) != 0 {
		t.Errorf("apps %v, error %v", apps, err)
	}
}

func TestConcurrentUse(t *testing.T) {
	s := open(t, t.TempDir())
	const sessions, events = 8, 25
	var group sync.WaitGroup
	for i := range sessions {
		group.Go(func() {
			id := fmt.Sprintf("session-%02d", i)
			if err := s.BeginSession(t.Context(), Session{ID: id, Started: noon}); err != nil {
				t.Error(err)
				return
			}
			for seq := range events {
				if err := s.AppendEvents(t.Context(), id, []Event{{Seq: int64(seq), JSON: json.RawMessage(`{}`)}}); err != nil {
					t.Error(err)
				}
				if _, err := s.Sessions(t.Context(), 100); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	for i := range sessions {
		got, err := s.Events(t.Context(), fmt.Sprintf("session-%02d", i), -1, 1000)
		if err != nil || len(got) != events {
			t.Errorf("session %d has %d events, error %v", i, len(got), err)
		}
	}
}

// A copy of the files while they are in use is what a killed host leaves.
func TestNothingIsLostByACrash(t *testing.T) {
	dir, crashed := t.TempDir(), t.TempDir()
	s := open(t, dir)
	client, err := s.AddClient(t.Context(), "phone", first(certificate(t)), noon)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.BeginSession(t.Context(), Session{ID: "a", Started: noon}); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(crashed, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	s = open(t, crashed)
	if _, err := s.Client(t.Context(), client.ID); err != nil {
		t.Error(err)
	}
	if ids, err := s.EndOpenSessions(t.Context(), noon, "host-crashed"); err != nil || len(ids) != 1 {
		t.Errorf("sessions %v, error %v", ids, err)
	}
}

func TestAnotherProgramsLockIsNamed(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	other, err := sql.Open("sqlite", filepath.Join(dir, fileName))
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	other.SetMaxOpenConns(1)
	if _, err := other.ExecContext(t.Context(), "BEGIN IMMEDIATE"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.write.ExecContext(t.Context(), "PRAGMA busy_timeout = 10"); err != nil {
		t.Fatal(err)
	}
	err = s.BeginSession(t.Context(), Session{ID: "a", Started: noon})
	wantError(t, err, nil, filepath.Join(dir, fileName), "locked by another program")
	if _, err := other.ExecContext(t.Context(), "ROLLBACK"); err != nil {
		t.Fatal(err)
	}
	if err := s.BeginSession(t.Context(), Session{ID: "a", Started: noon}); err != nil {
		t.Error(err)
	}
}

func TestCallsEndWithTheirContext(t *testing.T) {
	s := open(t, t.TempDir())
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Clients(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("reading: %v", err)
	}
	if err := s.PutApp(ctx, App{Slug: "a", Runner: json.RawMessage(`{}`)}); !errors.Is(err, context.Canceled) {
		t.Errorf("writing: %v", err)
	}
}

// TestShrink: memory is given back while others read and write.
func TestShrink(t *testing.T) {
	s := open(t, t.TempDir())
	defer mustClose(t, s)
	var busy sync.WaitGroup
	for i := range 4 {
		busy.Go(func() {
			for n := range 20 {
				if err := s.BeginSession(t.Context(), Session{ID: fmt.Sprintf("%d-%d", i, n), Started: time.Now()}); err != nil {
					t.Error(err)
				}
				if _, err := s.Sessions(t.Context(), 10); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for range 20 {
		if err := s.Shrink(t.Context()); err != nil {
			t.Error(err)
		}
	}
	busy.Wait()
	if all, err := s.Sessions(t.Context(), 100); err != nil || len(all) != 80 {
		t.Errorf("%d sessions, %v", len(all), err)
	}
}
