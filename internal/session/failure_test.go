package session

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/kennel-stream/kennel/internal/evidence"
)

// startOrphan starts a process as an earlier host of this instance would have
// left it; the channel is closed when it is gone.
func startOrphan(t *testing.T, instance string) <-chan struct{} {
	t.Helper()
	cmd := exec.Command("sleep", "1000")
	cmd.Env = append(os.Environ(), "KENNEL_SESSION=0190", "KENNEL_INSTANCE="+instance)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	gone := make(chan struct{})
	go func() {
		_ = cmd.Wait()
		close(gone)
	}()
	t.Cleanup(func() { _ = cmd.Process.Kill(); <-gone })
	return gone
}

// killEncoder kills the process of the running encoder once it plays.
func (h *house) killEncoder(s *Session) {
	h.t.Helper()
	h.endEncoder(s, syscall.SIGKILL)
}

func (h *house) endEncoder(s *Session, by syscall.Signal) {
	h.t.Helper()
	deadline := time.After(patience)
	for {
		s.mu.Lock()
		r := s.rendition
		s.mu.Unlock()
		if r != nil {
			if _, p := r.current(); p != nil {
				if err := syscall.Kill(p.PID(), by); err != nil {
					h.t.Fatal(err)
				}
				<-p.Done()
				return
			}
		}
		select {
		case <-time.After(time.Millisecond):
		case <-deadline:
			h.t.Fatal("no encoder plays")
		}
	}
}

// TestEncoderDies: replaced, with a key frame first; but not for ever.
func TestEncoderDies(t *testing.T) {
	h := open(t, options(t))
	s := h.launch(request("a", demo()))
	frames := h.play(s, stream)
	next(t, frames)
	died := func(e evidence.Event) bool { return e.Fault == evidence.FaultEncoderDied }
	for n := range 2 {
		h.killEncoder(s)
		h.await("death of the encoder", n+1, died)
		for len(frames) > 0 { // of the dead one
			<-frames
		}
		if !next(t, frames) {
			t.Error("the first frame of the next encoder is no key frame")
		}
		if n == 0 && s.Encoder() != "x264enc" {
			t.Errorf("the same encoder gets a second chance, not %s", s.Encoder())
		}
		if n == 1 && s.Encoder() != "openh264enc" {
			t.Errorf("then the next one is tried, not %s", s.Encoder())
		}
	}
	h.killEncoder(s)
	h.await("third death", 3, died)
	next(t, frames)
	h.killEncoder(s)
	h.finished(s, evidence.EndEncoderDied)
	// Others need not care who was killed here.
	for _, r := range h.Rungs() {
		if r.failures != 0 || r.Resting {
			t.Errorf("rung: %+v", r)
		}
	}
}

// TestCrashesAreRemembered: a rung on which encoders crash rests for all.
func TestCrashesAreRemembered(t *testing.T) {
	h := open(t, options(t))
	s := h.launch(request("a", demo()))
	frames := h.play(s, stream)
	for n := range 2 {
		next(t, frames)
		h.endEncoder(s, syscall.SIGSEGV)
		h.await("death of the encoder", n+1, func(e evidence.Event) bool { return e.Fault == evidence.FaultEncoderDied })
		for len(frames) > 0 {
			<-frames
		}
	}
	next(t, frames)
	if r := h.Rungs()[0]; !r.Resting || s.Encoder() != "openh264enc" {
		t.Errorf("encoder %s, rung %+v", s.Encoder(), r)
	}
	other := h.launch(request("b", demo()))
	next(t, h.play(other, stream))
	if other.Encoder() != "openh264enc" {
		t.Errorf("the next session begins with %s", other.Encoder())
	}
}

