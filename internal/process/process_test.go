package process

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func newSpawner(t *testing.T) *Spawner {
	t.Helper()
	s := NewSpawner()
	t.Cleanup(s.Close)
	return s
}

func deadline(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func shell(script string) Spec {
	return Spec{Name: "test", Path: "/bin/sh", Args: []string{"-c", script}, Env: []string{"PATH=/usr/bin:/bin"}}
}

func start(t *testing.T, s *Spawner, spec Spec) *Process {
	t.Helper()
	p, err := s.Start(deadline(t), spec)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestExitIsReportedOnce(t *testing.T) {
	s := newSpawner(t)
	p := start(t, s, shell("exit 7"))
	if e := p.Exit(); e.Code != 7 || e.Signal != 0 || e.PID != p.PID() || e.String() != "exit status 7" {
		t.Errorf("exit = %+v", e)
	}
	if first, second := p.Exit(), p.Exit(); first != second {
		t.Errorf("two exits: %+v and %+v", first, second)
	}
	p = start(t, s, shell("kill -SEGV $$"))
	if e := p.Exit(); e.Code != -1 || e.Signal != syscall.SIGSEGV {
		t.Errorf("exit = %+v, want SIGSEGV", e)
	}
	if n := s.Children(); len(n) != 0 {
		t.Errorf("children = %v after all exits", n)
	}
}

func TestStartErrors(t *testing.T) {
	s := newSpawner(t)
	if _, err := s.Start(deadline(t), Spec{Name: "app", Path: "/nonexistent/program"}); !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), "app") {
		t.Errorf("err = %v", err)
	}
	s.Close()
	if _, err := s.Start(deadline(t), shell("true")); !errors.Is(err, ErrClosed) {
		t.Errorf("err = %v, want ErrClosed", err)
	}
}

func TestChildInheritsOnlyWhatItWasGiven(t *testing.T) {
	s := newSpawner(t)
	// A descriptor without close-on-exec: what Wolf hands down by mistake.
	leaky, err := unix.Open("/dev/null", unix.O_RDONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	unix.CloseOnExec(leaky)
	defer unix.Close(leaky)
	t.Setenv("KENNEL_TEST_SECRET", "1")
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	spec := Spec{Name: "list", Path: "/bin/sh", Args: []string{"-c", "ls /proc/self/fd | sort -n | tr '\\n' ' '; env | grep -c KENNEL_TEST_SECRET"}, Stdout: w, Files: []*os.File{w}, Env: []string{"PATH=/usr/bin:/bin"}}
	start(t, s, spec)
	w.Close()
	out, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	// 0-2, the passed file, and the descriptor of ls on the directory.
	if got := strings.Fields(string(out)); len(got) != 6 || got[3] != "3" || got[5] != "0" {
		t.Errorf("descriptors and secret count = %q", out)
	}
}

func TestByDescriptorAsAnotherUser(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("changing the user of a child needs root")
	}
	s := newSpawner(t)
	dir := t.TempDir()
	raw, err := os.ReadFile("/bin/true")
	if err != nil {
		t.Fatal(err)
	}
	program := dir + "/program"
	if err := os.WriteFile(program, raw, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	spec := Spec{Name: "other", Path: program, Dir: "/", Credential: &Credential{UID: 61999, GID: 61999}}
	if _, err := s.Start(deadline(t), spec); !errors.Is(err, os.ErrPermission) {
		t.Fatalf("by path: %v, want a permission error", err)
	}
	spec.ByDescriptor = true
	if e := start(t, s, spec).Exit(); e.Code != 0 {
		t.Errorf("by descriptor: %v", e)
	}
}

// TestByDescriptorBesideHighFiles: wherever the passed files lie, moving them
// to their places in the child must not replace the program's descriptor.
func TestByDescriptorBesideHighFiles(t *testing.T) {
	s := newSpawner(t)
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	for least := 3; least < 140; least++ {
		fd, err := unix.FcntlInt(null.Fd(), unix.F_DUPFD_CLOEXEC, least)
		if err != nil {
			t.Fatal(err)
		}
		high := os.NewFile(uintptr(fd), "high")
		spec := Spec{Name: "true", Path: "/bin/true", Dir: "/", ByDescriptor: true, Files: []*os.File{null, high, null}}
		if e := start(t, s, spec).Exit(); e.Code != 0 {
			t.Errorf("with a file at descriptor %d: %v", fd, e)
		}
		high.Close()
	}
}

func TestStopThenKill(t *testing.T) {
	s := newSpawner(t)
	r, w, _ := os.Pipe()
	defer r.Close()
	spec := shell("trap '' TERM; echo ready; while :; do sleep 0.1; done")
	spec.Stdout = w
	p := start(t, s, spec)
	w.Close()
	if line, err := bufio.NewReader(r).ReadString('\n'); line != "ready\n" {
		t.Fatalf("read %q: %v", line, err)
	}
	if e := p.Stop(deadline(t), 50*time.Millisecond); e.Signal != syscall.SIGKILL {
		t.Errorf("exit = %v, want SIGKILL", e)
	}
}

func TestParentDeathFollowsTheSpawner(t *testing.T) {
	s := NewSpawner()
	p, err := s.Start(deadline(t), shell("exec sleep 1000"))
	if err != nil {
		t.Fatal(err)
	}
	s.Close()
	if e := p.Exit(); e.Signal != syscall.SIGKILL {
		t.Errorf("exit = %v, want SIGKILL", e)
	}
}

// groups returns each kind of Groups that this machine allows.
func groups(t *testing.T) map[string]*Groups {
	t.Helper()
	instance := fmt.Sprintf("test-%d-%s", os.Getpid(), strings.ToLower(t.Name()))
	none, err := NewGroups(instance, false)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]*Groups{"none": none}
	g, err := NewGroups(instance, true)
	if err != nil {
		t.Fatal(err)
	}
	if g.Hierarchy() != None {
		all[g.Hierarchy().String()] = g
		t.Cleanup(func() {
			if err := g.Close(); err != nil {
				t.Error(err)
			}
		})
	} else if os.Geteuid() == 0 {
		t.Log("no cgroup hierarchy here: only process groups are tested")
	}
	return all
}

