package e2e

import (
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestHealth: ready after the start; not ready when the encoder's program is
// gone, by its name; and running sessions are left alone.
func TestHealth(t *testing.T) {
	t.Parallel() // nothing in it is timed
	bin := publicDir(t)
	for _, name := range []string{"kennel", "kennel-media"} {
		raw, err := os.ReadFile(filepath.Join(filepath.Dir(kennel(t)), name))
		if err == nil {
			err = os.WriteFile(filepath.Join(bin, name), raw, 0o755)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	data := filepath.Join(bin, "data")
	port := freeBase(t)
	s := start(t, exec.Command(filepath.Join(bin, "kennel"), "serve", "--data", data, "--port", fmtPort(port)), data, port)
	stdout, stderr, err := run(t.Context(), t, "health", "--data", data)
	if err != nil || !strings.Contains(stdout, "a picture came through") {
		t.Errorf("a healthy host: %v\n%s%s", err, stdout, stderr)
	}
	me := t.TempDir()
	s.pair(me, "1234")
	b := s.background(me, "--mode", "640x360x30", "--seconds", "8", "--keys", "4")
	s.streaming()
	if err := os.Rename(filepath.Join(bin, "kennel-media"), filepath.Join(bin, "gone")); err != nil {
		t.Fatal(err)
	}
	stdout, stderr, err = run(t.Context(), t, "health", "--now", "--data", data)
	// One warm spare may still serve the first.
	if err == nil {
		stdout, stderr, err = run(t.Context(), t, "health", "--now", "--data", data)
	}
	if err == nil || !strings.Contains(stderr, "not ready") || !strings.Contains(stdout, "kennel-media") {
		t.Errorf("without kennel-media: %v\n%s%s", err, stdout, stderr)
	}
	if _, err := s.api.Status(t.Context()); err != nil {
		t.Errorf("the host is not alive: %v", err)
	}
	<-b.done
	if b.err != nil || b.report.Input.Echoed != 4 {
		t.Errorf("the running session was harmed: %v\n%s", b.err, b.stderr)
	}
	if err := os.Rename(filepath.Join(bin, "gone"), filepath.Join(bin, "kennel-media")); err != nil {
		t.Fatal(err)
	}
	if stdout, stderr, err = run(t.Context(), t, "health", "--now", "--data", data); err != nil {
		t.Errorf("with kennel-media again: %v\n%s%s", err, stdout, stderr)
	}
}

// TestServiceManager hears when the host is ready, that it lives, and that it stops.
func TestServiceManager(t *testing.T) {
	t.Parallel() // nothing in it is timed
	dir := t.TempDir()
	name := filepath.Join(dir, "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: name, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetReadDeadline(time.Now().Add(30 * time.Second))
	port := freeBase(t)
	cmd := exec.Command(kennel(t), "serve", "--data", filepath.Join(dir, "data"), "--port", fmtPort(port))
	cmd.Env = append(os.Environ(), "NOTIFY_SOCKET="+name, "WATCHDOG_USEC=200000")
	start(t, cmd, filepath.Join(dir, "data"), port)
	heard := map[string]bool{}
	buf := make([]byte, 4096)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	for ctx.Err() == nil && !heard["STOPPING=1"] {
		n, err := conn.Read(buf)
		if err != nil {
			t.Fatalf("heard %v: %v", heard, err)
		}
		for _, line := range strings.Split(string(buf[:n]), "\n") {
			heard[line] = true
		}
		if heard["READY=1"] && heard["WATCHDOG=1"] {
			_ = cmd.Process.Signal(os.Interrupt)
		}
	}
	if !heard["STOPPING=1"] {
		t.Errorf("heard %v", heard)
	}
}
