package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/kennel-stream/kennel/internal/probe"
	"github.com/kennel-stream/kennel/internal/session"
	"github.com/kennel-stream/kennel/internal/store"
	"github.com/kennel-stream/kennel/internal/web"
)

// programs is the directory of the built programs.
var programs = sync.OnceValues(func() (string, error) {
	if dir := os.Getenv("KENNEL_BIN"); dir != "" {
		return dir, nil
	}
	dir, err := os.MkdirTemp("", "kennel-e2e-bin")
	if err != nil {
		return "", err
	}
	for _, name := range []string{"kennel", "kennel-media"} {
		build := exec.Command("go", "build", "-o", filepath.Join(dir, name), "../cmd/"+name)
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := build.CombinedOutput(); err != nil {
			return "", fmt.Errorf("build %s: %w\n%s", name, err, out)
		}
	}
	return dir, nil
})

func kennel(t testing.TB) string {
	t.Helper()
	dir, err := programs()
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dir, "kennel")
}

// server is a running kennel serve.
type server struct {
	t    testing.TB
	dir  string
	port int
	cmd  *exec.Cmd
	log  *lockedBuffer
	api  *web.Remote
	done chan error
}

// lockedBuffer is written by the copier of a child's output.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func fmtPort(port int) string { return fmt.Sprint(port) }

// given are the bases that tests of this process have got, which run in parallel.
var given = struct {
	sync.Mutex
	bases map[int]bool
}{bases: map[int]bool{}}

// freeBase finds a base whose ports are all free.
func freeBase(t testing.TB) int {
	t.Helper()
	given.Lock()
	defer given.Unlock()
	for base := 21000 + os.Getpid()%1000*20; base < 60000; base += 40 {
		free := !given.bases[base]
		for _, offset := range []int{-5, 0, 21} {
			l, err := net.Listen("tcp", fmt.Sprintf(":%d", base+offset))
			if err != nil {
				free = false
				break
			}
			_ = l.Close()
		}
		for _, offset := range []int{9, 10, 11} {
			c, err := net.ListenPacket("udp", fmt.Sprintf(":%d", base+offset))
			if err != nil {
				free = false
				break
			}
			_ = c.Close()
		}
		if free {
			given.bases[base] = true
			return base
		}
	}
	t.Fatal("no free ports")
	return 0
}

// startServer starts a host and waits until its API answers.
func startServer(t testing.TB, config string) *server {
	t.Helper()
	dir := t.TempDir()
	return startServerIn(t, dir, freeBase(t), config)
}

func startServerIn(t testing.TB, dir string, port int, config string) *server {
	t.Helper()
	return command(t, dir, port, config).start()
}

// command is a host that is not started yet.
func command(t testing.TB, dir string, port int, config string) *server {
	t.Helper()
	args := []string{"serve", "--data", dir, "--port", fmt.Sprint(port), "--log-level", "debug"}
	if config != "" {
		file := filepath.Join(t.TempDir(), "kennel.toml")
		if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
			t.Fatal(err)
		}
		args = append(args, "--config", file)
	}
	return prepared(t, exec.Command(kennel(t), args...), dir, port)
}

// prepared is a host by a command that serves the data directory and the port.
func prepared(t testing.TB, cmd *exec.Cmd, dir string, port int) *server {
	s := &server{t: t, dir: dir, port: port, cmd: cmd, log: &lockedBuffer{}, api: web.NewClient(dir), done: make(chan error, 1)}
	s.cmd.Stdout, s.cmd.Stderr = s.log, s.log
	return s
}

// start starts a command that serves the data directory and the port.
func start(t testing.TB, cmd *exec.Cmd, dir string, port int) *server {
	t.Helper()
	return prepared(t, cmd, dir, port).start()
}

// spawn starts the host and waits for nothing.
func (s *server) spawn() {
	s.t.Helper()
	if err := s.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	go func() { s.done <- s.cmd.Wait() }()
	s.t.Cleanup(s.stop)
}