// family starts a shell with a child that leaves its process group and a
// grandchild whose parent dies.
const family = `setsid sleep 1000 & setsid sh -c 'sleep 1000 & exit' & sleep 1000 & echo ready; wait`

func TestGroupKillsTheWholeFamily(t *testing.T) {
	for kind, gs := range groups(t) {
		t.Run(kind, func(t *testing.T) {
			s := newSpawner(t)
			g, err := gs.Create("session-1")
			if err != nil {
				t.Fatal(err)
			}
			r, w, _ := os.Pipe()
			defer r.Close()
			spec := shell(family)
			spec.Stdout, spec.Group = w, g
			spec.Env = append(spec.Env, SessionMarker+"=session-1")
			p := start(t, s, spec)
			w.Close()
			if line, err := bufio.NewReader(r).ReadString('\n'); line != "ready\n" {
				t.Fatalf("read %q: %v", line, err)
			}
			ctx := deadline(t)
			var pids []int
			for len(pids) < 4 || !slices.Contains(pids, p.PID()) {
				if pids, err = g.PIDs(); err != nil || ctx.Err() != nil {
					t.Fatalf("pids = %v, %v; want the shell and its three sleeps", pids, err)
				}
			}
			if gs.Hierarchy() != None {
				if _, ok := g.Memory(); !ok {
					t.Error("memory of the group is unknown")
				}
			}
			if err := g.Kill(deadline(t)); err != nil {
				t.Fatal(err)
			}
			if e := p.Exit(); e.Signal != syscall.SIGKILL {
				t.Errorf("exit = %v", e)
			}
			if left, err := g.PIDs(); err != nil || len(left) != 0 {
				t.Errorf("left = %v, %v", left, err)
			}
			if err := g.Remove(); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestGroupAdopts: what an engine has put elsewhere is listed and killed with the
// group, and nothing that is not named.
func TestGroupAdopts(t *testing.T) {
	for kind, gs := range groups(t) {
		if gs.Hierarchy() == None {
			continue
		}
		t.Run(kind, func(t *testing.T) {
			s := newSpawner(t)
			g, err := gs.Create("session-1")
			if err != nil {
				t.Fatal(err)
			}
			elsewhere, err := gs.Create("docker-abc123.scope")
			if err != nil {
				t.Fatal(err)
			}
			spec := shell("exec sleep 1000")
			spec.Group = elsewhere
			p := start(t, s, spec)
			for _, name := range []string{"", "abc124", "session-1"} {
				if g.Adopt(p.PID(), name); !slices.Equal(pidsOf(t, g), nil) {
					t.Fatalf("adopted by the name %q", name)
				}
			}
			g.Adopt(p.PID(), "abc123")
			g.Adopt(p.PID(), "abc123")
			if all, missed := g.Adopted(); len(all) != 1 || missed || !maps.Equal(all[0], elsewhere.Dirs()) {
				t.Errorf("adopted %v, %t, want %v", all, missed, elsewhere.Dirs())
			}
			if pids := pidsOf(t, g); !slices.Equal(pids, []int{p.PID()}) {
				t.Errorf("pids %v, want %d", pids, p.PID())
			}
			if err := g.Kill(deadline(t)); err != nil {
				t.Fatal(err)
			}
			if e := p.Exit(); e.Signal != syscall.SIGKILL {
				t.Errorf("exit = %v", e)
			}
			if err := errors.Join(g.Remove(), elsewhere.Remove()); err != nil {
				t.Error(err)
			}
			if all, missed := g.Adopted(); len(all) != 0 || !missed {
				t.Errorf("after its end: %v, %t", all, missed)
			}
		})
	}
}

func pidsOf(t *testing.T, g *Group) []int {
	t.Helper()
	pids, err := g.PIDs()
	if err != nil {
		t.Fatal(err)
	}
	return pids
}

// TestGroupNeverHoldsItsParent: whoever lists or kills a group while children
// are born in it must not find, or kill, the process that forks them.
func TestGroupNeverHoldsItsParent(t *testing.T) {
	for kind, gs := range groups(t) {
		t.Run(kind, func(t *testing.T) {
			s := newSpawner(t)
			g, err := gs.Create("busy")
			if err != nil {
				t.Fatal(err)
			}
			var born []*Process
			done := make(chan struct{})
			go func() {
				defer close(done)
				for range 40 {
					spec := shell("exit 0")
					spec.Group = g
					if p, err := s.Start(context.Background(), spec); err == nil {
						born = append(born, p)
					}
				}
			}()
			for running := true; running; {
				select {
				case <-done:
					running = false
				default:
				}
				if pids, err := g.PIDs(); err != nil || slices.Contains(pids, os.Getpid()) {
					t.Fatalf("the group holds %v, of which %d forks: %v", pids, os.Getpid(), err)
				}
			}
			if len(born) != 40 {
				t.Errorf("%d of 40 children were born", len(born))
			}
			for _, p := range born {
				p.Exit()
			}
			// It kills itself here where it is listed.
			if err := g.Kill(deadline(t)); err != nil {
				t.Error(err)
			}
			if err := g.Remove(); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestGroupsAreListedFromOutside(t *testing.T) {
	for kind, gs := range groups(t) {
		t.Run(kind, func(t *testing.T) {
			before, err := GroupDirs(gs.instance)
			if err != nil || len(before) != 0 {
				t.Fatalf("groups %q before there is any, %v", before, err)
			}
			g, err := gs.Create("looked-at")
			if err != nil {
				t.Fatal(err)
			}
			now, err := GroupDirs(gs.instance)
			if err != nil || len(now) != len(g.Dirs()) {
				t.Errorf("groups %q, %v; want those of %v", now, err, g.Dirs())
			}
			if err := g.Remove(); err != nil {
				t.Error(err)
			}
			if left, err := GroupDirs(gs.instance); err != nil || len(left) != 0 {
				t.Errorf("groups %q after they were removed, %v", left, err)
			}
		})
	}
}

func TestSweepFindsWhatACrashLeft(t *testing.T) {
	for kind, gs := range groups(t) {
		t.Run(kind, func(t *testing.T) {
			s := newSpawner(t)
			g, err := gs.Create("crashed")
			if err != nil {
				t.Fatal(err)
			}
			spec := shell("exec sleep 1000")
			spec.Group = g
			spec.Env = append(spec.Env, InstanceMarker+"="+gs.instance)
			p := start(t, s, spec)
			other := start(t, s, shell("exec sleep 1000"))
			killed, err := gs.Sweep(deadline(t))
			if err != nil || !slices.Contains(killed, p.PID()) || slices.Contains(killed, other.PID()) {
				t.Errorf("killed = %v, %v; want %d and not %d", killed, err, p.PID(), other.PID())
			}
			p.Exit()
			if !other.Alive() {
				t.Error("a process that is not ours was killed")
			}
			if again, err := gs.Sweep(deadline(t)); err != nil || len(again) != 0 {
				t.Errorf("second sweep killed %v, %v", again, err)
			}
		})
	}
}

func TestMoveIntoGroup(t *testing.T) {
	for kind, gs := range groups(t) {
		t.Run(kind, func(t *testing.T) {
			s := newSpawner(t)
			p := start(t, s, shell("exec sleep 1000"))
			g, err := gs.Create("later")
			if err != nil {
				t.Fatal(err)
			}
			if err := g.Move(p); err != nil {
				t.Fatal(err)
			}
			if err := g.Kill(deadline(t)); err != nil {
				t.Fatal(err)
			}
			p.Exit()
			if err := g.Remove(); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestGroupNames(t *testing.T) {
	gs, err := NewGroups("names", false)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"", ".", "..", "a/b", "a\x00b"} {
		if _, err := gs.Create(name); err == nil {
			t.Errorf("Create(%q) succeeded", name)
		}
	}
}

func TestChooseHierarchy(t *testing.T) {
	const v1 = `31 30 0:26 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct
32 30 0:27 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory
33 30 0:28 / /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids
34 30 0:29 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw
`
	const v2 = "30 24 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n"
	all := func(string) bool { return true }
	tests := []struct {
		name, mounts, own string
		writable          func(string) bool
		want              Hierarchy
		root, dir         string
	}{
		{"v1", v1, "4:memory:/a\n3:pids:/b\n2:cpu,cpuacct:/c\n0::/\n", all, V1, "pids", "/sys/fs/cgroup/pids/b/kennel-x"},
		{"v1 memory", v1, "4:memory:/a\n3:pids:/b\n2:cpu,cpuacct:/c\n0::/\n", all, V1, "memory", "/sys/fs/cgroup/memory/a/kennel-x"},
		{"v1 read-only", v1, "4:memory:/a\n", func(string) bool { return false }, None, "", ""},
		{"v2", v2, "0::/user.slice/kennel.service\n", all, V2, "", "/sys/fs/cgroup/user.slice/kennel.service/kennel-x"},
		{"v2 not delegated", v2, "0::/init.scope\n", func(string) bool { return false }, None, "", ""},
		{"nothing", "", "", all, None, "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h, roots := chooseHierarchy(tt.mounts, tt.own, "kennel-x", tt.writable)
			if h != tt.want || (tt.dir != "" && roots[tt.root] != tt.dir) {
				t.Errorf("hierarchy = %v, roots = %v", h, roots)
			}
		})
	}
}

func TestOrphansAreReaped(t *testing.T) {
	s := newSpawner(t)
	if err := s.Adopt(t.Context()); err != nil {
		t.Fatal(err)
	}
	r, w, _ := os.Pipe()
	defer r.Close()
	// The child prints the pid of a grandchild that outlives it, then ends.
	spec := shell("sleep 0.2 & echo $!")
	spec.Stdout = w
	p := start(t, s, spec)
	w.Close()
	var pid int
	if _, err := fmt.Fscan(r, &pid); err != nil {
		t.Fatal(err)
	}
	p.Exit()
	// The pipe ends when the grandchild is dead; the reaper then collects it.
	if _, err := io.Copy(io.Discard, r); err != nil {
		t.Fatal(err)
	}
	ctx := deadline(t)
	for unix.Kill(pid, 0) == nil {
		if ctx.Err() != nil {
			t.Fatalf("orphan %d is still a zombie", pid)
		}
	}
}
