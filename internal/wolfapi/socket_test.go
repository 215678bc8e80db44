package wolfapi

import (
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// knock is set in the environment of a child that only connects.
const knock = "KENNEL_TEST_KNOCK"

func TestMain(m *testing.M) {
	if path := os.Getenv(knock); path != "" {
		os.Exit(knockAt(path))
	}
	os.Exit(m.Run())
}

// knockAt prints the first bytes of the answer, or what went wrong.
func knockAt(path string) int {
	c, err := net.DialTimeout("unix", path, 10*time.Second)
	if err != nil {
		fmt.Println(err)
		return 0
	}
	_ = c.SetDeadline(time.Now().Add(10 * time.Second))
	_, _ = io.WriteString(c, "GET /api/v1/lobbies HTTP/1.0\r\n\r\n")
	text, _ := io.ReadAll(c)
	fmt.Printf("%.15s", text)
	return 0
}

// TestStrangersAreNotAnswered, whatever the modes of the socket say.
func TestStrangersAreNotAnswered(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can be somebody else")
	}
	group, err := user.LookupGroupId("1")
	if err != nil {
		t.Skip(err)
	}
	dir, err := os.MkdirTemp("", "wolf")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	exe := filepath.Join(dir, "knock")
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	program, err := os.ReadFile(self)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(exe, program, 0o755); err != nil {
		t.Fatal(err)
	}
	gid, _ := strconv.Atoi(group.Gid)
	for name, tt := range map[string]struct {
		group string
		open  bool
		as    *syscall.Credential
		want  string
	}{
		"root":                  {"", false, &syscall.Credential{}, "HTTP/1.0 200 OK"},
		"stranger":              {"", false, &syscall.Credential{Uid: 65534, Gid: 65534}, "permission denied"},
		"stranger, socket open": {"", true, &syscall.Credential{Uid: 65534, Gid: 65534}, ""},
		"stranger to the group": {group.Name, true, &syscall.Credential{Uid: 65534, Gid: 65534}, ""},
		"of the group":          {group.Name, false, &syscall.Credential{Uid: 65534, Gid: uint32(gid)}, "HTTP/1.0 200 OK"},
		"of the group, too":     {group.Name, false, &syscall.Credential{Uid: 65534, Gid: 65534, Groups: []uint32{7, uint32(gid)}}, "HTTP/1.0 200 OK"},
		"group, but none wanted": {
			"", true, &syscall.Credential{Uid: 65534, Gid: uint32(gid)}, "",
		},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(dir, "s")
			l, err := Listen(path, tt.group, func(string, ...any) {})
			if err != nil {
				t.Fatal(err)
			}
			srv := NewServer(newDesk(t), NewFeed(), func(string, ...any) {})
			done := make(chan struct{})
			go func() {
				defer close(done)
				_ = srv.Serve(l)
			}()
			defer func() {
				_ = srv.Close()
				<-done
			}()
			if tt.open {
				if err := os.Chmod(path, 0o666); err != nil {
					t.Fatal(err)
				}
			}
			child := exec.CommandContext(t.Context(), exe)
			child.Dir, child.Env, child.SysProcAttr = dir, []string{knock + "=" + path}, &syscall.SysProcAttr{Credential: tt.as}
			out, err := child.CombinedOutput()
			if err != nil || tt.want == "" && len(out) > 0 || !strings.Contains(string(out), tt.want) {
				t.Errorf("got %q, %v, want %q", out, err, tt.want)
			}
		})
	}
}

func TestListen(t *testing.T) {
	quiet := func(string, ...any) {}
	path := filepath.Join(t.TempDir(), "made", "wolf.sock")
	l, err := Listen(path, "", quiet)
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if _, err := Listen(path, "", quiet); err == nil || !strings.Contains(err.Error(), "another program answers") {
		t.Errorf("a socket that is served was taken over: %v", err)
	}
	// A host that was killed leaves its socket behind.
	l.(*guarded).Listener.(*net.UnixListener).SetUnlinkOnClose(false)
	_ = l.Close()
	if l, err = Listen(path, "", quiet); err != nil {
		t.Fatalf("a stale socket was not replaced: %v", err)
	}
	_ = l.Close()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, []byte("dear"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Listen(file, "", quiet); err == nil || !strings.Contains(err.Error(), "no socket") {
		t.Errorf("a file was taken for a socket: %v", err)
	}
	if _, err := Listen(path, "no-such-group-here", quiet); err == nil {
		t.Error("a group that does not exist was taken")
	}
}

// TestPlacesAreBounded: connections beyond the bound are hung up on, and places
// are given back.
func TestPlacesAreBounded(t *testing.T) {
	d := newDesk(t)
	w := serve(t, d)
	var open []net.Conn
	for range maxConnections {
		c, err := net.Dial("unix", w.path)
		if err != nil {
			t.Fatal(err)
		}
		open = append(open, c)
	}
	c, err := net.Dial("unix", w.path)
	if err != nil {
		t.Fatal(err)
	}
	_ = c.SetDeadline(time.Now().Add(4 * time.Second)) // the idle ones are let go after 5
	if n, err := c.Read(make([]byte, 1)); n != 0 || err != io.EOF {
		t.Errorf("one too many: %d bytes, %v", n, err)
	}
	for _, c := range open {
		_ = c.Close()
	}
	deadline := time.Now().Add(20 * time.Second)
	for {
		if c, err := net.Dial("unix", w.path); err == nil {
			_ = c.SetDeadline(time.Now().Add(10 * time.Second))
			_, _ = io.WriteString(c, "GET /api/v1/lobbies HTTP/1.0\r\n\r\n")
			text, _ := io.ReadAll(c)
			_ = c.Close()
			if strings.HasPrefix(string(text), "HTTP/1.0 200") {
				return
			}
		}
		if time.Now().After(deadline) {
			t.Fatal("places were not given back")
		}
	}
}
