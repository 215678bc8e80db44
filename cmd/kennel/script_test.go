package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/kennel-stream/kennel/internal/web"
)

// TestScripts runs the command line as people do. Beside testscript's own
// commands there are fails, narrow, busy, up, waiting, onterminal, hostile and
// lean.
func TestScripts(t *testing.T) {
	if testing.Short() {
		t.Skip("builds and runs the programs")
	}
	bin, shared := t.TempDir(), t.TempDir()
	build := exec.Command("go", "build", "-trimpath", "-o", bin, ".", "../kennel-media")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	testscript.Run(t, testscript.Params{
		Dir:                "testdata/script",
		RequireUniqueNames: true,
		Setup: func(e *testscript.Env) error {
			base, err := freeBase()
			if err != nil {
				return err
			}
			samples, err := filepath.Abs("../../docs/samples")
			if err != nil {
				return err
			}
			e.Setenv("SAMPLES", samples)
			e.Setenv("PATH", bin+":/usr/bin:/bin")
			e.Setenv("BASE", strconv.Itoa(base))
			e.Setenv("NEXT", strconv.Itoa(base+100))
			e.Setenv("DATA", filepath.Join(e.WorkDir, "data"))
			// GStreamer's plugins are looked at once for all scripts.
			e.Setenv("XDG_CACHE_HOME", shared)
			e.Setenv("XDG_RUNTIME_DIR", shared)
			return os.WriteFile(filepath.Join(e.WorkDir, "kennel.toml"), []byte(hostConfig), 0o600)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"fails": fails, "narrow": narrow, "busy": busy, "up": up, "waiting": waiting, "onterminal": onTerminal, "hostile": hostile, "lean": lean,
		},
	})
}

// hostConfig keeps the tests to themselves.
const hostConfig = "version = 1\nhostname = \"Kennel\"\n[listen]\naddress = \"127.0.0.1\"\n[discovery]\nmdns = \"off\"\n"

// freeBase finds a base whose ports are free, and those of the base 100 above.
func freeBase() (int, error) {
	for base := 20000 + os.Getpid()%800*40; base < 60000; base += 200 {
		free := true
		for _, offset := range []int{-5, 0, 9, 10, 11, 21, 95, 100, 109, 110, 111, 121} {
			l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", base+offset))
			if err != nil {
				free = false
				break
			}
			_ = l.Close()
		}
		if free && taken.add(base) {
			return base, nil
		}
	}
	return 0, errors.New("no free ports")
}

// fails STATUS COMMAND runs a command that must end with that exit status.
func fails(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: fails STATUS COMMAND...")
	}
	err := ts.Exec(args[1], args[2:]...)
	exit, ok := errors.AsType[*exec.ExitError](err)
	if !ok || strconv.Itoa(exit.ExitCode()) != args[0] {
		ts.Fatalf("want exit status %s, got: %v", args[0], err)
	}
}

// narrow holds when the last command wrote no line of more than 80 columns.
func narrow(ts *testscript.TestScript, _ bool, _ []string) {
	for line := range strings.Lines(ts.ReadFile("stdout") + ts.ReadFile("stderr")) {
		if columns := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); columns > 80 {
			ts.Fatalf("%d columns: %s", columns, line)
		}
	}
}

// busy PORT listens there until the script ends.
func busy(ts *testscript.TestScript, _ bool, args []string) {
	l, err := net.Listen("tcp", "127.0.0.1:"+args[0])
	ts.Check(err)
	ts.Defer(func() { _ = l.Close() })
}

// up waits until the host of $DATA answers.
func up(ts *testscript.TestScript, _ bool, _ []string) {
	api := web.NewClient(ts.Getenv("DATA"))
	until(ts, "the host did not come up", func() bool {
		_, err := api.Status(t0())
		return err == nil
	})
}

// waiting COUNT waits until so many clients wait for their PIN, and puts the id of
// the newest into $REQUEST.
func waiting(ts *testscript.TestScript, _ bool, args []string) {
	api := web.NewClient(ts.Getenv("DATA"))
	until(ts, "the clients did not ask to pair", func() bool {
		all, err := api.Pairings(t0())
		if err != nil || strconv.Itoa(len(all)) != args[0] {
			return false
		}
		if len(all) > 0 {
			ts.Setenv("REQUEST", all[len(all)-1].ID)
		}
		return true
	})
}

func until(ts *testscript.TestScript, otherwise string, done func() bool) {
	deadline := time.NewTimer(60 * time.Second)
	defer deadline.Stop()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !done() {
		select {
		case <-tick.C:
		case <-deadline.C:
			ts.Fatalf("%s", otherwise)
		}
	}
}
