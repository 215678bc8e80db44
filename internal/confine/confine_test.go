package confine_test

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/kennel-stream/kennel/internal/confine"
	"github.com/kennel-stream/kennel/internal/process"
)

const patience = 20 * time.Second

// program is the real kennel.
var program = sync.OnceValues(func() (string, error) {
	if dir := os.Getenv("KENNEL_BIN"); dir != "" {
		return filepath.Join(dir, "kennel"), nil
	}
	path := filepath.Join(scratch, "kennel")
	build := exec.Command("go", "build", "-buildvcs=false", "-o", path, "github.com/kennel-stream/kennel/cmd/kennel")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	return path, nil
})

var scratch string // removed at the end

func TestMain(m *testing.M) {
	var err error
	if scratch, err = os.MkdirTemp("", "kennel-confine-test"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	_ = os.Chmod(scratch, 0o755)
	code := m.Run()
	_ = os.RemoveAll(scratch)
	os.Exit(code)
}

type cell struct {
	t       *testing.T
	spawner *process.Spawner
	exe     string
	plan    confine.Plan
	dir     string
	exit    process.Exit // of the last app
}

// newCell makes a session's directory below /tmp, where it must stay visible.
func newCell(t *testing.T) *cell {
	t.Helper()
	exe, err := program()
	if err != nil {
		t.Fatal(err)
	}
	c := &cell{t: t, spawner: process.NewSpawner(), exe: exe}
	t.Cleanup(c.spawner.Close)
	if c.dir, err = os.MkdirTemp(scratch, "cell"); err != nil {
		t.Fatal(err)
	}
	c.plan = confine.Plan{Layout: confine.Layout{Tmp: filepath.Join(c.dir, "tmp"), Keep: []string{c.dir}}}
	if os.Geteuid() == 0 {
		c.plan.User = &process.Credential{UID: 64321, GID: 64321}
		c.plan.Owner = c.plan.User
	}
	for _, dir := range []string{c.dir, c.plan.Tmp} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		if u := c.plan.User; u != nil {
			if err := os.Chown(dir, int(u.UID), int(u.GID)); err != nil {
				t.Fatal(err)
			}
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	c.plan.Abilities = confine.Check(ctx, c.spawner, exe)
	if !c.plan.Abilities.Processes || !c.plan.Abilities.Scopes {
		t.Skipf("this machine cannot confine: %q", c.plan.Abilities.Missing)
	}
	return c
}

// sh runs a script in the cell and returns what it printed.
func (c *cell) sh(script string, args ...string) string {
	c.t.Helper()
	plan := c.plan
	plan.Path, plan.Args = "/bin/sh", append([]string{"sh", "-c", script, "sh"}, args...)
	return c.run(plan)
}

func (c *cell) run(plan confine.Plan) string {
	c.t.Helper()
	out, err := os.Create(filepath.Join(c.dir, "out"))
	if err != nil {
		c.t.Fatal(err)
	}
	defer out.Close()
	ctx, cancel := context.WithTimeout(c.t.Context(), patience)
	defer cancel()
	cell, err := confine.OpenCell(ctx, c.spawner, c.exe, plan.Layout, process.Spec{Stderr: out})
	if err != nil {
		c.t.Fatal(err)
	}
	defer func() { <-cell.Done() }()
	defer cell.Kill()
	app, err := cell.Start(plan, process.Spec{
		Name: "app", Env: []string{"PATH=/usr/bin:/bin", "MINE=1"}, Dir: c.dir, Stdout: out, Stderr: out,
	})
	if err != nil {
		c.t.Fatal(err)
	}
	defer context.AfterFunc(ctx, cell.Kill)()
	c.exit = app.Exit()
	text, err := os.ReadFile(out.Name())
	if err != nil {
		c.t.Fatal(err)
	}
	return strings.TrimSpace(string(text))
}

func TestAppSeesItsOwnPlacesOnly(t *testing.T) {
	c := newCell(t)
	secret := filepath.Join(scratch, "secret")
	if err := os.WriteFile(secret, []byte("of the host"), 0o644); err != nil {
		t.Fatal(err)
	}
	shm := filepath.Join("/dev/shm", filepath.Base(c.dir))
	if err := os.WriteFile(shm, []byte("of the host"), 0o644); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.Remove(shm) })
	if got := c.sh(`cat "$1" "$2"; echo mine >/tmp/a; echo mine >/var/tmp/b; echo mine >/dev/shm/c; echo end`, secret, shm); strings.Contains(got, "of the host") || !strings.HasSuffix(got, "end") || strings.Count(got, "No such file") != 2 {
		t.Errorf("the app says:\n%s", got)
	}
	for _, name := range []string{"a", "b"} {
		if raw, err := os.ReadFile(filepath.Join(c.plan.Tmp, name)); err != nil || string(raw) != "mine\n" {
			t.Errorf("%s = %q, %v", name, raw, err)
		}
	}
	if got := c.sh(`echo kept >"$1/file" && cat "$1/file"; pwd; env`, c.dir); !strings.Contains(got, "kept") || !strings.Contains(got, c.dir) || !strings.Contains(got, "MINE=1") || strings.Contains(got, "KENNEL_CONFINE") {
		t.Errorf("in its own directory the app says:\n%s", got)
	}
	if got := c.sh("grep -E '^(NoNewPrivs|CapEff|CapPrm):' /proc/self/status"); got != "CapPrm:\t0000000000000000\nCapEff:\t0000000000000000\nNoNewPrivs:\t1" {
		t.Errorf("rights:\n%s", got)
	}
}

