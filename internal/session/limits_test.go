package session

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kennel-stream/kennel/internal/app"
	"github.com/kennel-stream/kennel/internal/evidence"
)

// TestAppsAreLimited in processes, memory, /tmp and home. The display and the
// encoder are not counted, so that the app's greed does not end them.
func TestAppsAreLimited(t *testing.T) {
	h := open(t, options(t))
	greedy := func(client, script string) *Session {
		spec := shell("greed() { " + script + "; }; trap greed USR1; echo ready $$; while :; do sleep 0.01; done")
		spec.Runner.Limits = app.Limits{PIDs: 30, MemoryMiB: 64, TmpMiB: 1, HomeMiB: 2}
		s := h.launch(request(client, spec))
		signalShell(t, s)
		h.finished(s, evidence.EndAppCrashed)
		return s
	}
	s := greedy("a", `i=0; while [ $i -lt 60 ]; do sleep 60 & i=$((i+1)); done; echo forked all`)
	if !h.hasCgroups() {
		t.Log("no control groups here: the kernel counts processes by user")
	}
	if said := strings.Join(s.OutputTail("app"), "\n"); !strings.Contains(said, "fork") || strings.Contains(said, "forked all") {
		t.Errorf("with 30 processes the app says %q", said)
	}

	s = greedy("b", `head -c 1500000 /dev/zero >/tmp/a; head -c 3000000 /dev/zero >"$HOME/b"; stat -f -c %b*%S /tmp "$HOME"; exit 3`)
	if said := strings.Join(s.OutputTail("app"), "\n"); strings.Count(said, "No space left") != 2 {
		t.Errorf("with 1 MiB of /tmp and 2 of home the app says %q", said)
	}

	if !h.hasCgroups() {
		return
	}
	s = greedy("c", "exec tail /dev/zero")
	ended := h.await("the app's end", 1, func(e evidence.Event) bool { return e.Session == s.ID() && e.Attrs["process"] == "app" })
	if ended.Fault != evidence.FaultAppOOM {
		t.Errorf("with 64 MiB of memory the end is %s, %v", ended.Fault, ended.Attrs)
	}
	for _, e := range h.seen() {
		if e.Session == s.ID() && e.Kind == evidence.Exited && e.Attrs["process"] == "display" && e.Attrs["how"] != "exit status 0" {
			t.Errorf("the display ended, too: %v", e.Attrs)
		}
	}
}

func (h *house) hasCgroups() bool { return h.Hierarchy().String() != "process groups only" }

// TestHostsShareNoUser: two hosts of one machine with the same range.
func TestHostsShareNoUser(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("a host without root hands out no users")
	}
	file := filepath.Join(t.TempDir(), "kennel", "uids")
	host := func() *userIDs {
		ids := newUserIDs(64000, 3)
		var err error
		if ids.locks, err = openUIDLocks(file); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(ids.locks.close)
		return ids
	}
	one, other := host(), host()
	a, _ := one.take()
	b, err := other.take()
	if err != nil || a.UID != 64000 || b.UID != 64001 {
		t.Fatalf("%v, %v, %v", a, b, err)
	}
	if c, _ := one.take(); c.UID != 64002 {
		t.Errorf("the first host got %d", c.UID)
	}
	if _, err := other.take(); err == nil || !strings.Contains(err.Error(), "2 of them by other kennel hosts") {
		t.Errorf("none is left: %v", err)
	}
	one.giveBack(a)
	if c, err := other.take(); err != nil || c.UID != 64000 {
		t.Errorf("what the first host gave back: %v, %v", c, err)
	}
	one.locks.close() // as by a crash
	if c, err := newHostAfter(other); err != nil || c != 64002 {
		t.Errorf("what a dead host had: %d, %v", c, err)
	}
	// Somebody else's file is not taken.
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/etc/passwd", file); err != nil {
		t.Fatal(err)
	}
	if _, err := openUIDLocks(file); err == nil {
		t.Error("a link is followed")
	}
}

func newHostAfter(ids *userIDs) (uint32, error) {
	c, err := ids.take()
	if err != nil {
		return 0, err
	}
	return c.UID, nil
}

// TestSweepFollowsNoLink that an app has left in the directory of its session.
func TestSweepFollowsNoLink(t *testing.T) {
	o := options(t)
	outside := filepath.Join(t.TempDir(), "outside")
	left := filepath.Join(o.RuntimeDir, "0123456789ab", "home")
	for _, dir := range []string{outside, left} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	file := filepath.Join(outside, "file")
	if err := os.WriteFile(file, []byte("of the host"), 0o640); err != nil {
		t.Fatal(err)
	}
	for name, to := range map[string]string{"dir": outside, "file": file, "up": "../../..", "root": "/"} {
		if err := os.Symlink(to, filepath.Join(left, name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(outside, filepath.Join(o.RuntimeDir, "linked")); err != nil {
		t.Fatal(err)
	}
	open(t, o)
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("a file outside: %v, %v", info, err)
	}
	if entries, _ := os.ReadDir(o.RuntimeDir); len(entries) > 0 {
		t.Errorf("left: %v", entries)
	}
}

// TestRuntimeDirectoryOfAnother is refused, and so are links in its place.
func TestRuntimeDirectoryOfAnother(t *testing.T) {
	for name, spoil := range map[string]func(t *testing.T, o *Options){
		"a link for the output": func(t *testing.T, o *Options) {
			if err := os.Symlink(t.TempDir(), o.OutputDir); err != nil {
				t.Fatal(err)
			}
		},
		"a link for the runtime directory": func(t *testing.T, o *Options) {
			if err := os.Symlink(t.TempDir(), o.RuntimeDir); err != nil {
				t.Fatal(err)
			}
		},
		"a directory of another": func(t *testing.T, o *Options) {
			if os.Geteuid() != 0 {
				t.Skip("needs root")
			}
			if err := os.Chown(filepath.Dir(o.RuntimeDir), 65000, 65000); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			o := options(t)
			o.Event = func(evidence.Event) {}
			spoil(t, &o)
			if h, err := Open(t.Context(), o); err == nil {
				_ = h.Close(t.Context(), evidence.EndShutdown)
				t.Error("the host starts")
			}
		})
	}
}
