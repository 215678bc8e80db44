package e2e

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/kennel-stream/kennel/internal/evidence"
	"github.com/kennel-stream/kennel/internal/media"
	"github.com/kennel-stream/kennel/internal/probe"
	"github.com/kennel-stream/kennel/internal/web"
	"github.com/kennel-stream/kennel/moonlight/control"
)

// background runs a probe while the test does something to its session.
type background struct {
	report *probe.Report
	stderr string
	err    error
	done   chan struct{}
}

func (s *server) background(identity string, args ...string) *background {
	b := &background{done: make(chan struct{})}
	go func() {
		defer close(b.done)
		b.report, b.stderr, b.err = s.tryProbe(identity, args...)
	}()
	return b
}

// streaming waits until the only session streams, and returns it.
func (s *server) streaming() web.Session {
	s.t.Helper()
	var found web.Session
	waitFor(s.t, "a streaming session", func() bool {
		all, err := s.api.Sessions(s.t.Context(), false)
		if err != nil || len(all) != 1 || all[0].State != "streaming" || all[0].Network == nil || all[0].Network.Frames < 10 {
			return false
		}
		found = all[0]
		return true
	})
	return found
}

// process finds the process of a session whose command line holds a word. Of
// the media workers it is the one for video.
func process(t testing.TB, session web.Session, word string) int {
	t.Helper()
	for _, pid := range session.Processes {
		cmdline, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
		if strings.Contains(string(cmdline), word) && !strings.Contains(string(cmdline), media.AudioArgument) {
			return pid
		}
	}
	t.Fatalf("session has no process %q among %v", word, session.Processes)
	return 0
}

func kill(t testing.TB, pid int) {
	t.Helper()
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
}

// ended returns a session of the history with its events.
func (s *server) ended(id string) web.SessionDetail {
	s.t.Helper()
	var d web.SessionDetail
	waitFor(s.t, "the end of the session in the history", func() bool {
		var err error
		d, err = s.api.Session(s.t.Context(), id)
		return err == nil && d.State == "ended" && d.End != ""
	})
	return d
}

func hasFault(d web.SessionDetail, fault evidence.FaultID) bool {
	for _, e := range d.Events {
		if e.Fault == fault {
			return true
		}
	}
	return false
}

func pairedServer(t *testing.T, config string) (*server, string) {
	t.Helper()
	s := startServer(t, config)
	me := t.TempDir()
	s.pair(me, "1234")
	return s, me
}

func TestAnEncoderThatDiesIsReplaced(t *testing.T) {
	t.Parallel() // nothing in it is timed
	s, me := pairedServer(t, "")
	b := s.background(me, "--seconds", "6", "--keys", "6", "--mode", "640x360x30")
	live := s.streaming()
	kill(t, process(t, live, "kennel-media"))
	waitFor(t, "the failover in the API", func() bool {
		all, err := s.api.Sessions(t.Context(), false)
		return err == nil && len(all) == 1 && all[0].Failovers != nil && all[0].Failovers.Count == 1 && all[0].Failovers.To == live.Encoder
	})
	if text := s.metrics(t); !strings.Contains(text, "kennel_failovers_total 1\n") {
		t.Errorf("the failover is not counted in\n%s", text)
	}
	<-b.done
	if b.err != nil {
		t.Fatalf("the client did not survive: %v\n%s", b.err, b.stderr)
	}
	if b.report.Frames.IDRs < 2 || b.report.Barcode.OutOfOrder != 0 || b.report.Input.Echoed != 6 {
		t.Errorf("report = %+v %+v %+v", b.report.Frames, b.report.Barcode, b.report.Input)
	}
	if d := s.ended(live.ID); d.End != string(evidence.EndClientQuit) || !hasFault(d, evidence.FaultEncoderDied) || d.Failovers == nil || d.Failovers.Count != 1 {
		t.Errorf("end %s, failovers %+v, events %+v", d.End, d.Failovers, d.Events)
	}
}

