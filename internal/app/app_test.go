package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kennel-stream/kennel/internal/evidence"
	"github.com/kennel-stream/kennel/internal/process"
)

type fixture struct {
	runner *Processes
	place  Place
	output *Output
	file   string
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	dir := t.TempDir()
	s := process.NewSpawner()
	t.Cleanup(s.Close)
	f := &fixture{runner: &Processes{Spawner: s}, file: filepath.Join(dir, "output.log")}
	var err error
	if f.output, err = NewOutput(f.file); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.output.Close() })
	f.place = Place{Session: "s1", Instance: "i1", RuntimeDir: dir, Home: dir, WaylandDisplay: "wayland-1", Width: 1280, Height: 720, Refresh: 60}
	return f
}

func script(lines string) Spec {
	return Spec{ID: 1, Slug: "t", Title: "T", Runner: RunnerSpec{Type: TypeProcess, Args: []string{"sh", "-c", lines}}}
}

func (f *fixture) run(t *testing.T, spec Spec) Result {
	t.Helper()
	out, err := f.output.Source("app")
	if err != nil {
		t.Fatal(err)
	}
	f.place.Output = out
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	r, err := f.runner.Start(ctx, spec, f.place)
	_ = out.Close()
	if err != nil {
		t.Fatal(err)
	}
	result := r.Result()
	if err := f.output.Close(); err != nil {
		t.Fatal(err)
	}
	return result
}

func TestAppSeesItsSessionAndNothingElse(t *testing.T) {
	f := newFixture(t)
	t.Setenv("KENNEL_HOST_SECRET", "hidden")
	spec := script(`echo "$WAYLAND_DISPLAY $XDG_RUNTIME_DIR $KENNEL_SESSION $EXTRA $XKB_DEFAULT_LAYOUT $PWD $KENNEL_HOST_SECRET"; exit 3`)
	spec.Runner.Env = []string{"EXTRA=given", "XKB_DEFAULT_LAYOUT=de"}
	if r := f.run(t, spec); r.Exit.Code != 3 || r.Clean() {
		t.Errorf("result = %v", r)
	}
	want := fmt.Sprintf("wayland-1 %s s1 given de %s ", f.place.RuntimeDir, f.place.Home)
	if got := f.output.Tail("app"); !slices.Equal(got, []string{want}) {
		t.Errorf("output = %q, want %q", got, want)
	}
	raw, err := os.ReadFile(f.file)
	if err != nil || !strings.HasSuffix(string(raw), " app: "+want+"\n") {
		t.Errorf("file = %q, %v", raw, err)
	}
	if info, _ := os.Stat(f.file); info.Mode().Perm() != 0o600 {
		t.Errorf("mode of the output = %v", info.Mode())
	}
}

func TestCheckNamesWhatIsMissing(t *testing.T) {
	f := newFixture(t)
	tests := map[string]struct {
		change func(*Spec)
		fault  evidence.FaultID
		text   string
	}{
		"program":  {func(s *Spec) { s.Runner.Args = []string{"no-such-program"} }, evidence.FaultAppNotFound, `"no-such-program"`},
		"path":     {func(s *Spec) { s.Runner.Args = []string{"/etc/passwd"} }, evidence.FaultAppNotFound, "/etc/passwd"},
		"no args":  {func(s *Spec) { s.Runner.Args = nil }, evidence.FaultAppNotFound, "run_cmd"},
		"own path": {func(s *Spec) { s.Runner.Env = []string{"PATH=/nowhere"} }, evidence.FaultAppNotFound, `"sh"`},
		"user":     {func(s *Spec) { s.Runner.User = "no-such-user" }, evidence.FaultAppStart, `"no-such-user"`},
	}
	for name, tt := range tests {
		spec := script("true")
		tt.change(&spec)
		err := f.runner.Check(spec, nil)
		if evidence.FaultOf(err) != tt.fault || !strings.Contains(fmt.Sprint(err), tt.text) {
			t.Errorf("%s: %v (fault %q)", name, err, evidence.FaultOf(err))
		}
	}
	if err := f.runner.Check(script("true"), nil); err != nil {
		t.Error(err)
	}
}

