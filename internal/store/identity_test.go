package store

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"
)

func TestIdentityIsMadeOnceAndKept(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	wantCert, wantKey := certificate(t)
	calls := 0
	create := func() ([]byte, []byte, error) { calls++; return wantCert, wantKey, nil }
	for range 2 {
		cert, key, err := s.LoadOrCreateIdentity(create)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(cert, wantCert) || !bytes.Equal(key, wantKey) {
			t.Error("another identity came back")
		}
		mustClose(t, s)
		s = open(t, dir)
	}
	if calls != 1 {
		t.Errorf("created %d times", calls)
	}
	if info, err := os.Stat(filepath.Join(dir, "host.key")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("host.key: %v, error %v", info, err)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*.new")); len(left) != 0 {
		t.Errorf("left over: %v", left)
	}
}

func TestBrokenIdentityIsNeverReplaced(t *testing.T) {
	cert, key := certificate(t)
	otherCert, _ := certificate(t)
	for name, test := range map[string]struct {
		cert, key []byte
		mode      os.FileMode
		parts     []string
	}{
		"no key":        {cert, nil, 0o600, []string{"host.key", "pair again"}},
		"no cert":       {nil, key, 0o600, []string{"host.crt", "pair again"}},
		"mismatch":      {otherCert, key, 0o600, []string{"not a pair", "backup"}},
		"garbage":       {[]byte("x"), []byte("y"), 0o600, []string{"not a pair"}},
		"readable key":  {cert, key, 0o644, []string{"0644", "chmod 600"}},
		"group may too": {cert, key, 0o640, []string{"0640", "chmod 600"}},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			s := open(t, dir)
			for file, data := range map[string][]byte{"host.crt": test.cert, "host.key": test.key} {
				if data == nil {
					continue
				}
				if err := os.WriteFile(filepath.Join(dir, file), data, test.mode); err != nil {
					t.Fatal(err)
				}
			}
			_, _, err := s.LoadOrCreateIdentity(func() ([]byte, []byte, error) {
				t.Error("a new identity was made")
				return cert, key, nil
			})
			wantError(t, err, nil, test.parts...)
		})
	}
}

func TestFailedCreationLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	broken := errors.New("no entropy")
	_, _, err := s.LoadOrCreateIdentity(func() ([]byte, []byte, error) { return nil, nil, broken })
	wantError(t, err, broken)
	_, _, err = s.LoadOrCreateIdentity(func() ([]byte, []byte, error) { return []byte("x"), []byte("y"), nil })
	wantError(t, err, nil, "make the host's identity")
	if left, _ := filepath.Glob(filepath.Join(dir, "host.*")); len(left) != 0 {
		t.Errorf("left over: %v", left)
	}
}
