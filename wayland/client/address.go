package client

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"
)

// errNoRuntimeDir means that a display's name says nothing without a folder.
var errNoRuntimeDir = errors.New("XDG_RUNTIME_DIR is not set; set it, or give the socket's whole path")

// dial connects to a display: an absolute path of a socket, or the name of one
// in $XDG_RUNTIME_DIR. An empty one stands for the environment: the open
// socket of WAYLAND_SOCKET, which is used once, else WAYLAND_DISPLAY, else
// wayland-0 (as wl_display_connect has it).
func dial(ctx context.Context, display string) (*net.UnixConn, error) {
	if display == "" {
		if fd := os.Getenv("WAYLAND_SOCKET"); fd != "" {
			return inherited(fd)
		}
		display = os.Getenv("WAYLAND_DISPLAY")
	}
	if display == "" {
		display = "wayland-0"
	}
	if !filepath.IsAbs(display) {
		dir := os.Getenv("XDG_RUNTIME_DIR")
		if dir == "" {
			return nil, fmt.Errorf("connect to wayland display %q: %w", display, errNoRuntimeDir)
		}
		display = filepath.Join(dir, display)
	}
	var dialer net.Dialer
	sock, err := dialer.DialContext(ctx, "unix", display)
	if err != nil {
		return nil, fmt.Errorf("connect to wayland display (is a compositor running there?): %w", err)
	}
	return sock.(*net.UnixConn), nil
}

// inherited takes over the socket whose descriptor is named in WAYLAND_SOCKET.
func inherited(name string) (*net.UnixConn, error) {
	fd, err := strconv.ParseUint(name, 10, 31)
	if err != nil {
		return nil, fmt.Errorf("use WAYLAND_SOCKET=%q: not the number of a descriptor", name)
	}
	if err := os.Unsetenv("WAYLAND_SOCKET"); err != nil {
		return nil, fmt.Errorf("use WAYLAND_SOCKET: %w", err)
	}
	unix.CloseOnExec(int(fd))
	file := os.NewFile(uintptr(fd), "WAYLAND_SOCKET")
	defer func() { _ = file.Close() }()
	sock, err := net.FileConn(file)
	if err != nil {
		return nil, fmt.Errorf("use WAYLAND_SOCKET=%s: %w", name, err)
	}
	conn, ok := sock.(*net.UnixConn)
	if !ok {
		_ = sock.Close()
		return nil, fmt.Errorf("use WAYLAND_SOCKET=%s: not a unix socket", name)
	}
	return conn, nil
}
