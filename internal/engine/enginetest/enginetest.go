// Package enginetest gives tests a Docker of their own: a daemon with private
// paths and no network of its own, and images that are made here, since no
// registry is asked. With KENNEL_TEST_ENGINE=podman it is podman's service, as
// far as that is able to do the same.
package enginetest

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/kennel-stream/kennel/internal/process"
)

const (
	// patience is how long the daemon may take to answer, on a machine that is busy.
	patience = 60 * time.Second
	// busybox is Debian's busybox-static.
	busybox = "/bin/busybox"
)

// Docker is a daemon under test.
type Docker struct {
	// Socket is where it listens.
	Socket string

	t       testing.TB
	program string
	dir     string
	options []string
	spawner *process.Spawner
	process *process.Process
}

// shared is one daemon for all tests of a package that leave it as it was.
var shared struct {
	mu     sync.Mutex // covers what follows
	docker *Docker
	failed error // why none starts
}

// Shared returns the package's daemon, which CloseShared ends.
func Shared(t testing.TB) *Docker {
	t.Helper()
	shared.mu.Lock()
	defer shared.mu.Unlock()
	if shared.docker == nil && shared.failed == nil {
		shared.docker, shared.failed = start(t)
	}
	if shared.failed != nil {
		untested(t, shared.failed)
	}
	shared.docker.t = t
	return shared.docker
}

// CloseShared ends the package's daemon; it is for TestMain.
func CloseShared() {
	if d := shared.docker; d != nil {
		d.close()
	}
}

// Start starts a daemon with dockerd's options beside the usual, which ends with
// the test. Where none can start, the test is skipped with the reason.
func Start(t testing.TB, options ...string) *Docker {
	t.Helper()
	d, err := start(t, options...)
	if err != nil {
		untested(t, err)
	}
	t.Cleanup(d.close)
	return d
}

func (d *Docker) close() {
	d.Stop()
	d.spawner.Close()
	_ = os.RemoveAll(d.dir)
}

var errNotRoot = errors.New("only root may start a Docker daemon")

// untested skips a test that needs an engine, loudly: make test ends with what
// KENNEL_SKIPPED collects. A CI that is root has to name its reason in
// KENNEL_NO_DOCKER.
func untested(t testing.TB, why error) {
	t.Helper()
	text, fails := verdict(why, os.Getenv("CI"), os.Getenv("KENNEL_NO_DOCKER"))
	if fails {
		t.Fatal(text)
	}
	if file := os.Getenv("KENNEL_SKIPPED"); file != "" {
		if f, err := os.OpenFile(file, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644); err == nil {
			_, _ = fmt.Fprintf(f, "%s: %s\n", t.Name(), text)
			_ = f.Close()
		}
	}
	t.Skip(text)
}

func verdict(why error, ci, reason string) (text string, fails bool) {
	if reason != "" {
		return fmt.Sprintf("NO CONTAINER IS TESTED: %s (%v)", reason, why), false
	}
	return fmt.Sprintf("NO CONTAINER IS TESTED: %v; KENNEL_NO_DOCKER=reason says that it is meant", why), ci != "" && !errors.Is(why, errNotRoot)
}

func start(t testing.TB, options ...string) (*Docker, error) {
	t.Helper()
	name := "dockerd" // Debian's docker.io, or another
	if Podman() {
		name = "podman"
	}
	program, err := exec.LookPath(name)
	if err == nil {
		_, err = os.Stat(busybox)
	}
	if err != nil {
		return nil, fmt.Errorf("%w (apt install docker.io busybox-static)", err)
	}
	if os.Geteuid() != 0 {
		return nil, errNotRoot
	}
	dir, err := os.MkdirTemp("/tmp", "kd") // the path of a socket is short
	if err != nil {
		t.Fatal(err)
	}
	d := &Docker{t: t, program: program, dir: dir, Socket: filepath.Join(dir, "docker.sock"), options: options, spawner: process.NewSpawner()}
	if err := d.start(); err != nil {
		d.close()
		return nil, fmt.Errorf("no Docker daemon can start on this machine: %w", err)
	}
	return d, nil
}

// Restart starts the daemon again after Stop or Kill.
func (d *Docker) Restart() {
	d.t.Helper()
	if err := d.start(); err != nil {
		d.t.Fatal(err)
	}
}

