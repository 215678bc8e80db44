package systemd

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// manager listens as systemd does.
func manager(t *testing.T, name string) *net.UnixConn {
	t.Helper()
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: name, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetReadDeadline(time.Now().Add(20 * time.Second))
	return conn
}

func heard(t *testing.T, conn *net.UnixConn) string {
	t.Helper()
	buf := make([]byte, 4096)
	n, err := conn.Read(buf)
	if err != nil {
		t.Fatal(err)
	}
	return string(buf[:n])
}

func TestNotify(t *testing.T) {
	for _, name := range []string{filepath.Join(t.TempDir(), "notify"), "@kennel-test-" + filepath.Base(t.TempDir()) + t.Name()} {
		conn := manager(t, name)
		t.Setenv("NOTIFY_SOCKET", name)
		m := FromEnvironment()
		if _, left := os.LookupEnv("NOTIFY_SOCKET"); left {
			t.Error("children would speak for us")
		}
		if err := m.Notify(Ready, Status("up\nand well")); err != nil {
			t.Fatal(err)
		}
		if got := heard(t, conn); got != "READY=1\nSTATUS=up and well" {
			t.Errorf("%s heard %q", name, got)
		}
	}
	if err := (Manager{}).Notify(Ready); err != nil {
		t.Errorf("without a manager: %v", err)
	}
	if err := (Manager{socket: filepath.Join(t.TempDir(), "gone")}).Notify(Ready); err == nil {
		t.Error("a manager that is gone was told")
	}
}

// TestWatchdogStarves when the main loops hang, and only then.
func TestWatchdogStarves(t *testing.T) {
	name := filepath.Join(t.TempDir(), "notify")
	conn := manager(t, name)
	t.Setenv("NOTIFY_SOCKET", name)
	t.Setenv("WATCHDOG_USEC", "20000")
	m := FromEnvironment()
	ctx, cancel := context.WithCancel(t.Context())
	well := make(chan error, 3)
	well <- nil
	well <- nil
	well <- errors.New("the spawner hangs")
	done := make(chan struct{})
	go func() {
		defer close(done)
		m.KeepWatch(ctx, func(ctx context.Context) error {
			select {
			case err := <-well:
				return err
			case <-ctx.Done():
				return ctx.Err()
			}
		})
	}()
	for _, want := range []string{Watchdog, Watchdog, "STATUS=not well: the spawner hangs"} {
		if got := heard(t, conn); !strings.HasPrefix(got, want) {
			t.Errorf("heard %q, want %q", got, want)
		}
	}
	cancel()
	<-done
	t.Setenv("NOTIFY_SOCKET", name)
	t.Setenv("WATCHDOG_USEC", "20000")
	t.Setenv("WATCHDOG_PID", "1")
	FromEnvironment().KeepWatch(t.Context(), nil) // of another process: returns
}
