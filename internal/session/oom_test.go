package session

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/kennel-stream/kennel/internal/evidence"
	"github.com/kennel-stream/kennel/internal/meter"
	"github.com/kennel-stream/kennel/internal/process"
)

// confineMemory lets a session's processes have so many bytes more than they
// have now.
func confineMemory(t *testing.T, s *Session, more int64) {
	t.Helper()
	dirs, file := s.group.Dirs(), "memory.limit_in_bytes"
	dir, ok := dirs["memory"]
	if !ok {
		if dir, ok = dirs[""]; !ok {
			t.Skip("needs a control group of memory")
		}
		file = "memory.max"
	}
	has := meter.Cgroup(dirs)
	if !has[meter.Memory].Known || !has[meter.OOMKills].Known {
		t.Skip("the kernel does not count memory here")
	}
	if err := os.WriteFile(filepath.Join(dir, file), []byte(fmt.Sprint(has[meter.Memory].N+more)), 0); err != nil {
		t.Skip("a limit of memory cannot be set here: ", err)
	}
}

// hungry waits until it may eat, and then takes memory until it is stopped.
const hungry = `while ! [ -e "$HOME/eat" ]; do sleep 0.02; done; exec tail /dev/zero`

func TestAnAppThatEatsTheMemory(t *testing.T) {
	h := open(t, options(t))
	s := h.launch(request("a", shell(hungry)))
	confineMemory(t, s, 64<<20)
	if err := os.WriteFile(filepath.Join(homeOf(t, s), "eat"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	h.finished(s, evidence.EndAppCrashed)
	if _, detail := s.EndReason(); !strings.Contains(detail, "needed more memory than there was") {
		t.Errorf("detail %q", detail)
	}
	ended := h.await("the app's end", 1, func(e evidence.Event) bool { return e.Attrs["process"] == "app" })
	if ended.Fault != evidence.FaultAppOOM {
		t.Errorf("the end is %s, %v", ended.Fault, ended.Attrs)
	}
	told := h.await("the kill", 1, func(e evidence.Event) bool { return e.Fault == evidence.FaultOOM })
	if told.Attrs["killed"] != "1" || told.Session != s.ID() {
		t.Errorf("told %+v", told)
	}
}

// TestAHelperThatEatsTheMemory is told while the app goes on, and what ends much
// later did not end by it.
func TestAHelperThatEatsTheMemory(t *testing.T) {
	h := open(t, options(t))
	s := h.launch(request("a", shell("("+hungry+"); while ! [ -e \"$HOME/end\" ]; do sleep 0.02; done; exit 3")))
	confineMemory(t, s, 64<<20)
	if err := os.WriteFile(filepath.Join(homeOf(t, s), "eat"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	h.await("the kill", 1, func(e evidence.Event) bool { return e.Fault == evidence.FaultOOM })
	if s.State() == Ending {
		t.Error("the session ends because of a helper")
	}
	if !s.outOfMemory() || !s.starvedBy(process.Exit{Signal: syscall.SIGKILL}) || s.starvedBy(process.Exit{Code: 1}) {
		t.Error("what is killed now is not killed for want of memory, or what is not is")
	}
	if how := s.howExited(process.Exit{Name: "display", Signal: syscall.SIGKILL, Code: -1}); !strings.Contains(how, "no memory left") {
		t.Errorf("a display that is killed now: %q", how)
	}
	s.starved.mu.Lock()
	s.starved.last = s.starved.last.Add(-oomRecent)
	s.starved.mu.Unlock()
	if err := os.WriteFile(filepath.Join(homeOf(t, s), "end"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	h.finished(s, evidence.EndAppCrashed)
	ended := h.await("the app's end", 1, func(e evidence.Event) bool { return e.Attrs["process"] == "app" })
	if ended.Fault != evidence.FaultAppCrashed {
		t.Errorf("the end is %s, %v", ended.Fault, ended.Attrs)
	}
	n := 0
	for _, e := range h.seen() {
		if e.Fault == evidence.FaultOOM {
			n++
		}
	}
	if n != 1 {
		t.Errorf("one kill was told %d times", n)
	}
}
