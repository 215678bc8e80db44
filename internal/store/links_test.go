package store

import (
	"os"
	"path/filepath"
	"testing"
)

// TestLinksAreNotFollowed: root would write to whatever they lead to.
func TestLinksAreNotFollowed(t *testing.T) {
	for _, name := range []string{"lock", fileName} {
		dir := t.TempDir()
		outside := filepath.Join(t.TempDir(), "outside")
		if err := os.WriteFile(outside, []byte("theirs"), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(outside, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
		_, err := Open(t.Context(), dir)
		wantError(t, err, nil, name, "symbolic link")
		if raw, _ := os.ReadFile(outside); string(raw) != "theirs" {
			t.Errorf("%s: outside there is %q", name, raw)
		}
	}
	dir := t.TempDir()
	s := open(t, dir)
	outside := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(outside, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(outside, filepath.Join(dir, "host.key")); err != nil {
		t.Fatal(err)
	}
	_, _, err := s.LoadOrCreateIdentity(func() ([]byte, []byte, error) { return nil, nil, os.ErrInvalid })
	wantError(t, err, nil, "host.key", "symbolic link")
}

// TestDirectoryOfAnother user, or one that a group may write to, is refused.
func TestDirectoryOfAnother(t *testing.T) {
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o770); err != nil {
		t.Fatal(err)
	}
	_, err := Open(t.Context(), dir)
	wantError(t, err, nil, "0770", "chmod 700")
	if os.Geteuid() != 0 {
		t.Skip("the rest needs root")
	}
	if err := os.Chmod(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(dir, 64001, 64001); err != nil {
		t.Fatal(err)
	}
	_, err = Open(t.Context(), dir)
	wantError(t, err, nil, "64001", "chown")
	if entries, _ := os.ReadDir(dir); len(entries) > 0 {
		t.Errorf("made in it: %v", entries)
	}
}
