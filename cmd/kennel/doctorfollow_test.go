package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// following is a doctor that follows logs in this process.
type following struct {
	t     *testing.T
	lines *bufio.Scanner // where it tells of findings
	stop  context.CancelFunc
	ended chan error
	seen  map[string]bool
	rest  bytes.Buffer // what it writes elsewhere; to be read after it has ended
}

func follow(t *testing.T, args ...string) *following {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	from, to := io.Pipe()
	f := &following{t: t, lines: bufio.NewScanner(from), stop: cancel, ended: make(chan error, 1), seen: map[string]bool{}}
	root := newRoot()
	root.SetArgs(append([]string{"doctor", "--follow"}, args...))
	root.SetOut(to)
	root.SetErr(&f.rest)
	if slices.Contains(args, "--format") {
		root.SetOut(&f.rest)
		root.SetErr(to)
	}
	go func() {
		err := root.ExecuteContext(ctx)
		_ = to.Close()
		f.ended <- err
	}()
	t.Cleanup(cancel)
	return f
}

// until waits for a line with this text; no line may come again.
func (f *following) until(text string) {
	f.t.Helper()
	for f.lines.Scan() {
		line := f.lines.Text()
		if f.seen[line] {
			f.t.Errorf("told again: %s", line)
		}
		f.seen[line] = true
		if strings.Contains(line, text) {
			return
		}
	}
	f.t.Fatalf("no line with %q: %v %s", text, <-f.ended, f.rest.String())
}

// report ends it as Ctrl-C does, and returns what it says at last.
func (f *following) report() string {
	f.t.Helper()
	f.stop()
	var rest strings.Builder
	for f.lines.Scan() {
		rest.WriteString(f.lines.Text() + "\n")
	}
	if verdict, ok := errors.AsType[verdictError](<-f.ended); !ok || int(verdict) != doctorFault {
		f.t.Errorf("it ended with %v\n%s", verdict, f.rest.String())
	}
	return rest.String()
}

func appendTo(t *testing.T, path, text string) {
	t.Helper()
	file, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if _, err := file.WriteString(text); err != nil {
		t.Fatal(err)
	}
}

// pieces are the sample log up to its first sign, to its last one, and the rest.
func pieces(t *testing.T) (before, first, rest string) {
	t.Helper()
	raw, err := os.ReadFile("../../docs/samples/wolf-bad.log")
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.SplitAfter(string(raw), "\n")
	return strings.Join(lines[:6], ""), strings.Join(lines[6:8], ""), strings.Join(lines[8:], "")
}

// TestFollowAFile that grows and is rotated: each finding is told once, as it
// appears, and the report comes at the end.
func TestFollowAFile(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	before, first, rest := pieces(t)
	log, picture := filepath.Join(t.TempDir(), "wolf.log"), filepath.Join(t.TempDir(), "x.svg")
	appendTo(t, log, before)
	f := follow(t, log, "--plot", picture)
	appendTo(t, log, first)
	f.until("2025-10-02 06:40:11.752 gl-oom: GL runs out of buffers (" + log + ":7)")
	if err := os.Rename(log, log+".1"); err != nil {
		t.Fatal(err)
	}
	appendTo(t, log, rest)
	f.until("encoder-init: Hardware encoder does not start")
	report := f.report()
	if strings.Count(report, "gl-oom: GL runs out of buffers") != 1 || !strings.Contains(report, "\nWhat broke: GL runs out of buffers  (gl-oom)\n") {
		t.Errorf("the report is\n%s", report)
	}
	if _, err := os.Stat(picture); err != nil {
		t.Error(err)
	}
}

// TestFollowSeveral: what appears in one log is told while the other is quiet,
// and beside a report for programs.
func TestFollowSeveral(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	before, first, rest := pieces(t)
	dir := t.TempDir()
	one, other := filepath.Join(dir, "wolf.log"), filepath.Join(dir, "compositor.log")
	appendTo(t, one, before)
	appendTo(t, other, "")
	f := follow(t, one, other, "--format", "json")
	appendTo(t, other, first)
	f.until("2025-10-02 06:40:11.752 gl-oom: GL runs out of buffers (" + other + ":1)")
	appendTo(t, one, rest)
	f.until("encoder-init: ")
	if more := f.report(); strings.Contains(more, "gl-oom: ") {
		t.Errorf("told again: %s", more)
	}
	var report struct {
		Verdict string
		Root    struct{ ID, File string }
	}
	if err := json.Unmarshal(f.rest.Bytes(), &report); err != nil || report.Verdict != "fault" || report.Root.ID != "gl-oom" || report.Root.File != other {
		t.Errorf("%v, %+v of\n%s", err, report, f.rest.String())
	}
}

// containerLog frames lines as an engine does.
func containerLog(w http.ResponseWriter, text string) {
	for line := range strings.Lines(text) {
		line = "2025-10-02T06:40:11.600000000Z " + line
		_, _ = io.WriteString(w, string(binary.BigEndian.AppendUint32([]byte{2, 0, 0, 0}, uint32(len(line))))+line)
	}
	w.(http.Flusher).Flush()
}

// serveEngine is an engine with a container of Wolf's, mywolf, whose log is
// written by logs; this process finds it as its own.
func serveEngine(t *testing.T, logs http.HandlerFunc) {
	t.Helper()
	engine := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Api-Version", "1.41")
		switch path := r.URL.Path; {
		case strings.HasSuffix(path, "/_ping"):
			_, _ = io.WriteString(w, "OK")
		case strings.HasSuffix(path, "/containers/json"):
			_, _ = io.WriteString(w, `[{"Id":"aaaa1111","Names":["/mywolf"],"Image":"ghcr.io/games-on-whales/wolf:stable","State":"running"}]`)
		case strings.HasSuffix(path, "/containers/aaaa1111/json"):
			_, _ = io.WriteString(w, `{"Id":"aaaa1111","State":{"Status":"running","StartedAt":"2025-10-02T06:40:11.5Z","Pid":42},"Config":{"Tty":false}}`)
		case strings.HasSuffix(path, "/containers/aaaa1111/stats"):
			_, _ = io.WriteString(w, `{"memory_stats":{"usage":314572800,"limit":8589934592}}`)
		case strings.HasSuffix(path, "/containers/aaaa1111/logs"):
			logs(w, r)
		default:
			http.NotFound(w, r)
		}
	}))
	dir, err := os.MkdirTemp("", "engine")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if engine.Listener, err = (&net.ListenConfig{}).Listen(t.Context(), "unix", filepath.Join(dir, "docker.sock")); err != nil {
		t.Fatal(err)
	}
	engine.Start()
	t.Cleanup(engine.Close)
	t.Setenv("DOCKER_HOST", "unix://"+filepath.Join(dir, "docker.sock"))
}

// TestFollowAContainer: the log of a container goes on until Ctrl-C.
func TestFollowAContainer(t *testing.T) {
	before, first, rest := pieces(t)
	more := make(chan string)
	serveEngine(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("follow") != "1" {
			t.Errorf("the log is not followed: %s", r.URL)
		}
		for text := range more {
			containerLog(w, text)
		}
		<-r.Context().Done()
	})
	f := follow(t, "--docker")
	more <- before
	more <- first
	f.until("gl-oom: GL runs out of buffers (mywolf:7)")
	more <- rest
	f.until("encoder-init: Hardware encoder does not start (mywolf:29), effect of cuda-not-permitted, egl-dmabuf-bind, gl-oom")
	close(more)
	if report := f.report(); !strings.Contains(report, "What broke: GL runs out of buffers  (gl-oom)") {
		t.Errorf("the report is\n%s", report)
	}
}
