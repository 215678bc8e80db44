package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"testing"

	"github.com/kennel-stream/kennel/internal/probe"
)

// TestFirstLight is the spine: a real host, a real app, a real client.
func TestFirstLight(t *testing.T) {
	s := startServer(t, "")
	me := t.TempDir()
	s.pair(me, "1234")
	s.probe(me, "--app", "Demo", "--mode", "640x360x30", "--seconds", "1", "--keys", "0")
	before := s.look()
	files := descriptors(s.cmd.Process.Pid)
	r := s.probe(me, "--app", "Demo", "--mode", "1280x720x30", "--seconds", "10", "--keys", "20")
	checkStream(t, r, 30, 10)
	if r.Input.Sent != 20 || r.Input.Echoed != 20 {
		t.Errorf("%d of %d keys were echoed, want 20 of 20", r.Input.Echoed, r.Input.Sent)
	}
	s.expectSame(t, before)
	waitFor(t, "the same open files as before", func() bool {
		return fmt.Sprint(descriptors(s.cmd.Process.Pid)) == fmt.Sprint(files)
	})
}

// checkStream holds a report against what a healthy stream shows.
func checkStream(t *testing.T, r *probe.Report, fps, seconds int) {
	t.Helper()
	b := r.Barcode
	if r.Frames.DecodedPercent < 98 || b.OutOfOrder != 0 || b.Foreign != 0 {
		t.Errorf("%.1f %% decoded, %d out of order, %d foreign", r.Frames.DecodedPercent, b.OutOfOrder, b.Foreign)
	}
	// Both ends run on the test's own cores: nine tenths must be there.
	if want := fps * seconds * 9 / 10; b.Seen < want {
		t.Errorf("%d distinct pictures in %d s, want %d", b.Seen, seconds, want)
	}
	if r.Frames.IDRs < 1 || !r.OK {
		t.Errorf("%d IDRs, problems %q", r.Frames.IDRs, r.Problems)
	}
}

// TestVideoIsEncrypted where the host demands it.
func TestVideoIsEncrypted(t *testing.T) {
	s, me := pairedServer(t, "version = 1\n[video]\nencryption = \"required\"\n")
	r := s.probe(me, "--app", "Demo", "--mode", "640x360x30", "--seconds", "3", "--keys", "3")
	checkStream(t, r, 30, 3)
	if !r.EncryptedVideo || r.Input.Echoed != 3 {
		t.Errorf("video encrypted %t, %d keys echoed", r.EncryptedVideo, r.Input.Echoed)
	}
}

// TestThreeClientsOfOneAddress: sessions are told apart by certificate and
// key, whatever the address, and whether RTSP is encrypted or not.
func TestThreeClientsOfOneAddress(t *testing.T) {
	s := startServer(t, "")
	var ids []string
	for i := range 3 {
		ids = append(ids, t.TempDir())
		s.pair(ids[i], fmt.Sprintf("%04d", i))
	}
	before := s.look()
	reports := make([]*probe.Report, len(ids))
	var all sync.WaitGroup
	for i, id := range ids {
		args := []string{"--app", "Demo", "--mode", "640x360x30", "--seconds", "6", "--keys", fmt.Sprint(5 + i)}
		if i == 1 {
			args = append(args, "--plain")
		}
		all.Go(func() {
			r, stderr, err := s.tryProbe(id, args...)
			if err != nil {
				t.Errorf("client %d: %v\n%s", i, err, stderr)
			}
			reports[i] = r
		})
	}
	all.Wait()
	var tags []uint32
	for i, r := range reports {
		if r.Barcode.Foreign != 0 || r.Barcode.OutOfOrder != 0 || r.Barcode.Seen < 60 {
			t.Errorf("client %d: %+v", i, r.Barcode)
		}
		// Exactly its own keys: no more, no fewer.
		if r.Input.Echoed != 5+i || r.Input.SeenTotal != 5+i {
			t.Errorf("client %d: %+v", i, r.Input)
		}
		if slices.Contains(tags, r.Barcode.SessionTag) {
			t.Errorf("client %d saw another client's session", i)
		}
		tags = append(tags, r.Barcode.SessionTag)
	}
	s.expectSame(t, before)
}

// TestACrashLeavesNothing: what a killed host leaves behind dies with it or is
// swept at the next start, and its ports are free.
func TestACrashLeavesNothing(t *testing.T) {
	s := startServer(t, "")
	me := t.TempDir()
	s.pair(me, "1234")
	s.probe(me, "--seconds", "1", "--keys", "0", "--keep")
	orphans := descendants(s.cmd.Process.Pid)
	instance := s.instance()
	if len(orphans) < 3 {
		t.Fatalf("only %d processes run", len(orphans))
	}
	if err := s.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	<-s.done
	s.done <- nil
	again := startServerIn(t, s.dir, s.port, "")
	for _, pid := range orphans {
		waitFor(t, fmt.Sprintf("the end of process %d", pid), func() bool { return syscall.Kill(pid, 0) != nil || isZombie(pid) })
	}
	if left, _ := filepath.Glob("/run/kennel/" + instance + "/*/wayland-1"); len(left) != 0 {
		t.Errorf("sockets left: %v", left)
	}
	r := again.probe(me, "--seconds", "2", "--keys", "2", "--mode", "640x360x30")
	checkStream(t, r, 30, 1)
}

func isZombie(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return true
	}
	i := slices.Index(stat, ')')
	return i >= 0 && i+2 < len(stat) && stat[i+2] == 'Z'
}
