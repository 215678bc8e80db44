package session

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kennel-stream/kennel/internal/app"
	"github.com/kennel-stream/kennel/internal/engine/enginetest"
	"github.com/kennel-stream/kennel/internal/evidence"
	"github.com/kennel-stream/kennel/internal/ipc"
)

// patience bounds every wait of these tests, on a machine that is busy.
const patience = 30 * time.Second

var scratch string // removed at the end

func TestMain(m *testing.M) {
	var err error
	if scratch, err = os.MkdirTemp("", "kennel-session-test"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	// Session users walk through it.
	_ = os.Chmod(scratch, 0o755)
	code := m.Run()
	enginetest.CloseShared()
	_ = os.RemoveAll(scratch)
	os.Exit(code)
}

// programs is the directory of the real programs, built without cgo whatever
// the tests have.
var programs = sync.OnceValues(func() (string, error) {
	if dir := os.Getenv("KENNEL_BIN"); dir != "" {
		return dir, nil
	}
	build := exec.Command("go", "build", "-buildvcs=false", "-o", scratch,
		"github.com/kennel-stream/kennel/cmd/kennel", "github.com/kennel-stream/kennel/cmd/kennel-media")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	return scratch, nil
})

// house is a House under test, with every event of its sessions.
type house struct {
	*House
	t testing.TB

	mu     sync.Mutex // covers what follows
	events []evidence.Event
	came   chan struct{} // closed and replaced with each event
}

// options are those of a host with room for three.
func options(t testing.TB) Options {
	t.Helper()
	bin, err := programs()
	if err != nil {
		t.Fatal(err)
	}
	// A session's user must reach its directory, and a socket's path is short.
	dir, err := os.MkdirTemp("/tmp", "kst")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o711); err != nil {
		t.Fatal(err)
	}
	return Options{
		Instance: filepath.Base(dir), RuntimeDir: filepath.Join(dir, "run"), OutputDir: filepath.Join(dir, "output"),
		Registry: filepath.Join(scratch, "registry.bin"), Executable: filepath.Join(bin, "kennel"), MediaExecutable: filepath.Join(bin, "kennel-media"),
		Cgroups: true, UIDFirst: 64000, UIDCount: 50, Encoders: []string{"x264enc", "openh264enc"},
		Limits: Limits{Sessions: 3, Cores: -1, Launch: patience, Connect: patience, Stop: time.Second, Lease: patience},
		Log:    slog.New(slog.DiscardHandler),
	}
}

func open(t testing.TB, o Options) *house {
	t.Helper()
	h := &house{t: t, came: make(chan struct{})}
	o.Event = h.event
	var err error
	if h.House, err = Open(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := h.Close(ctx, evidence.EndShutdown); err != nil {
			t.Errorf("close: %v", err)
		}
		if _, err := os.Stat(o.RuntimeDir); !os.IsNotExist(err) {
			t.Errorf("the runtime directory is still there: %v", err)
		}
		if t.Failed() {
			for _, e := range h.seen() {
				t.Logf("%s %s %s %s %v", e.Session, e.Stage, e.Kind, e.Fault, e.Attrs)
			}
		}
	})
	return h
}

func (h *house) event(e evidence.Event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.events = append(h.events, e)
	close(h.came)
	h.came = make(chan struct{})
}

func (h *house) seen() []evidence.Event {
	h.mu.Lock()
	defer h.mu.Unlock()
	return append([]evidence.Event(nil), h.events...)
}

// await returns the n-th event (from 1) that fits.
func (h *house) await(what string, n int, fits func(evidence.Event) bool) evidence.Event {
	h.t.Helper()
	deadline := time.After(patience)
	for {
		h.mu.Lock()
		came := h.came
		found := 0
		for _, e := range h.events {
			if fits(e) {
				if found++; found == n {
					h.mu.Unlock()
					return e
				}
			}
		}
		h.mu.Unlock()
		select {
		case <-came:
		case <-deadline:
			h.t.Fatalf("no %s", what)
		}
	}
}

// finished waits for the session's end and fails on residue.
func (h *house) finished(s *Session, want evidence.End) {
	h.t.Helper()
	select {
	case <-s.Done():
	case <-time.After(patience):
		h.t.Fatalf("session did not end")
	}
	if end, detail := s.EndReason(); end != want {
		h.t.Errorf("end = %s (%s), want %s", end, detail, want)
	}
	h.nothingLeft(s.ID())
}