// TestEncoderMissing: the ladder goes on to the next rung, or the session ends
// with the element's name.
func TestEncoderMissing(t *testing.T) {
	o := options(t)
	o.Encoders = []string{"nosuchenc", "x264enc"}
	h := open(t, o)
	s := h.launch(request("a", demo()))
	next(t, h.play(s, stream))
	if s.Encoder() != "x264enc" {
		t.Errorf("encoder = %s", s.Encoder())
	}
	o = options(t)
	o.Encoders = []string{"nosuchenc"}
	h = open(t, o)
	s = h.launch(request("a", demo()))
	if err := s.Prepare(t.Context(), stream); err != nil {
		t.Fatal(err)
	}
	h.finished(s, evidence.EndEncoderDied)
	if _, detail := s.EndReason(); !strings.Contains(detail, "nosuchenc") {
		t.Errorf("the reason does not name the element: %s", detail)
	}
}

// steady returns once an encoder has brought so many frames that its death
// does not count against it.
func (h *house) steady(frames <-chan bool) {
	h.t.Helper()
	for len(frames) > 0 {
		<-frames
	}
	for range steadyFrames + 1 {
		next(h.t, frames)
	}
}

// TestNoWorkerIsNoRungsFault: where no process can be started, it is tried
// again, later each time, by the same rung.
func TestNoWorkerIsNoRungsFault(t *testing.T) {
	o := options(t)
	away := o.MediaExecutable
	o.MediaExecutable = filepath.Join(filepath.Dir(o.RuntimeDir), "kennel-media")
	if err := os.Symlink(away, o.MediaExecutable); err != nil {
		t.Fatal(err)
	}
	h := open(t, o)
	s := h.launch(request("a", demo()))
	frames := h.play(s, stream)
	h.steady(frames)
	if err := os.Remove(o.MediaExecutable); err != nil {
		t.Fatal(err)
	}
	h.killEncoder(s) // the spare takes over
	h.steady(frames)
	h.killEncoder(s)
	none := func(e evidence.Event) bool {
		return e.Session == s.ID() && e.Stage == evidence.StageVideoPipeline && e.Fault == evidence.FaultMediaStart
	}
	first, third := h.await("the first attempt without a worker", 1, none), h.await("the third", 3, none)
	if waited := time.Duration(third.Mono - first.Mono); waited < 3*firstWorkerWait {
		t.Errorf("three attempts within %s", waited)
	}
	if err := os.Symlink(away, o.MediaExecutable); err != nil {
		t.Fatal(err)
	}
	h.steady(frames)
	if s.Encoder() != "x264enc" || h.Rungs()[0].failures != 0 {
		t.Errorf("encoder %s, rungs %+v", s.Encoder(), h.Rungs())
	}
}

