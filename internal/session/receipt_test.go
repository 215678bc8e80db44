package session

import (
	"encoding/json"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kennel-stream/kennel/internal/evidence"
	"github.com/kennel-stream/kennel/internal/meter"
)

// withReceipts opens a house whose receipts arrive on a channel.
func withReceipts(t *testing.T) (*house, <-chan Receipt) {
	t.Helper()
	o := options(t)
	all := make(chan Receipt, 100)
	o.Receipt = func(r Receipt) { all <- r }
	h := open(t, o)
	h.receiptDelay = 200 * time.Millisecond
	return h, all
}

func receive(t testing.TB, receipts <-chan Receipt) Receipt {
	t.Helper()
	select {
	case r := <-receipts:
		return r
	case <-time.After(patience):
		t.Fatal("no receipt")
		return Receipt{}
	}
}

// end ends a session and returns its receipt.
func (h *house) endWithReceipt(s *Session, receipts <-chan Receipt) Receipt {
	h.t.Helper()
	s.End(evidence.EndStopped, "")
	<-s.Done()
	return receive(h.t, receipts)
}

func TestReceiptOfAHealthySession(t *testing.T) {
	h, receipts := withReceipts(t)
	s := h.launch(request("a", demo()))
	next(t, h.play(s, stream))
	r := h.endWithReceipt(s, receipts)
	if r.Session != s.ID() || r.App != "demo" || r.Client != "a" || r.End != evidence.EndStopped || r.Fault() != "" {
		t.Errorf("receipt %+v", r)
	}
	for resource, least := range map[meter.Resource]int64{meter.Processes: 3, meter.Files: 20, meter.Memfds: 1, meter.UnixSockets: 3, meter.Directories: 1, meter.Sinks: 1} {
		if took := r.Took[resource]; !took.Known || took.N < least {
			t.Errorf("took %v %s, want %d at least", took, resource, least)
		}
		if got := r.Later[resource]; got != meter.Exactly(0) {
			t.Errorf("%v %s left", got, resource)
		}
	}
	if len(s.group.Dirs()) > 0 && (r.Took[meter.MemoryPeak].N < 1<<20 || r.Took[meter.Cgroups].N == 0 || r.Later[meter.Cgroups] != meter.Exactly(0)) {
		t.Errorf("took %v, later %v", r.Took, r.Later)
	}
	raw, err := json.Marshal(r)
	if err != nil || strings.Contains(string(raw), "residue") {
		t.Errorf("%s, %v", raw, err)
	}
}

// TestReceiptFindsWhatWeLeak: a receipt that cannot fail proves nothing.
func TestReceiptFindsWhatWeLeak(t *testing.T) {
	h, receipts := withReceipts(t)
	warm := h.launch(request("a", demo()))
	if r := h.endWithReceipt(warm, receipts); len(r.Residue) > 0 || !r.ServeChecked {
		t.Fatalf("the first session leaves %q, serve checked %t", r.Residue, r.ServeChecked)
	}
	var leaks []*exec.Cmd
	startLeak := func(cmd *exec.Cmd) {
		cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		leaks = append(leaks, cmd)
	}
	plants := map[string]func(*Session){
		"open files of kennel serve: pipe": func(*Session) {
			r, w, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _, _ = r.Close(), w.Close() })
		},
		"open files of kennel serve: /dev/null": func(*Session) {
			f, err := os.Open("/dev/null")
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = f.Close() })
		},
		"process ": func(s *Session) {
			cmd := exec.Command("sleep", "1000")
			cmd.Env = s.markers()
			startLeak(cmd)
		},
	}
	if os.Geteuid() == 0 {
		plants["cgroup "] = func(s *Session) {
			for controller, dir := range s.group.Dirs() {
				if controller == "pids" {
					_ = os.WriteFile(filepath.Join(dir, "pids.max"), []byte("max"), 0)
				}
				cmd := exec.Command("sh", "-c", `echo $$ >"$1/cgroup.procs"; echo; exec sleep 1000`, "sh", dir)
				out, err := cmd.StdoutPipe()
				if err != nil {
					t.Fatal(err)
				}
				startLeak(cmd)
				_, _ = out.Read(make([]byte, 1))
			}
		}
	}
	// What the last one leaves is closed in between, and would be made up for by
	// what another opens.
	for _, want := range []string{"open files of kennel serve: pipe", "open files of kennel serve: /dev/null", "process ", "cgroup "} {
		plant := plants[want]
		if plant == nil {
			continue
		}
		h.plant = plant
		s := h.launch(request("a", demo()))
		r := h.endWithReceipt(s, receipts)
		if want == "cgroup " && len(s.group.Dirs()) == 0 {
			continue
		}
		if r.Fault() != evidence.FaultResidue || !strings.Contains(strings.Join(r.Residue, "\n"), want) {
			t.Errorf("planted %q, the receipt says %q, serve checked %t", want, r.Residue, r.ServeChecked)
		}
		told := 0
		for _, e := range h.seen() {
			if e.Session == s.ID() && e.Fault == evidence.FaultResidue && e.Attrs["residue"] == strings.Join(r.Residue, "; ") {
				told++
			}
		}
		if told != 1 {
			t.Errorf("planted %q, and a leak was told %d times", want, told)
		}
		for _, cmd := range leaks {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		}
		leaks = nil
		if err := s.group.Remove(); err != nil {
			t.Error(err)
		}
	}
	h.plant = nil
	if r := h.endWithReceipt(h.launch(request("a", demo())), receipts); len(r.Residue) > 0 {
		t.Errorf("what was told once is told again: %q", r.Residue)
	}
}

