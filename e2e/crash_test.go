package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/kennel-stream/kennel/internal/evidence"
)

// streamingThree is a host in the middle of three sessions.
func streamingThree(t testing.TB) (s *server, clients []string, streams []*background) {
	t.Helper()
	s = startServer(t, "")
	for i := range 3 {
		clients = append(clients, t.TempDir())
		s.pair(clients[i], fmt.Sprintf("%04d", i))
	}
	for _, c := range clients {
		streams = append(streams, s.background(c, "--mode", "640x360x30", "--seconds", "30", "--keys", "0"))
	}
	waitFor(t, "three streaming sessions", func() bool {
		all, err := s.api.Sessions(t.Context(), false)
		n := 0
		for _, one := range all {
			if one.State == "streaming" {
				n++
			}
		}
		return err == nil && n == 3
	})
	return s, clients, streams
}

// die ends the host by SIGKILL.
func (s *server) die() {
	s.t.Helper()
	if err := s.cmd.Process.Kill(); err != nil {
		s.t.Fatal(err)
	}
	err := <-s.done
	s.done <- err
}

// BenchmarkServeRestart kills a host in the middle of three sessions and reports
// how long after its next start it is ready for a session: its ports are bound,
// what was left is swept, and its canary has come through. More than 2 s are a
// failure.
func BenchmarkServeRestart(b *testing.B) {
	const most = 2 * time.Second
	for b.Loop() {
		s, _, streams := streamingThree(b)
		s.die()
		began := time.Now()
		again := command(b, s.dir, s.port, "")
		again.spawn()
		waitFor(b, "a host that is ready", func() bool {
			h, err := again.api.Health(b.Context(), false)
			return err == nil && h.Ready
		})
		took := time.Since(began)
		b.ReportMetric(float64(took.Milliseconds()), "ready-ms")
		b.ReportMetric(0, "ns/op")
		if took > most {
			b.Errorf("ready after %v", took)
		}
		for _, one := range streams {
			<-one.done
		}
	}
}

// TestServeIsKilled in the middle of three sessions: the next start finds its
// ports free, kills what was left, and the history says what happened.
func TestServeIsKilled(t *testing.T) {
	t.Parallel() // nothing in it is timed
	s, clients, streams := streamingThree(t)
	family := descendants(s.cmd.Process.Pid)
	s.die()
	again := startServerIn(t, s.dir, s.port, "")
	for _, pid := range family {
		waitFor(t, fmt.Sprintf("the end of process %d", pid), func() bool {
			return syscall.Kill(pid, 0) != nil || isZombie(pid)
		})
	}
	history, err := again.api.Sessions(t.Context(), true)
	if err != nil || len(history) != 3 {
		t.Fatalf("history %+v, %v", history, err)
	}
	for _, h := range history {
		if h.State != "ended" || h.End != string(evidence.EndServeDied) {
			t.Errorf("session %s: %s %s, want %s", h.ID, h.State, h.End, evidence.EndServeDied)
		}
	}
	for _, b := range streams {
		<-b.done
	}
	for _, h := range history {
		if left, _ := filepath.Glob("/sys/fs/cgroup/*/kennel-*/" + h.ID); len(left) > 0 {
			t.Errorf("cgroups %v are left", left)
		}
	}
	again.probe(clients[0], "--seconds", "1", "--keys", "0", "--mode", "640x360x30")
}

// TestRefusals: twelve clients at once, or fifty with KENNEL_SOAK=1, and room
// for three.
func TestRefusals(t *testing.T) {
	t.Parallel() // nothing in it is timed
	const room = 3
	clients := 12
	if os.Getenv("KENNEL_SOAK") != "" {
		clients = 50
	}
	s := startServer(t, fmt.Sprintf("version = 1\n[limits]\nsessions = %d\n", room))
	before := s.look()
	dirs := make([]string, clients)
	for i := range dirs {
		dirs[i] = t.TempDir()
		s.pair(dirs[i], fmt.Sprintf("%04d", i))
	}
	var all sync.WaitGroup
	type outcome struct {
		stderr string
		err    error
	}
	outcomes := make([]outcome, clients)
	for i, dir := range dirs {
		all.Go(func() {
			_, stderr, err := s.tryProbe(dir, "--mode", "640x360x30", "--seconds", "8", "--keys", "0")
			outcomes[i] = outcome{stderr, err}
		})
	}
	all.Wait()
	started := 0
	for i, o := range outcomes {
		switch {
		case o.err == nil:
			started++
		case !strings.Contains(o.stderr, "This host is full: 3 of 3 sessions are running. The oldest, Demo,"):
			t.Errorf("client %d: %v\n%s", i, o.err, o.stderr)
		}
	}
	if started != room {
		t.Errorf("%d sessions started, want %d", started, room)
	}
	history, err := s.api.Sessions(t.Context(), true)
	if err != nil || len(history) != room {
		t.Errorf("%d sessions in the history, %v", len(history), err)
	}
	s.expectSame(t, before)
}