// TestAppSeesNothingOfTheHost: what is named is empty, but for what is kept.
func TestAppSeesNothingOfTheHost(t *testing.T) {
	c := newCell(t)
	// Not below /tmp, which is hidden anyway.
	host, err := os.MkdirTemp(cmp.Or(os.Getenv("KENNEL_TEST_RUN"), "/run"), "kennel-host")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(host) })
	inner := filepath.Join(host, "run")
	mine := filepath.Join(inner, "mine")
	for _, dir := range []string{inner, mine} {
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, dir := range []string{host, inner, mine} {
		if err := os.WriteFile(filepath.Join(dir, "file"), []byte("text"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(host, 0o755); err != nil {
		t.Fatal(err)
	}
	c.plan.Hide = []string{host, inner}
	c.plan.Keep = append(c.plan.Keep, mine)
	masked := filepath.Join(filepath.Dir(host), filepath.Base(host)+".sock")
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "unix", masked)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	link := masked + ".link"
	if err := os.Symlink(masked, link); err != nil {
		t.Fatal(err)
	}
	defer os.Remove(link)
	c.plan.Mask = []string{link, filepath.Join(host, "absent"), filepath.Join(masked, "in-a-file")}
	if got := c.sh(`test -S "$1" && echo a socket; test -c "$1" && echo a device`, masked); got != "a device" {
		t.Errorf("in the place of an engine's socket there is: %q", got)
	}
	if got := c.sh(`cat $1/file; cat $1/run/file; cat $1/run/mine/file`, host); strings.Count(got, "No such file") != 2 || !strings.HasSuffix(got, "text") {
		t.Errorf("the app says:\n%s", got)
	}
}

// TestAppSeesNoOtherProcess but the keeper and the shell itself.
func TestAppSeesNoOtherProcess(t *testing.T) {
	c := newCell(t)
	if !c.plan.Abilities.Processes {
		t.Skipf("this machine cannot hide processes: %q", c.plan.Abilities.Missing)
	}
	if got := c.sh(`set -- "$1" /proc/[0-9]*; echo $(($# - 1)); cat /proc/$1/cmdline`, fmt.Sprint(os.Getpid())); !strings.HasPrefix(got, "2\n") || !strings.Contains(got, "No such file") {
		t.Errorf("the app sees:\n%s", got)
	}
}

// TestAppReachesNoAbstractSocket that somebody else has made, as X servers do.
func TestAppReachesNoAbstractSocket(t *testing.T) {
	c := newCell(t)
	name := "@kennel-" + filepath.Base(c.dir)
	l, err := net.Listen("unix", name)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	// Perl is on every Debian; AF_UNIX and SOCK_STREAM are 1.
	const connect = `socket(my $s, 1, 1, 0) or die; print connect($s, pack("S a*", 1, "\0$ARGV[0]")) ? "connected" : $!`
	if out, err := exec.Command("perl", "-e", connect, name[1:]).Output(); err != nil || string(out) != "connected" {
		t.Fatalf("outside: %q, %v", out, err)
	}
	plan := c.plan
	plan.Path, plan.Args = "/usr/bin/perl", []string{"perl", "-e", connect, name[1:]}
	if got := c.run(plan); got != "Operation not permitted" {
		t.Errorf("connecting says %q", got)
	}
	if got := c.sh(`kill -0 $1`, fmt.Sprint(os.Getpid())); !strings.Contains(got, "No such process") {
		t.Errorf("a signal to the host says %q", got)
	}
}

// TestProgramBelowWhatIsHidden: also a script, which its interpreter opens.
func TestProgramBelowWhatIsHidden(t *testing.T) {
	c := newCell(t)
	script := filepath.Join(scratch, "script")
	if err := os.WriteFile(script, []byte("#!/bin/sh\necho ran $1\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	plan := c.plan
	plan.Path, plan.Args = script, []string{script, "well"}
	if got := c.run(plan); got != "ran well" {
		t.Errorf("got %q", got)
	}
	if got := c.run(confine.Plan{Layout: c.plan.Layout, Args: []string{"kennel", "--version"}, User: c.plan.User}); !strings.Contains(got, "version") {
		t.Errorf("the kennel program itself says %q", got)
	}
}

// TestWithoutRoot does the same as a plain user, who needs a user namespace.
func TestWithoutRoot(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("the other tests of this package are about this user")
	}
	exe, err := program()
	if err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	home, err := os.MkdirTemp("/var/tmp", "kennel-confine")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(home) })
	for name, from := range map[string]string{"kennel": exe, "tests": self} {
		raw, err := os.ReadFile(from)
		if err == nil {
			err = os.WriteFile(filepath.Join(home, name), raw, 0o755)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	run, err := os.MkdirTemp("/run", "kennel-test")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(run) })
	for _, dir := range []string{home, run} {
		if err := os.Chown(dir, 65000, 65000); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(filepath.Join(home, "tests"), "-test.run=^(TestApp|TestProgram)", "-test.v")
	cmd.Env = append(os.Environ(), "KENNEL_BIN="+home, "KENNEL_TEST_RUN="+run, "TMPDIR="+home, "HOME="+home)
	cmd.Dir = home
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65000, Gid: 65000}}
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		t.Errorf("as a plain user: %v\n%s", err, &out)
	}
	t.Log(out.String())
	if !strings.Contains(out.String(), "PASS: TestAppSeesItsOwnPlacesOnly") {
		t.Skipf("a plain user cannot make namespaces here:\n%s", &out)
	}
}
