package display_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/kennel-stream/kennel/internal/display"
	"github.com/kennel-stream/kennel/internal/display/compositor"
	"github.com/kennel-stream/kennel/internal/ipc"
	"github.com/kennel-stream/kennel/internal/process"
)

// TestMain is also the display: a test binary that is started with the hidden
// verb becomes one.
func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == "display" {
		if err := compositor.Run(context.Background(), display.ControlFD, display.ListenFD); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

func options(t *testing.T) display.Options {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "kennel")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return display.Options{
		Executable: self, SocketPath: filepath.Join(dir, "wayland-1"), Width: 640, Height: 480,
		RefreshMilliHz: 60000, SessionID: "test", Stderr: os.Stderr,
	}
}

func start(t *testing.T, o display.Options) (*display.Display, error) {
	t.Helper()
	spawner := process.NewSpawner()
	t.Cleanup(spawner.Close)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	return display.Start(ctx, spawner, o)
}

func TestDisplayStartsServesAndStops(t *testing.T) {
	o := options(t)
	d, err := start(t, o)
	if err != nil {
		t.Fatal(err)
	}
	media, err := d.AddSink(t.Context(), 7)
	if err != nil {
		t.Fatal(err)
	}
	for _, send := range []error{
		d.Key(30, true), d.MotionRelative(1, 1), d.MotionAbsolute(1, 1, 2, 2), d.Button(0x110, true),
		d.Axis(120, 0), d.Text("hi"), d.ReleaseAll(), d.Resize(t.Context(), 320, 240),
	} {
		if send != nil {
			t.Error(send)
		}
	}
	st, err := d.Stats(t.Context())
	if err != nil || st.Sinks != 1 || st.Clients != 0 {
		t.Errorf("statistics %+v, %v", st, err)
	}
	if err := d.RemoveSink(7); err != nil {
		t.Error(err)
	}
	conn, err := ipc.FromFile(media)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Receive(5 * time.Second); err == nil {
		t.Error("a removed sink got a message")
	}
	if err := d.Text(strings.Repeat("a", display.MaxText+1)); !errors.Is(err, display.ErrInput) {
		t.Errorf("too long a text: %v", err)
	}
	exit, err := d.Stop(t.Context())
	if err != nil || exit.Code != 0 {
		t.Errorf("stopped with %v, %v", exit, err)
	}
	if _, err := os.Lstat(o.SocketPath); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the socket is left: %v", err)
	}
}

// TestDisplayThatHangs: who brings input does not wait for it, it is told when
// some is given up, and a display that goes on holds nothing pressed.
func TestDisplayThatHangs(t *testing.T) {
	d, err := start(t, options(t))
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Process().Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	began, slowest, behind := time.Now(), time.Duration(0), 0
	for i := 0; behind < 3 && time.Since(began) < 10*time.Second; i++ {
		before := time.Now()
		if err := d.Key(30, i%2 == 0); errors.Is(err, display.ErrBehind) {
			behind++
		} else if err != nil {
			t.Fatal(err)
		}
		slowest = max(slowest, time.Since(before))
	}
	if behind < 3 || slowest > 100*time.Millisecond {
		t.Errorf("told %d times, the slowest input took %v", behind, slowest)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	if _, err := d.Stats(ctx); err == nil || errors.Is(err, display.ErrGone) {
		t.Errorf("a display that hangs: %v", err)
	}
	if err := d.Process().Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	if err := d.ReleaseAll(); err != nil && !errors.Is(err, display.ErrBehind) {
		t.Error(err)
	}
	more, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	for _, err := d.Stats(more); err != nil; _, err = d.Stats(more) {
		if more.Err() != nil {
			t.Fatal(err)
		}
	}
	if _, err := d.Stop(more); err != nil {
		t.Error(err)
	}
	for range d.Events() {
	}
	if err := d.Key(30, true); !errors.Is(err, display.ErrGone) {
		t.Errorf("input for a display that is gone: %v", err)
	}
}

func TestKilledDisplayIsNoticed(t *testing.T) {
	d, err := start(t, options(t))
	if err != nil {
		t.Fatal(err)
	}
	d.Process().Kill()
	for range d.Events() {
	}
	if _, err := d.Stats(t.Context()); err == nil {
		t.Error("a dead display gives statistics")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	if exit, _ := d.Stop(ctx); exit.Signal == 0 {
		t.Errorf("exit %v", exit)
	}
}

func TestConfigurationThatCannotBeServed(t *testing.T) {
	o := options(t)
	o.Width = 0
	o.Stderr = nil
	if _, err := start(t, o); err == nil || !strings.Contains(err.Error(), "0x480") {
		t.Errorf("a display without width: %v", err)
	}
	if _, err := os.Lstat(o.SocketPath); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the socket is left: %v", err)
	}
}

func TestProgramThatIsNoDisplay(t *testing.T) {
	o := options(t)
	o.Executable = "/bin/true"
	if _, err := start(t, o); !errors.Is(err, display.ErrGone) {
		t.Errorf("/bin/true as a display: %v", err)
	}
}