// start starts the host and waits until its first canary and the trials of its
// encoders are over.
func (s *server) start() *server {
	t := s.t
	t.Helper()
	s.spawn()
	ctx, cancel := context.WithTimeout(t.Context(), 40*time.Second)
	defer cancel()
	for {
		// The first canary is a session, too, and encoders are tried in processes
		// that would count as residue.
		untried := func(r session.RungState) bool { return !r.Tried }
		if h, err := s.api.Health(ctx, false); err == nil && !h.Canary.At.IsZero() && !slices.ContainsFunc(h.Encoders, untried) {
			s.instance() // and until the spare worker is there
			return s
		}
		select {
		case err := <-s.done:
			s.done <- err
			t.Fatalf("kennel serve ended: %v\n%s", err, s.log)
		case <-ctx.Done():
			t.Fatalf("kennel serve does not answer\n%s", s.log)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// stop ends the host as systemd would, and shows its log when the test failed.
func (s *server) stop() {
	if s.cmd.ProcessState == nil {
		_ = s.cmd.Process.Signal(syscall.SIGTERM)
	}
	select {
	case err := <-s.done:
		s.done <- err
	case <-time.After(30 * time.Second):
		s.t.Error("kennel serve does not end on SIGTERM")
		_ = s.cmd.Process.Kill()
		<-s.done
	}
	if s.t.Failed() {
		s.t.Logf("log of kennel serve:\n%s", s.log)
	}
}

// run runs a kennel command to its end.
func run(ctx context.Context, t testing.TB, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	cmd := exec.CommandContext(ctx, kennel(t), args...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err = cmd.Run()
	return out.String(), errs.String(), err
}

// pair lets an identity pair: the probe waits while the PIN is typed.
func (s *server) pair(identity, pin string) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), 30*time.Second)
	defer cancel()
	typed := make(chan error, 1)
	go func() {
		for {
			_, stderr, err := run(ctx, s.t, "pair", pin, "--data", s.dir)
			if err == nil || ctx.Err() != nil || !strings.Contains(stderr, "no client is waiting") {
				typed <- err
				return
			}
		}
	}()
	if _, stderr, err := run(ctx, s.t, "probe", s.addr(), "--identity", identity, "--pair", pin, "--seconds", "0"); err != nil {
		s.t.Fatalf("pair: %v\n%s", err, stderr)
	}
	if err := <-typed; err != nil {
		s.t.Fatalf("type the PIN: %v", err)
	}
}

func (s *server) addr() string { return fmt.Sprintf("127.0.0.1:%d", s.port) }

// probe streams and returns the report.
func (s *server) probe(identity string, args ...string) *probe.Report {
	s.t.Helper()
	r, stderr, err := s.tryProbe(identity, args...)
	if err != nil {
		s.t.Fatalf("probe: %v\n%s", err, stderr)
	}
	return r
}

func (s *server) tryProbe(identity string, args ...string) (*probe.Report, string, error) {
	ctx, cancel := context.WithTimeout(s.t.Context(), 90*time.Second)
	defer cancel()
	all := append([]string{"probe", s.addr(), "--identity", identity, "--json"}, args...)
	stdout, stderr, err := run(ctx, s.t, all...)
	var r probe.Report
	if jsonErr := json.Unmarshal([]byte(stdout), &r); jsonErr != nil && err == nil {
		err = fmt.Errorf("%w in %q", jsonErr, stdout)
	}
	return &r, stderr, err
}

// waitFor polls a condition that another process brings about.
func waitFor(t testing.TB, what string, condition func() bool) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for !condition() {
		if time.Now().After(deadline) {
			t.Fatalf("%s did not come about", what)
		}
		<-time.After(10 * time.Millisecond)
	}
}

// clientID is the id of an identity, as the host knows it.
func clientID(t testing.TB, identity string) string {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(identity, "client.crt"))
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(raw)
	if block == nil {
		t.Fatalf("no certificate in %s", identity)
	}
	return store.ClientID(block.Bytes)
}