func TestADisplayThatDiesEndsTheSessionWithAReason(t *testing.T) {
	t.Parallel() // what is timed has seconds to spare
	s, me := pairedServer(t, "")
	before := s.look()
	b := s.background(me, "--seconds", "20", "--keys", "0", "--mode", "640x360x30")
	live := s.streaming()
	killed := time.Now()
	kill(t, process(t, live, "display"))
	<-b.done
	if b.err == nil || b.report.Termination == nil || *b.report.Termination == 0 {
		t.Errorf("the client was not told: %v, %+v", b.err, b.report.Termination)
	}
	if d := time.Since(killed); d > 5*time.Second {
		t.Errorf("the client learned it after %v", d)
	}
	if d := s.ended(live.ID); d.End != string(evidence.EndDisplayDied) || !hasFault(d, evidence.FaultDisplayDied) {
		t.Errorf("end %s", d.End)
	}
	s.expectSame(t, before)
}

const shortApps = `version = 1
[[apps]]
title = "Demo"
[apps.runner]
type = "demo"
[[apps]]
title = "Leaves"
[apps.runner]
type = "process"
run_cmd = "sleep 0.5"
[[apps]]
title = "Crashes"
[apps.runner]
type = "process"
args = ["sh", "-c", "echo something broke >&2; sleep 0.3; kill -SEGV $$"]
[[apps]]
title = "Later"
[apps.runner]
type = "process"
args = ["sh", "-c", "sleep 11; exit 3"]
[[apps]]
title = "Missing"
[apps.runner]
type = "process"
run_cmd = "no-such-program --at-all"
`

func TestAppsThatEnd(t *testing.T) {
	t.Parallel() // nothing in it is timed
	s, me := pairedServer(t, shortApps)
	before := s.look()
	for _, tt := range []struct {
		app      string
		end      evidence.End
		fault    evidence.FaultID
		graceful bool
	}{
		{"Leaves", evidence.EndAppExited, evidence.FaultAppExited, true},
		{"Crashes", evidence.EndAppCrashed, evidence.FaultAppCrashed, false},
		{"Later", evidence.EndAppExited, evidence.FaultAppExited, true},
	} {
		r, _, err := s.tryProbe(me, "--app", tt.app, "--seconds", "30", "--keys", "0")
		codes := []int{control.HostReason(tt.end.Number()).ClientCode(true)}
		if tt.graceful {
			// Whether the client has seen a frame by then is chance.
			codes = []int{control.Graceful.ClientCode(true), control.Graceful.ClientCode(false)}
		}
		if err == nil || r.Termination == nil || !slices.Contains(codes, *r.Termination) {
			t.Errorf("%s: the client was not told %d: %+v, %v", tt.app, codes, r, err)
		}
		history, err := s.api.Sessions(t.Context(), true)
		if err != nil || len(history) == 0 {
			t.Fatal(err)
		}
		d := s.ended(history[0].ID)
		if d.End != string(tt.end) || !hasFault(d, tt.fault) {
			t.Errorf("%s ended by %s", tt.app, d.End)
		}
		// The status is told also where the end is a quiet one.
		if tt.app == "Later" && !slices.ContainsFunc(d.Events, func(e evidence.Event) bool { return e.Kind == evidence.Exited && strings.Contains(e.Attrs["how"], "3") }) {
			t.Errorf("%s: no event names the status: %+v", tt.app, d.Events)
		}
	}
	_, stderr, err := s.tryProbe(me, "--app", "Missing", "--seconds", "1")
	if err == nil || !strings.Contains(stderr, "no-such-program") || !strings.Contains(stderr, "install it") {
		t.Errorf("a missing program: %v\n%s", err, stderr)
	}
	_, stderr, err = s.tryProbe(me, "--app", "Nothing", "--seconds", "1")
	if err == nil || !strings.Contains(stderr, `no app "Nothing"`) || !strings.Contains(stderr, "Demo, Leaves, Crashes, Later, Missing") {
		t.Errorf("an unknown app: %v\n%s", err, stderr)
	}
	s.expectSame(t, before)
}