func (d *Docker) start() error {
	log, err := os.OpenFile(filepath.Join(d.dir, "log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	_ = os.Remove(filepath.Join(d.dir, "pid"))
	spec := process.Spec{
		Name: "dockerd", Path: d.program, Dir: "/", Env: []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin"}, Stdout: log, Stderr: log,
		Args: append([]string{
			"--data-root", filepath.Join(d.dir, "data"), "--exec-root", filepath.Join(d.dir, "exec"), "-H", "unix://" + d.Socket,
			"-p", filepath.Join(d.dir, "pid"), "--bridge=none", "--iptables=false", "--log-level=error",
		}, d.options...),
	}
	if Podman() {
		if spec, err = d.podman(spec); err != nil {
			return err
		}
	}
	d.process, err = d.spawner.Start(ctx, spec)
	if err != nil {
		return err
	}
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		if d.call(ctx, "GET", "/_ping", nil) == nil {
			return nil
		}
		select {
		case <-tick.C:
		case <-d.process.Done():
			text, _ := os.ReadFile(filepath.Join(d.dir, "log"))
			return fmt.Errorf("dockerd ended (%s): %s", d.process.Exit(), lastOf(text))
		case <-ctx.Done():
			text, _ := os.ReadFile(filepath.Join(d.dir, "log"))
			return fmt.Errorf("dockerd does not answer: %s", lastOf(text))
		}
	}
}

func lastOf(text []byte) string {
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return strings.Join(lines[max(0, len(lines)-3):], "; ")
}

// Stop ends the daemon as a package's upgrade does.
func (d *Docker) Stop() {
	if d.process == nil {
		return
	}
	d.Thaw()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	d.process.Stop(ctx, 20*time.Second)
}

// Kill ends the daemon at once. Its containers go on.
func (d *Docker) Kill() {
	d.process.Kill()
	<-d.process.Done()
}

// Freeze lets the daemon hang: it takes connections and answers nothing.
func (d *Docker) Freeze() {
	d.t.Helper()
	if err := d.process.Signal(syscall.SIGSTOP); err != nil {
		d.t.Fatal(err)
	}
}

// Thaw ends that.
func (d *Docker) Thaw() { _ = d.process.Signal(syscall.SIGCONT) }

// call sends one request and takes any answer below 300 for success.
func (d *Docker) call(ctx context.Context, method, path string, body io.Reader) error {
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", d.Socket)
	}}
	defer transport.CloseIdleConnections()
	r, err := http.NewRequestWithContext(ctx, method, "http://docker"+path, body)
	if err != nil {
		return err
	}
	answer, err := (&http.Client{Transport: transport}).Do(r)
	if err != nil {
		return err
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(answer.Body, 1<<20))
	if err == nil && (answer.StatusCode >= 300 || bytes.Contains(text, []byte(`"errorDetail"`))) {
		err = fmt.Errorf("%s %s: %s: %s", method, path, answer.Status, text)
	}
	return err
}

// Tell asks the daemon to do something, such as POST /containers/ID/stop.
func (d *Docker) Tell(method, path string) {
	d.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := d.call(ctx, method, path, nil); err != nil {
		d.t.Fatal(err)
	}
}

// applets are the programs of busybox that images have.
var applets = []string{"sh", "cat", "dd", "echo", "env", "id", "ls", "mount", "sleep", "stty", "tail", "touch", "true", "kill", "stat", "wc"}

// Import makes an image that has busybox, and files of this machine, by their
// path in the image.
func (d *Docker) Import(name string, files map[string]string) {
	d.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	read, write := io.Pipe()
	go func() { _ = write.CloseWithError(archive(write, files)) }()
	query := url.Values{"fromSrc": {"-"}, "repo": {name}} // podman heeds no tag beside it
	if err := d.call(ctx, "POST", "/images/create?"+query.Encode(), read); err != nil {
		d.t.Fatal(err)
	}
}

func archive(w io.Writer, files map[string]string) error {
	t := tar.NewWriter(w)
	for _, dir := range []string{"bin", "dev", "etc", "home", "home/retro", "proc", "run", "sys", "tmp", "usr", "usr/bin"} {
		if err := t.WriteHeader(&tar.Header{Name: dir + "/", Typeflag: tar.TypeDir, Mode: 0o755}); err != nil {
			return err
		}
	}
	if err := addFile(t, "bin/busybox", busybox); err != nil {
		return err
	}
	for _, name := range applets {
		if err := t.WriteHeader(&tar.Header{Name: "bin/" + name, Typeflag: tar.TypeSymlink, Linkname: "busybox", Mode: 0o777}); err != nil {
			return err
		}
	}
	for inside, outside := range files {
		if err := addFile(t, strings.TrimPrefix(inside, "/"), outside); err != nil {
			return err
		}
	}
	return t.Close()
}

// addFile adds a file, or a directory with all in it; links are followed.
func addFile(t *tar.Writer, inside, outside string) error {
	info, err := os.Stat(outside)
	if err != nil {
		return err
	}
	if info.IsDir() {
		entries, err := os.ReadDir(outside)
		if err != nil {
			return err
		}
		for _, e := range entries {
			if err := addFile(t, filepath.Join(inside, e.Name()), filepath.Join(outside, e.Name())); err != nil {
				return err
			}
		}
		return nil
	}
	f, err := os.Open(outside)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	if err := t.WriteHeader(&tar.Header{Name: inside, Typeflag: tar.TypeReg, Mode: int64(info.Mode().Perm()), Size: info.Size()}); err != nil {
		return err
	}
	_, err = io.Copy(t, io.LimitReader(f, info.Size()))
	return err
}