func TestAppRunsAsTheSessionsUser(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("changing the user of an app needs root")
	}
	f := newFixture(t)
	f.place.Credential = &process.Credential{UID: 61234, GID: 61234}
	f.place.Home = "/"
	if r := f.run(t, script("id -u; id -g; id -G")); !r.Clean() {
		t.Fatal(r)
	}
	if got := f.output.Tail("app"); !slices.Equal(got, []string{"61234", "61234", "61234"}) {
		t.Errorf("ids = %v", got)
	}
	if c, err := Configured(Spec{Runner: RunnerSpec{User: "nobody"}}); err != nil || c == nil || c.UID == 0 {
		t.Errorf("Configured(nobody) = %+v, %v", c, err)
	}
	if c, err := Configured(Spec{Runner: RunnerSpec{User: "no such user"}}); err == nil {
		t.Errorf("Configured(no such user) = %+v", c)
	}
}

func TestValidate(t *testing.T) {
	good := script("true")
	if err := good.Validate(); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*Spec){
		"title":  func(s *Spec) { s.Title = "" },
		"id":     func(s *Spec) { s.ID = 0 },
		"runner": func(s *Spec) { s.Runner.Type = "docker2" },
		"args":   func(s *Spec) { s.Runner.Args = nil },
		"env":    func(s *Spec) { s.Runner.Env = []string{"novalue"} },
		"dir":    func(s *Spec) { s.Runner.Dir = "relative" },
	} {
		spec := script("true")
		change(&spec)
		if err := spec.Validate(); evidence.KindOf(err) != evidence.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestOutputIsBounded(t *testing.T) {
	f := newFixture(t)
	w, err := f.output.Source("app")
	if err != nil {
		t.Fatal(err)
	}
	line := strings.Repeat("x", 3*maxLine) + "\n"
	for written := 0; written < MaxOutputBytes+len(line); written += len(line) {
		if _, err := io.WriteString(w, line); err != nil {
			t.Fatal(err)
		}
	}
	_, _ = io.WriteString(w, "last\xff words")
	_ = w.Close()
	f.output.readers.Wait()
	tail := f.output.Tail("app")
	if len(tail) != TailLines || tail[TailLines-1] != "last\ufffd words" {
		t.Errorf("%d lines, last %.20q", len(tail), tail[len(tail)-1])
	}
	if info, err := os.Stat(f.file); err != nil || info.Size() > MaxOutputBytes+2*maxLine {
		t.Errorf("file of %d bytes, %v", info.Size(), err)
	}
}

func TestOutputCloseDoesNotWaitForStrays(t *testing.T) {
	f := newFixture(t)
	w, err := f.output.Source("app")
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close() // still open during Close, as a stray grandchild would hold it
	if _, err := io.WriteString(w, "early\n"); err != nil {
		t.Fatal(err)
	}
	if err := f.output.Close(); err != nil {
		t.Fatal(err)
	}
	if got := f.output.Tail("app"); !slices.Equal(got, []string{"early"}) {
		t.Errorf("tail = %q", got)
	}
	if _, err := f.output.Source("late"); !errors.Is(err, os.ErrClosed) {
		t.Errorf("source after close: %v", err)
	}
}

// TestReadTails: the last lines of each source come back from the file.
func TestReadTails(t *testing.T) {
	path := filepath.Join(t.TempDir(), "out.log")
	o, err := NewOutput(path)
	if err != nil {
		t.Fatal(err)
	}
	for n := range 3 * TailLines {
		o.Add("app", fmt.Sprintf("line %d: of the app", n))
	}
	o.Add("display", "")
	o.Add("media", "a: b")
	if err := o.Close(); err != nil {
		t.Fatal(err)
	}
	if f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0); err == nil {
		_, _ = f.WriteString("garbage\nkennel: this file is full; later lines are not kept\n")
		_ = f.Close()
	}
	tails, err := ReadTails(path)
	if err != nil {
		t.Fatal(err)
	}
	if a := tails["app"]; len(a) != TailLines || a[TailLines-1] != fmt.Sprintf("line %d: of the app", 3*TailLines-1) {
		t.Errorf("app: %d lines, %q", len(a), a)
	}
	if tails["media"][0] != "a: b" || len(tails["display"]) != 1 {
		t.Errorf("tails: %q", tails)
	}
	if _, err := ReadTails(filepath.Join(t.TempDir(), "none")); err == nil {
		t.Error("no file was read")
	}
}