// nothingLeft looks from outside at what a session had.
func (h *house) nothingLeft(id string) {
	h.t.Helper()
	for _, e := range h.seen() {
		if e.Session == id && (e.Fault == evidence.FaultResidue || e.Attrs["left"] != "") {
			h.t.Errorf("residue: %v", e.Attrs)
		}
	}
	if pids := marked("KENNEL_SESSION=" + id); len(pids) > 0 {
		h.t.Errorf("processes %v of the session are alive", pids)
	}
	if entries, _ := os.ReadDir(h.o.RuntimeDir); len(entries) != len(h.Sessions()) {
		h.t.Errorf("%d directories for %d sessions", len(entries), len(h.Sessions()))
	}
	for _, root := range []string{"/sys/fs/cgroup/*/kennel-" + h.o.Instance + "/" + id, "/sys/fs/cgroup/kennel-" + h.o.Instance + "/" + id} {
		if left, _ := filepath.Glob(root); len(left) > 0 {
			h.t.Errorf("cgroups %v are left", left)
		}
	}
}

// marked finds live processes by an entry of their environment.
func marked(entry string) []string {
	var pids []string
	dirs, _ := filepath.Glob("/proc/[0-9]*")
	for _, dir := range dirs {
		if env, err := os.ReadFile(dir + "/environ"); err == nil && strings.Contains("\x00"+string(env), "\x00"+entry+"\x00") {
			pids = append(pids, filepath.Base(dir))
		}
	}
	return pids
}

func demo() app.Spec {
	return app.Spec{ID: 1, Slug: "demo", Title: "Demo", Runner: app.RunnerSpec{Type: app.TypeDemo}}
}

func shell(script string) app.Spec {
	return app.Spec{ID: 2, Slug: "shell", Title: "Shell", Runner: app.RunnerSpec{Type: app.TypeProcess, Args: []string{"sh", "-c", script}}}
}

func request(client string, spec app.Spec) Request {
	return Request{Client: client, ClientName: client, App: spec, Width: 640, Height: 360, FPS: 30}
}

func (h *house) launch(r Request) *Session {
	h.t.Helper()
	s, err := h.Launch(h.t.Context(), r)
	if err != nil {
		h.t.Fatal(err)
	}
	return s
}

var stream = Stream{Width: 640, Height: 360, FPS: 30, BitrateKbps: 2000, Slices: 1}

// play streams into a channel that holds whether each frame was a key frame.
// Frames that nobody takes are dropped.
func (h *house) play(s *Session, as Stream) <-chan bool {
	h.t.Helper()
	if err := s.Prepare(h.t.Context(), as); err != nil {
		h.t.Fatal(err)
	}
	return h.watch(s)
}

// watch is play for a session that is prepared.
func (h *house) watch(s *Session) <-chan bool {
	frames := make(chan bool, 1024)
	s.Play(func(f *ipc.Frame) {
		select {
		case frames <- f.Flags&ipc.FrameKey != 0:
		default:
		}
	})
	return frames
}

// pidOf is the process that an event names.
func pidOf(t testing.TB, e evidence.Event) int {
	t.Helper()
	pid, err := strconv.Atoi(e.Attrs["pid"])
	if err != nil {
		t.Fatal(err)
	}
	return pid
}

func next(t testing.TB, frames <-chan bool) bool {
	t.Helper()
	select {
	case key := <-frames:
		return key
	case <-time.After(patience):
		t.Fatal("no frame")
		return false
	}
}

// outside is the pid by which this test knows a process of the session's cell:
// the one that has the given number in the cell, or any but the keeper for 0.
func outside(t *testing.T, s *Session, inside int) int {
	t.Helper()
	for _, pid := range s.Processes() {
		raw, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
		for line := range strings.Lines(string(raw)) {
			numbers := strings.Fields(line)
			if numbers[0] != "NSpid:" || len(numbers) < 3 {
				continue
			}
			if last := numbers[len(numbers)-1]; last == fmt.Sprint(inside) || inside == 0 && last != "1" {
				return pid
			}
		}
	}
	t.Fatalf("no process %d among %v", inside, s.Processes())
	return 0
}

// homeOf is the session's home as its app sees it.
func homeOf(t *testing.T, s *Session) string {
	t.Helper()
	return fmt.Sprintf("/proc/%d/root%s", outside(t, s, 0), s.home)
}