func TestDisplayDies(t *testing.T) {
	h := open(t, options(t))
	s := h.launch(request("a", demo()))
	if err := syscall.Kill(s.Display().Process().PID(), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	h.finished(s, evidence.EndDisplayDied)
}

// TestDisplayHangs: it lives, but nobody would see a picture or be heard again.
func TestDisplayHangs(t *testing.T) {
	h := open(t, options(t))
	s := h.launch(request("a", demo()))
	if err := syscall.Kill(s.Display().Process().PID(), syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	h.finished(s, evidence.EndDisplayDied)
	if _, detail := s.EndReason(); detail != "it did not answer for 3s and was killed" {
		t.Errorf("detail: %s", detail)
	}
	if faults := h.count(s, evidence.FaultDisplayDied); faults != 1 {
		t.Errorf("its death was told %d times", faults)
	}
}

// count counts the events of a session with a fault.
func (h *house) count(s *Session, fault evidence.FaultID) (n int) {
	for _, e := range h.seen() {
		if e.Session == s.ID() && e.Fault == fault {
			n++
		}
	}
	return n
}

// TestKeyframeDoesNotWait: an encoder that hangs holds nobody up who asks it for
// key frames, as the one goroutine that serves all control links does.
func TestKeyframeDoesNotWait(t *testing.T) {
	h := open(t, options(t))
	s := h.launch(request("a", demo()))
	next(t, h.play(s, stream))
	s.mu.Lock()
	r := s.rendition
	s.mu.Unlock()
	_, encoder := r.current()
	if err := syscall.Kill(encoder.PID(), syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	for range 100_000 {
		began := time.Now()
		s.Keyframe()
		if d := time.Since(began); d > 100*time.Millisecond {
			t.Fatalf("it took %v", d)
		}
	}
}

// signalShell tells the app of shell to do what it traps, once it has said its
// process id: an app that ends at once would end its launch.
func signalShell(t *testing.T, s *Session) {
	t.Helper()
	if err := syscall.Kill(readyShell(t, s), syscall.SIGUSR1); err != nil {
		t.Fatal(err)
	}
}

// readyShell is the process id that the app of shell says.
func readyShell(t *testing.T, s *Session) int {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); <-tick.C {
		for _, line := range s.OutputTail("app") {
			var pid int
			if n, _ := fmt.Sscanf(line, "ready %d", &pid); n == 1 {
				return outside(t, s, pid)
			}
		}
	}
	t.Fatalf("the app's shell is not ready: %q", s.OutputTail("app"))
	return 0
}

// TestAppEnds: cleanly, with a status, by a signal. What it said last is in the
// event.
func TestAppEnds(t *testing.T) {
	h := open(t, options(t))
	for _, tt := range []struct {
		script string
		end    evidence.End
		fault  evidence.FaultID
	}{
		{"exit 0", evidence.EndAppExited, evidence.FaultAppExited},
		{"echo it broke; exit 3", evidence.EndAppCrashed, evidence.FaultAppCrashed},
		{"echo it broke; kill -SEGV $$", evidence.EndAppCrashed, evidence.FaultAppCrashed},
	} {
		s := h.launch(request("a", shell("trap '"+tt.script+"' USR1; echo ready $$; while :; do sleep 0.01; done")))
		signalShell(t, s)
		h.finished(s, tt.end)
		e := h.await(string(tt.fault), 1, func(e evidence.Event) bool { return e.Session == s.ID() && e.Fault == tt.fault })
		if tt.end == evidence.EndAppCrashed && e.Attrs["last"] != "it broke" {
			t.Errorf("%s: event = %v", tt.script, e.Attrs)
		}
		output, err := os.ReadFile(filepath.Join(h.o.OutputDir, s.ID()+".log"))
		if err != nil || (tt.end == evidence.EndAppCrashed && !strings.Contains(string(output), "it broke")) {
			t.Errorf("%s: output %q, %v", tt.script, output, err)
		}
	}
}

// TestAppLeavesOrphans: a grandchild that has left its process group and closed
// its files is of the session all the same.
func TestAppLeavesOrphans(t *testing.T) {
	h := open(t, options(t))
	const orphans = "setsid -f sleep 1000 </dev/null >/dev/null 2>&1; setsid -f env -i /bin/sleep 1000 </dev/null >/dev/null 2>&1; exit 0"
	s := h.launch(request("a", shell("trap '"+orphans+"' USR1; echo ready $$; while :; do sleep 0.01; done")))
	signalShell(t, s)
	h.finished(s, evidence.EndAppExited)
	if out, _ := exec.Command("pgrep", "-u", "64000-64049", "sleep").Output(); len(out) > 0 && os.Geteuid() == 0 {
		t.Errorf("sleepers %s live", out)
	}
}

// TestProgramsMissing: a host that is installed by half refuses in words.
func TestProgramsMissing(t *testing.T) {
	for _, tt := range []struct {
		name  string
		spoil func(*Options)
		fault evidence.FaultID
	}{
		{"kennel", func(o *Options) { o.Executable += "-gone" }, evidence.FaultDisplayStart},
		{"kennel-media", func(o *Options) { o.MediaExecutable += "-gone" }, evidence.FaultMediaStart},
		{"a kennel-media that ends at once", func(o *Options) { o.MediaExecutable = "/bin/false" }, evidence.FaultMediaStart},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o := options(t)
			tt.spoil(&o)
			h := open(t, o)
			_, err := h.Launch(t.Context(), request("a", shell("sleep 1000")))
			if evidence.FaultOf(err) != tt.fault || evidence.KindOf(err) != evidence.Unavailable {
				t.Errorf("%v is %s and %s, want %s", err, evidence.FaultOf(err), evidence.KindOf(err), tt.fault)
			}
			ended := h.await("end", 1, func(e evidence.Event) bool { return e.Kind == evidence.Ended })
			h.nothingLeft(ended.Session)
		})
	}
}
