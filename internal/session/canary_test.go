package session

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/kennel-stream/kennel/internal/evidence"
)

func TestCanary(t *testing.T) {
	h := open(t, options(t))
	if !h.Health().At.IsZero() {
		t.Error("health is known before the first canary")
	}
	got := h.Canary(t.Context())
	if !got.OK || got.Fault != "" || got.Failures != 0 || got.Took <= 0 || h.Health().At != got.At {
		t.Fatalf("health = %+v", got)
	}
	if len(h.seen()) != 0 || len(h.everybody()) != 0 {
		t.Errorf("the canary left %d events and %d sessions", len(h.seen()), len(h.everybody()))
	}
	// It takes no player's place.
	for _, client := range []string{"a", "b", "c"} {
		h.launch(request(client, demo()))
	}
	if got := h.Canary(t.Context()); !got.OK {
		t.Errorf("on a full host: %+v", got)
	}
}

// TestCanaryFinds each thing that is missing, by its name.
func TestCanaryFinds(t *testing.T) {
	for _, tt := range []struct {
		name  string
		spoil func(*testing.T, *Options)
		fault evidence.FaultID
	}{
		{"encoder element missing", func(_ *testing.T, o *Options) { o.Encoders = []string{"nosuchenc"} }, evidence.FaultEncoderMissing},
		{"media binary broken", func(_ *testing.T, o *Options) { o.MediaExecutable = "/bin/false" }, evidence.FaultMediaStart},
		{"display binary missing", func(_ *testing.T, o *Options) { o.Executable += "-gone" }, evidence.FaultDisplayStart},
		{"no room for shared memory", withoutRoom, evidence.FaultNoSharedMemory},
		{"display hangs", hanging, evidence.FaultDisplayStart},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o := options(t)
			tt.spoil(t, &o)
			h := open(t, o)
			got := h.Canary(t.Context())
			if got.OK || got.Fault != tt.fault || got.Cure == "" || got.Failures != 1 || got.Took > canaryTimeout+time.Second {
				t.Errorf("health = %+v, want %s within %v", got, tt.fault, canaryTimeout)
			}
			if h.Canary(t.Context()).Failures != 2 {
				t.Error("failures in a row are not counted")
			}
			_, err := h.Launch(t.Context(), request("a", demo()))
			if evidence.FaultOf(err) != tt.fault || evidence.KindOf(err) != evidence.Unavailable || !strings.Contains(err.Error(), "cannot stream") {
				t.Errorf("a launch says %v", err)
			}
		})
	}
}

