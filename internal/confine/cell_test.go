package confine_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/kennel-stream/kennel/internal/confine"
	"github.com/kennel-stream/kennel/internal/process"
)

// opened is an open cell whose apps print to a file.
type opened struct {
	*cell
	*confine.Cell
	out *os.File
}

func (c *cell) opened() *opened {
	c.t.Helper()
	out, err := os.Create(filepath.Join(c.dir, "out"))
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() { _ = out.Close() })
	ctx, cancel := context.WithTimeout(c.t.Context(), patience)
	defer cancel()
	cell, err := confine.OpenCell(ctx, c.spawner, c.exe, c.plan.Layout, process.Spec{Stderr: out})
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() {
		cell.Kill()
		<-cell.Done()
	})
	return &opened{c, cell, out}
}

func (o *opened) start(script string) *confine.App {
	o.t.Helper()
	plan := o.plan
	plan.Path, plan.Args = "/bin/sh", []string{"sh", "-c", script}
	app, err := o.Start(plan, process.Spec{Name: "app", Env: []string{"PATH=/usr/bin:/bin", "HOME=" + o.plan.Home}, Dir: o.dir, Stdout: o.out, Stderr: o.out})
	if err != nil {
		o.t.Fatal(err)
	}
	return app
}

// end waits for an app's end.
func (o *opened) end(app *confine.App) process.Exit {
	o.t.Helper()
	select {
	case <-app.Done():
	case <-time.After(patience):
		o.t.Fatalf("the app does not end:\n%s", o.said())
	}
	return app.Exit()
}

func (o *opened) said() string {
	o.t.Helper()
	raw, err := os.ReadFile(o.out.Name())
	if err != nil {
		o.t.Fatal(err)
	}
	return strings.TrimSpace(string(raw))
}

// awaitSaid waits until an app has said something.
func (o *opened) awaitSaid(what string) {
	o.t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(patience); !strings.Contains(o.said(), what); <-tick.C {
		if time.Now().After(deadline) {
			o.t.Fatalf("nobody says %q:\n%s", what, o.said())
		}
	}
}

// TestAppExitsArePassedOn: a status, a signal and the time of the processor. What
// an app has left behind does not end the cell.
func TestAppExitsArePassedOn(t *testing.T) {
	o := newCell(t).opened()
	for script, want := range map[string]process.Exit{
		"exit 0":                          {Code: 0},
		"exit 137":                        {Code: 137},
		"kill -SEGV $$":                   {Code: -1, Signal: syscall.SIGSEGV},
		"kill -KILL $$":                   {Code: -1, Signal: syscall.SIGKILL},
		"sleep 60 & exit 3":               {Code: 3},
		"(sleep 60 &) & wait; exit 4":     {Code: 4},
		"kill -TERM 1; kill -9 1; exit 0": {Code: 0}, // the keeper does not mind
	} {
		exit := o.end(o.start(script))
		if exit.Code != want.Code || exit.Signal != want.Signal || exit.Name != "app" || exit.At.IsZero() {
			t.Errorf("%s: %+v", script, exit)
		}
	}
	if exit := o.end(o.start("i=0; while [ $i -lt 30000 ]; do i=$((i+1)); done")); exit.User == 0 {
		t.Errorf("work took no time: %+v", exit)
	}
	if _, err := o.Start(confine.Plan{Path: "/nowhere", Args: []string{"x"}, User: o.plan.User}, process.Spec{}); err == nil || !strings.Contains(err.Error(), "/nowhere") {
		t.Errorf("a program that is not there: %v", err)
	}
}

// TestAppOrphansAreReaped by the keeper, in the place of init.
func TestAppOrphansAreReaped(t *testing.T) {
	o := newCell(t).opened()
	o.end(o.start(`for i in 1 2 3 4 5 6 7 8; do (true &) ; done; wait
		while grep -l "^State:.*Z" /proc/[0-9]*/status 2>/dev/null | grep -q .; do :; done; echo none is left`))
	if got := o.said(); got != "none is left" {
		t.Errorf("said %q", got)
	}
}

// TestAppIsStopped with its process group, also where it does not obey, and others
// of the session go on.
func TestAppIsStopped(t *testing.T) {
	o := newCell(t).opened()
	other := o.start("echo other; exec sleep 60")
	polite := o.start("trap 'echo bye; exit 5' TERM; echo polite; while :; do sleep 0.01; done")
	deaf := o.start("trap '' TERM; echo deaf; while :; do sleep 0.01; done")
	for _, what := range []string{"other", "polite", "deaf"} {
		o.awaitSaid(what)
	}
	polite.Stop(t.Context(), patience)
	if exit := o.end(polite); exit.Code != 5 {
		t.Errorf("the polite one: %s", exit)
	}
	deaf.Stop(t.Context(), 10*time.Millisecond)
	if exit := o.end(deaf); exit.Signal != syscall.SIGKILL {
		t.Errorf("the deaf one: %s", exit)
	}
	select {
	case <-other.Done():
		t.Errorf("the other one ended, too: %s", other.Exit())
	default:
	}
	// The end of the keeper is everybody's.
	o.Kill()
	if exit := o.end(other); exit.Signal != syscall.SIGKILL || exit.Name != "app" {
		t.Errorf("with the keeper: %+v", exit)
	}
	<-o.Done()
	if o.Alive() {
		t.Error("the cell is said to be alive")
	}
	if _, err := o.Start(o.plan, process.Spec{}); err == nil {
		t.Error("an app was started after the end")
	}
}

