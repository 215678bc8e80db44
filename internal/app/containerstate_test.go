package app

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestStateOfContainers: the app's user gets its directory, and nothing that a
// link of an app leads to.
func TestStateOfContainers(t *testing.T) {
	top := t.TempDir()
	real := filepath.Join(top, "disk")
	if err := os.Mkdir(real, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(real, filepath.Join(top, "srv")); err != nil {
		t.Fatal(err)
	}
	state := func(path string) (string, error) {
		spec := Spec{Slug: "steam", Runner: RunnerSpec{Container: &ContainerSpec{State: path}}}
		return stateDir(spec, Place{Client: "c0ffee", Home: "/run/kennel/x/home"}, 1234, 1235)
	}
	owner := func(path string) uint32 {
		info, err := os.Lstat(path)
		if err != nil {
			t.Fatal(err)
		}
		return info.Sys().(*syscall.Stat_t).Uid
	}
	if dir, err := state(""); dir != "/run/kennel/x/home" || err != nil {
		t.Errorf("without state: %s, %v", dir, err)
	}
	// The operator's own link is followed.
	dir, err := state(filepath.Join(top, "srv/kennel/{client}/home-{app}"))
	if err != nil || dir != filepath.Join(top, "srv/kennel/c0ffee/home-steam") {
		t.Fatalf("%s, %v", dir, err)
	}
	if os.Geteuid() == 0 && (owner(dir) != 1234 || owner(filepath.Dir(dir)) != 0) {
		t.Errorf("the directories belong to %d and %d", owner(dir), owner(filepath.Dir(dir)))
	}
	if _, err := state(filepath.Join(top, "fixed")); err != nil || owner(filepath.Join(top, "fixed")) != owner(dir) {
		t.Errorf("without names: %v", err)
	}
	// An app that owns the directory of a client puts a link there.
	victim := filepath.Join(top, "victim")
	for _, made := range []error{os.Mkdir(victim, 0o755), os.Symlink(victim, filepath.Join(real, "kennel/c0ffee/next"))} {
		if made != nil {
			t.Fatal(made)
		}
	}
	for _, path := range []string{"srv/kennel/{client}/next", "srv/kennel/{client}/next/{app}"} {
		if dir, err := state(filepath.Join(top, path)); err == nil || !strings.Contains(err.Error(), "is a link or a file") {
			t.Errorf("%s: %q, %v", path, dir, err)
		}
	}
	if owner(victim) != uint32(os.Geteuid()) {
		t.Error("the app owns what its link leads to")
	}
	if entries, _ := os.ReadDir(victim); len(entries) > 0 {
		t.Errorf("made where the link leads to: %v", entries)
	}
}
