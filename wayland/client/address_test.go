package client_test

import (
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/kennel-stream/kennel/wayland/client"
	"github.com/kennel-stream/kennel/wayland/server"
)

// TestConnect finds the compositor in all ways that libwayland does.
func TestConnect(t *testing.T) {
	dir, err := os.MkdirTemp("", "wl") // a socket's path must be short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	path := filepath.Join(dir, "wayland-0")
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	serve(t, server.NewDisplay(server.Options{}), listener)
	for name, c := range map[string]struct{ display, variable, runtimeDir string }{
		"path":          {display: path},
		"name":          {display: "wayland-0", runtimeDir: dir},
		"variable":      {variable: "wayland-0", runtimeDir: dir},
		"variable path": {variable: path},
		"default":       {runtimeDir: dir},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("WAYLAND_SOCKET", "")
			t.Setenv("WAYLAND_DISPLAY", c.variable)
			t.Setenv("XDG_RUNTIME_DIR", c.runtimeDir)
			reach(t, c.display)
		})
	}
	t.Run("inherited socket", func(t *testing.T) {
		sock, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: path, Net: "unix"})
		if err != nil {
			t.Fatal(err)
		}
		file, err := sock.File()
		if err != nil {
			t.Fatal(err)
		}
		fd, err := unix.Dup(int(file.Fd())) // Connect closes it
		if err != nil {
			t.Fatal(err)
		}
		_, _ = file.Close(), sock.Close()
		t.Setenv("WAYLAND_SOCKET", strconv.Itoa(fd))
		t.Setenv("WAYLAND_DISPLAY", "nowhere")
		reach(t, "")
		if os.Getenv("WAYLAND_SOCKET") != "" {
			t.Error("WAYLAND_SOCKET is left for children, to whom it means nothing")
		}
	})
}

func reach(t *testing.T, display string) {
	t.Helper()
	conn, err := client.Connect(t.Context(), display)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if err := conn.Roundtrip(deadline(t)); err != nil {
		t.Fatal(err)
	}
}

// TestConnectFails: each error names what was tried or what to set.
func TestConnectFails(t *testing.T) {
	dir := t.TempDir()
	for name, c := range map[string]struct{ display, socket, runtimeDir, want string }{
		"nobody listens":    {display: filepath.Join(dir, "no"), want: "is a compositor running there?"},
		"no runtime folder": {display: "wayland-0", want: "XDG_RUNTIME_DIR"},
		"no number":         {socket: "three", want: "WAYLAND_SOCKET"},
		"no such socket":    {socket: "1023", want: "WAYLAND_SOCKET"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("WAYLAND_SOCKET", c.socket)
			t.Setenv("XDG_RUNTIME_DIR", c.runtimeDir)
			conn, err := client.Connect(t.Context(), c.display)
			if err == nil {
				_ = conn.Close()
				t.Fatal("connected")
			}
			if !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %q does not speak of %s", err, c.want)
			}
		})
	}
}