// TestReceiptFindsSockets, which belong to no connection, and directories.
func TestReceiptFindsSockets(t *testing.T) {
	h, receipts := withReceipts(t)
	h.endWithReceipt(h.launch(request("a", demo())), receipts)
	plant := func(open func() (io.Closer, net.Addr, error)) (name string) {
		h.plant = func(*Session) {
			c, addr, err := open()
			if err != nil {
				t.Error(err)
				return
			}
			t.Cleanup(func() { _ = c.Close() })
			name = addr.String()
		}
		r := h.endWithReceipt(h.launch(request("a", demo())), receipts)
		if r.Fault() != evidence.FaultResidue || len(r.Residue) != 1 || !strings.HasSuffix(r.Residue[0], name) {
			t.Errorf("planted a socket on %s, the receipt says %q, serve checked %t", name, r.Residue, r.ServeChecked)
		}
		return name
	}
	for range 2 {
		plant(func() (io.Closer, net.Addr, error) {
			c, err := net.ListenPacket("udp", "127.0.0.1:0")
			return c, c.LocalAddr(), err
		})
	}
	listener := plant(func() (io.Closer, net.Addr, error) {
		c, err := net.Listen("tcp", "127.0.0.1:0")
		return c, c.Addr(), err
	})
	h.plant = func(*Session) {
		client, err := net.Dial("tcp", listener)
		if err != nil {
			t.Error(err)
			return
		}
		t.Cleanup(func() { _ = client.Close() })
	}
	if r := h.endWithReceipt(h.launch(request("a", demo())), receipts); len(r.Residue) > 0 || !r.ServeChecked {
		t.Errorf("a client that connects leaves %q, serve checked %t", r.Residue, r.ServeChecked)
	}
}

// TestReceiptFindsADirectory that cannot be removed.
func TestReceiptFindsADirectory(t *testing.T) {
	h, receipts := withReceipts(t)
	var dir string
	h.plant = func(s *Session) {
		dir = s.dir
		if err := unix.Mount("none", dir, "tmpfs", 0, ""); err != nil {
			dir = ""
		}
	}
	r := h.endWithReceipt(h.launch(request("a", demo())), receipts)
	if dir == "" {
		t.Skip("needs to mount a file system")
	}
	if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
		t.Error(err)
	}
	if r.Fault() != evidence.FaultResidue || !strings.Contains(strings.Join(r.Residue, "\n"), "directory "+dir) || r.Later[meter.Directories] != meter.Exactly(1) {
		t.Errorf("residue %q, later %v", r.Residue, r.Later)
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Error(err)
	}
}