// TestAppSharesWithNextOfItsSession: home and /tmp last as long as the session,
// and have their sizes.
func TestAppSharesWithNextOfItsSession(t *testing.T) {
	c := newCell(t)
	c.plan.Home = filepath.Join(c.dir, "home")
	if err := os.Mkdir(c.plan.Home, 0o700); err != nil {
		t.Fatal(err)
	}
	c.plan.TmpBytes, c.plan.HomeBytes = 1<<20, 2<<20
	o := c.opened()
	o.end(o.start(`echo kept >"$HOME/a" && echo kept >/tmp/b; stat -c %a "$HOME" /tmp`))
	o.end(o.start(`cat "$HOME/a" /tmp/b /var/tmp/b; head -c 3000000 /dev/zero >"$HOME/big"; head -c 2000000 /dev/zero >/tmp/big`))
	got := o.said()
	if strings.Count(got, "kept") != 3 || strings.Count(got, "No space left") != 2 || !strings.HasPrefix(got, "700\n700\n") {
		t.Errorf("said:\n%s", got)
	}
	if left, _ := os.ReadDir(c.plan.Home); len(left) > 0 {
		t.Errorf("outside there is %v", left)
	}
}

// TestAppHasNoTerminalOfTheHost, in which it could type.
func TestAppHasNoTerminalOfTheHost(t *testing.T) {
	o := newCell(t).opened()
	o.end(o.start(`set -- $(cat /proc/self/stat); echo "tty $7"; test "$(cut -d' ' -f6 /proc/$$/stat)" = $$ && echo own session`))
	if got := o.said(); got != "tty 0\nown session" {
		t.Errorf("said %q", got)
	}
}

// TestAppMakesNamespacesOfItsOwn, as browsers and bubblewrap do.
func TestAppMakesNamespacesOfItsOwn(t *testing.T) {
	o := newCell(t).opened()
	if exit := o.end(o.start(`unshare -U true && unshare -Urpf --mount-proc sh -c 'test $$ = 1 && ls -d /proc/1 && mount -t tmpfs none /mnt && echo mounted'`)); exit.Code != 0 {
		t.Errorf("%s:\n%s", exit, o.said())
	}
}

// TestAppLimitsItsProcesses where no control group does.
func TestAppLimitsItsProcesses(t *testing.T) {
	c := newCell(t)
	c.plan.Processes = 40
	o := c.opened()
	o.end(o.start(`grep "Max processes" /proc/self/limits; i=0; while [ $i -lt 80 ]; do sleep 60 & i=$((i+1)); done; echo all`))
	if got := o.said(); !strings.HasPrefix(got, "Max processes             40                   40") || !strings.Contains(got, "fork") || strings.Contains(got, "all") {
		t.Errorf("said:\n%s", got)
	}
}

// TestAppCannotLeaveItsControlGroup: they are read-only to the host's own user.
func TestAppCannotLeaveItsControlGroup(t *testing.T) {
	c := newCell(t)
	if c.plan.User != nil {
		t.Skip("on a host of root the groups belong to root")
	}
	o := c.opened()
	o.end(o.start(`grep -E " /sys/fs/cgroup[^ ]* [^ ]* " /proc/mounts | tail -n 1`))
	if got := o.said(); got != "" && !strings.Contains(got, " ro") {
		t.Errorf("mounted so: %s", got)
	}
}

// TestAppLargeEnvironment is handed over whole.
func TestAppLargeEnvironment(t *testing.T) {
	o := newCell(t).opened()
	plan := o.plan
	plan.Path, plan.Args = "/bin/sh", []string{"sh", "-c", "echo ${#A} ${#B}"}
	large := string(bytes.Repeat([]byte("x"), 100_000))
	app, err := o.Start(plan, process.Spec{Env: []string{"A=" + large, "B=" + large}, Stdout: o.out})
	if err != nil {
		t.Fatal(err)
	}
	o.end(app)
	if got := o.said(); got != fmt.Sprint(len(large), " ", len(large)) {
		t.Errorf("said %q", got)
	}
}

// TestAppSandboxes of programs that make namespaces inside the app's.
func TestAppSandboxes(t *testing.T) {
	for program, command := range map[string]string{
		"bwrap":       `bwrap --unshare-all --ro-bind / / --proc /proc --dev /dev --tmpfs /tmp sh -c 'test $(ls -d /proc/[0-9]* | wc -l) -lt 6' && echo well`,
		"chromium":    `chromium --headless --disable-gpu --no-first-run --user-data-dir=/tmp/profile --dump-dom 'data:text/html,<script>document.write("we"+"ll")</script>'`,
		"firefox-esr": `firefox-esr --headless --no-remote --profile "$HOME" --screenshot /tmp/well.png 'data:text/html,<p>x' >/dev/null 2>&1; ls /tmp/well.png`,
	} {
		t.Run(program, func(t *testing.T) {
			if _, err := exec.LookPath(program); err != nil {
				t.Skip(err)
			}
			if program != "bwrap" && os.Getenv("KENNEL_APPS") == "" {
				t.Skip("a heavy app: run make apps")
			}
			c := newCell(t)
			c.plan.Home = filepath.Join(c.dir, "home")
			if err := os.Mkdir(c.plan.Home, 0o700); err != nil {
				t.Fatal(err)
			}
			c.plan.HomeBytes = 256 << 20
			o := c.opened()
			app := o.start("unset DISPLAY; " + command)
			select {
			case <-app.Done():
			case <-time.After(2 * time.Minute):
				t.Fatalf("it does not end:\n%s", o.said())
			}
			if said := o.said(); !strings.Contains(said, "well") {
				t.Errorf("%s says:\n%s", app.Exit(), said)
			}
		})
	}
}