// TestResume: the app lives on, the new stream has another key and size.
func TestResume(t *testing.T) {
	s, me := pairedServer(t, "")
	first := s.probe(me, "--seconds", "2", "--keys", "2", "--mode", "640x360x30", "--keep")
	for i, mode := range []string{"800x600x30", "1280x720x30", "640x360x60"} {
		args := []string{"--seconds", "2", "--keys", "2", "--mode", mode, "--keep"}
		if i == 1 {
			args = append(args, "--plain")
		}
		r := s.probe(me, args...)
		if !r.Resumed || r.Barcode.SessionTag != first.Barcode.SessionTag || r.Frames.IDRs < 1 || r.Barcode.Seen < 30 {
			t.Errorf("%s: resumed %v, %+v %+v", mode, r.Resumed, r.Frames, r.Barcode)
		}
	}
	all, err := s.api.Sessions(t.Context(), false)
	if err != nil || len(all) != 1 {
		t.Fatalf("sessions = %+v, %v", all, err)
	}
	if err := s.api.StopSession(t.Context(), all[0].ID); err != nil {
		t.Error(err)
	}
	if d := s.ended(all[0].ID); d.End != string(evidence.EndStopped) {
		t.Errorf("end = %s", d.End)
	}
}

// TestLaunchRightAfterQuit: ports are bound once, so that nothing is in the way.
func TestLaunchRightAfterQuit(t *testing.T) {
	s, me := pairedServer(t, "")
	before := s.look()
	for range 5 {
		r := s.probe(me, "--seconds", "1", "--keys", "0", "--mode", "640x360x30")
		if r.Resumed || r.Barcode.Seen < 15 {
			t.Errorf("resumed %v, %d pictures", r.Resumed, r.Barcode.Seen)
		}
	}
	s.expectSame(t, before)
}

// TestTerminateInASession: the client is told, nothing survives, and the next
// start finds its ports free.
func TestTerminateInASession(t *testing.T) {
	t.Parallel() // nothing in it is timed
	s, me := pairedServer(t, "")
	b := s.background(me, "--seconds", "20", "--keys", "0", "--mode", "640x360x30")
	s.streaming()
	family := descendants(s.cmd.Process.Pid)
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	err := <-s.done
	s.done <- err
	if err != nil {
		t.Errorf("kennel serve ended with %v", err)
	}
	for _, pid := range family {
		if syscall.Kill(pid, 0) == nil && !isZombie(pid) {
			t.Errorf("process %d survived", pid)
		}
	}
	<-b.done
	if b.report.Termination == nil || *b.report.Termination != 0 {
		t.Errorf("the client was not told gracefully: %v, %v", b.report.Termination, b.err)
	}
	again := startServerIn(t, s.dir, s.port, "")
	again.probe(me, "--seconds", "1", "--keys", "0", "--mode", "640x360x30")
}

func TestStrangersAreRefused(t *testing.T) {
	t.Parallel() // nothing in it is timed
	s := startServer(t, "")
	_, stderr, err := s.tryProbe(t.TempDir(), "--seconds", "1")
	if err == nil || !strings.Contains(stderr, "--pair PIN") {
		t.Errorf("unpaired: %v\n%s", err, stderr)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	wrong := make(chan error, 1)
	go func() {
		for ctx.Err() == nil {
			if _, errs, err := run(ctx, t, "pair", "9999", "--data", s.dir); err == nil || !strings.Contains(errs, "no client is waiting") {
				break
			}
		}
		wrong <- nil
	}()
	_, stderr, err = s.tryProbe(t.TempDir(), "--pair", "1111", "--seconds", "0")
	<-wrong
	if err == nil || !strings.Contains(stderr, "PIN") || strings.Contains(s.log.String(), "9999") {
		t.Errorf("wrong PIN: %v\n%s", err, stderr)
	}
	if clients, err := s.api.Clients(t.Context()); err != nil || len(clients) != 0 {
		t.Errorf("clients = %+v, %v", clients, err)
	}
	other := startFailing(t, s.port)
	if !strings.Contains(other, fmt.Sprint(s.port)) || !strings.Contains(other, "--port") {
		t.Errorf("a second host on the same ports says: %s", other)
	}
}

// startFailing starts a host that cannot start, and returns what it says.
func startFailing(t testing.TB, port int) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	_, stderr, err := run(ctx, t, "serve", "--data", t.TempDir(), "--port", fmt.Sprint(port))
	if err == nil {
		t.Error("the host started")
	}
	return stderr
}