// TestReceiptOnABusyHost: a session that runs does not hide what others leak.
func TestReceiptOnABusyHost(t *testing.T) {
	h, receipts := withReceipts(t)
	long := h.launch(request("long", demo()))
	next(t, h.play(long, stream))
	if r := h.endWithReceipt(h.launch(request("b", demo())), receipts); len(r.Residue) > 0 || r.Beside != 1 {
		t.Fatalf("beside %d, residue %q", r.Beside, r.Residue)
	}
	if r := h.endWithReceipt(h.launch(request("b", demo())), receipts); len(r.Residue) > 0 || !r.ServeChecked || r.Beside != 1 {
		t.Errorf("beside %d, residue %q, serve checked %t", r.Beside, r.Residue, r.ServeChecked)
	}
	plant := func(*Session) {
		r, w, err := os.Pipe()
		if err != nil {
			t.Error(err)
			return
		}
		t.Cleanup(func() { _, _ = r.Close(), w.Close() })
	}
	h.plant = plant
	for range 2 {
		if r := h.endWithReceipt(h.launch(request("b", demo())), receipts); r.Fault() != evidence.FaultResidue || !strings.Contains(strings.Join(r.Residue, "\n"), "2 open files of kennel serve: pipe") {
			t.Errorf("beside %d, residue %q, serve checked %t", r.Beside, r.Residue, r.ServeChecked)
		}
	}
	h.plant = nil
	// A session that changes what it does is no leak of another.
	long.Pause()
	for range 2 {
		if r := h.endWithReceipt(h.launch(request("b", demo())), receipts); len(r.Residue) > 0 {
			t.Errorf("beside a paused session: %q", r.Residue)
		}
	}
	next(t, h.play(long, stream))
	if r := h.endWithReceipt(h.launch(request("b", demo())), receipts); len(r.Residue) > 0 {
		t.Errorf("beside one that came back: %q", r.Residue)
	}
	// The meter of files has looked before the first one ends.
	next(t, h.play(h.launch(request("second", demo())), stream))
	for known, deadline := false, time.Now().Add(patience); !known; {
		if time.Now().After(deadline) {
			t.Fatal("the meter of files makes no page")
		}
		if err := h.readFiles(t.Context()); err != nil {
			t.Fatal(err)
		}
		posture, ok := h.posture()
		pages := <-h.books.pages
		known = ok && pages[posture] != nil
		h.books.pages <- pages
	}
	h.plant = plant
	if r := h.endWithReceipt(h.launch(request("b", demo())), receipts); r.Fault() != evidence.FaultResidue {
		t.Errorf("the first one beside two: %q, checked %t", r.Residue, r.ServeChecked)
	}
	h.plant = nil
}

// TestWhatIsOnlyLate is a note, not a leak: the later look decides.
func TestWhatIsOnlyLate(t *testing.T) {
	h, receipts := withReceipts(t)
	mounted := ""
	h.plant = func(s *Session) {
		if unix.Mount("none", s.dir, "tmpfs", 0, "") == nil {
			mounted = s.dir
		}
	}
	s := h.launch(request("a", demo()))
	h.receiptDelay = patience // until it is told to look
	s.End(evidence.EndStopped, "")
	<-s.Done()
	h.plant = nil
	if mounted == "" {
		t.Skip("needs to mount a file system")
	}
	first := h.await("the first look", 1, func(e evidence.Event) bool { return e.Attrs["left"] != "" })
	if first.Fault != "" || first.Kind != evidence.Note || !strings.Contains(first.Attrs["left"], mounted) {
		t.Errorf("the first look: %+v", first)
	}
	if err := errors.Join(unix.Unmount(mounted, unix.MNT_DETACH), os.RemoveAll(mounted)); err != nil {
		t.Fatal(err)
	}
	h.endReceipts() // now
	if r := receive(t, receipts); len(r.Residue) > 0 {
		t.Errorf("residue %q", r.Residue)
	}
	for _, e := range h.seen() {
		if e.Fault == evidence.FaultResidue {
			t.Errorf("a leak was told: %+v", e)
		}
	}
}
