package process

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// TestInnerGroupHasLimits of its own, and is killed and listed with the outer one.
func TestInnerGroupHasLimits(t *testing.T) {
	groups, err := NewGroups(fmt.Sprintf("limits-%d", os.Getpid()), true)
	if err != nil || groups.Hierarchy() == None {
		t.Skipf("no control groups here: %v", err)
	}
	t.Cleanup(func() { _ = groups.Close() })
	outer, err := groups.Create("one")
	if err != nil {
		t.Fatal(err)
	}
	s := newSpawner(t)
	inner, unmet, err := outer.Inner("apps", Limits{PIDs: 10, Memory: 64 << 20})
	if err != nil || unmet != (Limits{}) {
		t.Fatalf("unmet %+v, %v", unmet, err)
	}
	out, err := os.Create(filepath.Join(t.TempDir(), "out"))
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	spec := shell(`i=0; while [ $i -lt 20 ]; do sleep 60 & i=$((i+1)); done; echo all`)
	spec.Group, spec.Stdout, spec.Stderr = inner, out, out
	start(t, s, spec).Exit()
	if raw, _ := os.ReadFile(out.Name()); !strings.Contains(string(raw), "fork") {
		t.Errorf("20 processes where 10 are allowed: %s", raw)
	}
	beside := shell("exec sleep 60")
	beside.Group = outer
	p := start(t, s, beside)
	pids, err := outer.PIDs()
	if err != nil || len(pids) < 3 || !slices.Contains(pids, p.PID()) {
		t.Errorf("processes %v, %v", pids, err)
	}
	eats := shell("exec tail /dev/zero")
	eats.Group = inner
	if err := outer.Kill(deadline(t)); err != nil {
		t.Fatal(err)
	}
	again, _, err := outer.Inner("apps", Limits{Memory: 32 << 20})
	if err != nil {
		t.Fatal(err)
	}
	if groups.Hierarchy() == V2 { // a killed group of cgroup v1 takes no process any more
		eats.Group = again
		if e := start(t, s, eats).Exit(); e.Signal != syscall.SIGKILL {
			t.Errorf("an app that eats memory: %s", e)
		}
	}
	if err := outer.Remove(); err != nil {
		t.Error(err)
	}
	if unmet := None.Unmet(Limits{PIDs: 3}); unmet.PIDs != 3 {
		t.Errorf("without control groups %+v is unmet", unmet)
	}
}

// TestGiveFollowsNoLink and takes nothing of another user.
func TestGiveFollowsNoLink(t *testing.T) {
	dir := t.TempDir()
	file, link := filepath.Join(dir, "file"), filepath.Join(dir, "link")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(file, link); err != nil {
		t.Fatal(err)
	}
	if err := Give(link, 0o600, nil); err == nil {
		t.Error("a link was followed")
	}
	if info, _ := os.Stat(file); info.Mode().Perm() != 0o644 {
		t.Errorf("mode %o", info.Mode())
	}
	if err := Give(file, 0o600, nil); err != nil {
		t.Error(err)
	}
	if os.Geteuid() != 0 {
		return
	}
	if err := Give(file, 0o640, &Credential{UID: 64001, GID: 64002}); err != nil {
		t.Error(err)
	}
	info, _ := os.Stat(file)
	if st, ok := info.Sys().(*syscall.Stat_t); !ok || st.Uid != 64001 || st.Gid != 64002 || info.Mode().Perm() != 0o640 {
		t.Errorf("%+v", st)
	}
	if err := Give(file, 0o600, nil); err == nil || !strings.Contains(err.Error(), "64001") {
		t.Errorf("a file of another was taken: %v", err)
	}
	if err := OwnDir(link, 0o700); err == nil {
		t.Error("a link passes for a directory")
	}
}