// withoutRoom starts displays that may not make a file larger than 64 KiB,
// which is how a machine without memory to share behaves.
func withoutRoom(t *testing.T, o *Options) {
	t.Helper()
	prlimit, err := exec.LookPath("prlimit")
	if err != nil {
		t.Skip("needs prlimit (Debian package util-linux)")
	}
	script := filepath.Join(filepath.Dir(o.RuntimeDir), "kennel")
	text := "#!/bin/sh\n[ \"$1\" = confine ] && exec " + o.Executable + " \"$@\"\nexec " + prlimit + " --fsize=65536 " + o.Executable + " \"$@\"\n"
	if err := os.WriteFile(script, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
	o.Executable = script
	o.UIDCount = 0 // a script is not started by its descriptor
}

// hanging starts displays that never say a word.
func hanging(t *testing.T, o *Options) {
	t.Helper()
	script := filepath.Join(filepath.Dir(o.RuntimeDir), "kennel")
	text := "#!/bin/sh\n[ \"$1\" = display ] && exec sleep 1000\nexec " + o.Executable + " \"$@\"\n"
	if err := os.WriteFile(script, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
	o.Executable = script
	o.UIDCount = 0 // a script is not started by its descriptor
	o.Limits.Launch = 2 * time.Second
}

// TestCanaryFindsAnUnwritableDirectory, and that it is writable again.
func TestCanaryFindsAnUnwritableDirectory(t *testing.T) {
	o := options(t)
	h := open(t, o)
	if err := os.RemoveAll(o.RuntimeDir); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(o.RuntimeDir, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if got := h.Canary(t.Context()); got.OK || got.Fault != evidence.FaultRuntimeDir {
		t.Errorf("health = %+v", got)
	}
	if err := os.Remove(o.RuntimeDir); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(o.RuntimeDir, 0o711); err != nil {
		t.Fatal(err)
	}
	if got := h.Canary(t.Context()); !got.OK || got.Failures != 0 {
		t.Errorf("health = %+v", got)
	}
}

// TestCanaryWarnsOfSilence: a host without a sound server is ready.
func TestCanaryWarnsOfSilence(t *testing.T) {
	o := options(t)
	o.SoundServer = "/nonexistent/pulseaudio"
	h := open(t, o)
	got := h.Canary(t.Context())
	if !got.OK || len(got.Warnings) != 1 || got.Warnings[0] != evidence.FaultSoundMissing {
		t.Errorf("health = %+v", got)
	}
}

// TestWhatACanaryLeaks is told by the host itself, counted, and shown in its
// health: files of kennel serve, and processes alike.
func TestWhatACanaryLeaks(t *testing.T) {
	h, receipts := withReceipts(t)
	h.endWithReceipt(h.launch(request("a", demo())), receipts)
	var sleeper *exec.Cmd
	h.plant = func(s *Session) {
		r, w, err := os.Pipe()
		if err != nil {
			t.Error(err)
			return
		}
		t.Cleanup(func() { _, _ = r.Close(), w.Close() })
		sleeper = exec.Command("sleep", "1000")
		sleeper.Env, sleeper.SysProcAttr = s.markers(), &syscall.SysProcAttr{Setsid: true}
		if err := sleeper.Start(); err != nil {
			t.Error(err)
		}
	}
	if got := h.Canary(t.Context()); !got.OK {
		t.Fatalf("health = %+v", got)
	}
	told := h.await("what the canary left", 1, func(e evidence.Event) bool { return e.Fault == evidence.FaultResidue })
	_ = sleeper.Process.Kill()
	_ = sleeper.Wait()
	for _, want := range []string{"pipe", "(sleep"} {
		if !strings.Contains(told.Attrs["residue"], want) || told.Session != "" || told.Attrs["canary"] == "" {
			t.Errorf("told %+v, want %s", told, want)
		}
	}
	if _, leaked := h.Ends(); leaked != 1 {
		t.Errorf("%d leaks are counted", leaked)
	}
	if got := h.Health(); !got.OK || !slices.Contains(got.Warnings, evidence.FaultResidue) {
		t.Errorf("health = %+v", got)
	}
	if len(receipts) > 0 {
		t.Errorf("a canary's receipt went into the history: %+v", <-receipts)
	}
	h.plant = nil
	if got := h.Canary(t.Context()); len(got.Warnings) != 0 {
		t.Errorf("health after a canary that gave all back: %+v", got)
	}
}

// TestALockThatIsHeldIsNotAlive, and leaves nothing behind that waits for it.
func TestALockThatIsHeldIsNotAlive(t *testing.T) {
	h := open(t, options(t))
	if err := h.Alive(t.Context()); err != nil {
		t.Fatal(err)
	}
	h.House.mu.Lock()
	soon, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	err := h.Alive(soon)
	h.House.mu.Unlock()
	if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "the sessions do not answer") {
		t.Errorf("a house that is locked: %v", err)
	}
	if err := h.Alive(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestCanaryLeavesTheSpare to players: a failover meanwhile must not be a cold one.
func TestCanaryLeavesTheSpare(t *testing.T) {
	h := open(t, options(t))
	spare := func() int {
		h.spares.mu.Lock()
		defer h.spares.mu.Unlock()
		if h.spares.ready == nil {
			return 0
		}
		return h.spares.ready.worker.Process().PID()
	}
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(patience); spare() == 0; <-tick.C {
		if time.Now().After(deadline) {
			t.Fatal("no spare")
		}
	}
	before := spare()
	if got := h.Canary(t.Context()); !got.OK {
		t.Fatalf("canary: %+v", got)
	}
	if after := spare(); after != before {
		t.Errorf("the spare is %d, was %d", after, before)
	}
}
