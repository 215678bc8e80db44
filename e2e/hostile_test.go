package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/kennel-stream/kennel/internal/config"
	"github.com/kennel-stream/kennel/internal/web"
)

// plainUser is a user without rights, as whom a host can run.
const plainUser = 64998

// targets and attempt are those of the program cmd/hostile.
type targets struct {
	Sockets, Files []string
	PIDs           []int
}

type attempt struct {
	What    string
	Reached bool
	How     string
}

// TestAHostileApp tries every socket, file and process of another session and
// of the host, and is refused each. A host without root has one user for all
// sessions, and must refuse just as well.
func TestAHostileApp(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Run("as a plain user", func(t *testing.T) { tryHostileApp(t, nil) })
		return
	}
	t.Run("root", func(t *testing.T) { tryHostileApp(t, nil) })
	t.Run("plain user", func(t *testing.T) {
		tryHostileApp(t, &syscall.Credential{Uid: plainUser, Gid: plainUser})
	})
}

const victimConfig = `version = 1
[wolf]
socket = %q
[docker]
socket = %q
[[apps]]
title = "Victim"
[apps.runner]
type = "process"
args = [%q, "victim"]
`

func tryHostileApp(t *testing.T, user *syscall.Credential) {
	dir := publicDir(t)
	program := filepath.Join(dir, "hostile")
	build := exec.Command("go", "build", "-buildvcs=false", "-o", program, "./cmd/hostile")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	host := hostsOwn(t, dir)
	wolf := filepath.Join(dir, "wolf", "wolf.sock")
	docker := engineSocket(t, user)
	s := startServerAs(t, user, dir, fmt.Sprintf(victimConfig, wolf, docker, program))
	victim, hostile := filepath.Join(dir, "victim-id"), filepath.Join(dir, "hostile-id")
	s.pair(victim, "1111")
	s.pair(hostile, "2222")
	b := s.background(victim, "--app", "Victim", "--mode", "640x360x30", "--seconds", "25", "--keys", "0")
	live := s.streaming()
	all := targets{Sockets: host.Sockets, Files: host.Files, PIDs: append(host.PIDs, s.cmd.Process.Pid)}
	var hidden targets
	for _, line := range s.output(live.ID, "VICTIM") {
		if err := json.Unmarshal([]byte(line), &hidden); err != nil {
			t.Fatal(err)
		}
	}
	if len(hidden.Sockets) != 3 || len(hidden.Files) != 5 {
		t.Fatalf("the victim hides %+v", hidden)
	}
	all.Sockets = append(all.Sockets, hidden.Sockets...)
	all.Files = append(all.Files, hidden.Files...)
	all.Files = append(all.Files, filepath.Dir(hidden.Files[0]), filepath.Dir(hidden.Files[1]), s.dir)
	all.PIDs = append(all.PIDs, live.Processes...)
	_ = filepath.WalkDir(s.dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			all.Files = append(all.Files, path)
		}
		return nil
	})
	if _, err := os.Stat(wolf); err != nil {
		t.Errorf("the socket of wolf's api: %v", err)
	}
	all.Sockets = append(all.Sockets, filepath.Join(s.dir, web.SocketName), wolf, docker)
	raw, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	// What the victim has is known only now.
	if _, err := s.api.AddApp(t.Context(), config.App{Title: "Hostile", Runner: config.Runner{
		Type: config.RunnerProcess, Args: []string{program}, Env: []string{"KENNEL_TARGETS=" + string(raw)},
	}}); err != nil {
		t.Fatal(err)
	}
	attacker := s.background(hostile, "--app", "Hostile", "--mode", "640x360x30", "--seconds", "3", "--keys", "2")
	<-attacker.done
	if attacker.err != nil {
		t.Errorf("the hostile app's own stream: %v\n%s", attacker.err, attacker.stderr)
	}
	s.judge(t, all)
	if err := s.api.StopSession(t.Context(), live.ID); err != nil {
		t.Error(err)
	}
	<-b.done
}

// judge reads what the hostile app said.
func (s *server) judge(t *testing.T, all targets) {
	t.Helper()
	history, err := s.api.Sessions(t.Context(), true)
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range history {
		if h.Title != "Hostile" {
			continue
		}
		if done := s.output(h.ID, "DONE"); len(done) != 1 {
			t.Fatalf("the hostile app did not come to its end: %s", s.outputFile(h.ID))
		}
		for _, line := range s.output(h.ID, "OWN") {
			if a := parseAttempt(t, line); !a.Reached {
				t.Errorf("the app cannot do what it may: %s: %s", a.What, a.How)
			}
		}
		tried := s.output(h.ID, "TRIED")
		if want := len(all.Sockets) + 2*len(all.Files) + 8*len(all.PIDs); len(tried) != want {
			t.Errorf("%d attempts, want %d", len(tried), want)
		}
		for _, line := range tried {
			if a := parseAttempt(t, line); a.Reached {
				t.Errorf("reached: %s", a.What)
			}
		}
		t.Logf("%d attempts", len(tried))
		return
	}
	t.Fatal("no session of the hostile app")
}

func parseAttempt(t *testing.T, line string) (a attempt) {
	t.Helper()
	if err := json.Unmarshal([]byte(line), &a); err != nil {
		t.Fatalf("%v in %q", err, line)
	}
	return a
}

func (s *server) outputFile(id string) string {
	raw, _ := os.ReadFile(filepath.Join(s.dir, "sessions", id+".log"))
	return string(raw)
}

// output returns what follows a word in the lines that a session's app printed.
func (s *server) output(id, word string) []string {
	var found []string
	for line := range strings.Lines(s.outputFile(id)) {
		if _, rest, ok := strings.Cut(line, word+" "); ok {
			found = append(found, strings.TrimSpace(rest))
		}
	}
	return found
}

// hostsOwn makes what a host machine has beside Kennel: a file and an X display
// that everybody may use, and a process.
func hostsOwn(t *testing.T, dir string) targets {
	t.Helper()
	own := targets{Sockets: []string{filepath.Join(dir, "X1"), "@" + filepath.Join(dir, "X1")}, PIDs: []int{os.Getpid()}}
	for _, name := range own.Sockets {
		l, err := net.Listen("unix", name)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = l.Close() })
		go welcome(l)
	}
	_ = os.Chmod(own.Sockets[0], 0o777)
	for _, place := range []string{"/tmp", "/var/tmp", "/dev/shm"} {
		f, err := os.CreateTemp(place, "kennel-e2e")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = os.Remove(f.Name()) })
		_, _ = f.WriteString("of the host")
		_ = f.Chmod(0o666)
		_ = f.Close()
		own.Files = append(own.Files, f.Name())
	}
	return own
}

// welcome greets whoever comes.
func welcome(l net.Listener) {
	for c, err := l.Accept(); err == nil; c, err = l.Accept() {
		_, _ = c.Write([]byte("welcome"))
		_ = c.Close()
	}
}

// engineSocket is one of a container engine, which only the host's user may
// open. It is not below /tmp, which apps do not see anyway.
func engineSocket(t *testing.T, user *syscall.Credential) string {
	t.Helper()
	home := "/run"
	if os.Geteuid() != 0 {
		home = os.Getenv("HOME")
	}
	dir, err := os.MkdirTemp(home, "ke2e")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	socket := filepath.Join(dir, "docker.sock")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go welcome(l)
	err = errors.Join(os.Chmod(dir, 0o755), os.Chmod(socket, 0o600))
	if user != nil {
		err = errors.Join(err, os.Chown(socket, int(user.Uid), int(user.Gid)))
	}
	if err != nil {
		t.Fatal(err)
	}
	return socket
}

// publicDir is a temporary directory that every user may walk into.
func publicDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "ke2e")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	return dir
}

// startServerAs starts a host as another user, with programs that he can read.
func startServerAs(t testing.TB, user *syscall.Credential, dir, text string) *server {
	t.Helper()
	data := filepath.Join(dir, "data")
	if user == nil {
		return startServerIn(t, data, freeBase(t), text)
	}
	for _, name := range []string{"kennel", "kennel-media"} {
		raw, err := os.ReadFile(filepath.Join(filepath.Dir(kennel(t)), name))
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, name), raw, 0o755)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	file := filepath.Join(dir, "kennel.toml")
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	port := freeBase(t)
	cmd := exec.Command(filepath.Join(dir, "kennel"), "serve", "--data", data, "--port", fmt.Sprint(port), "--log-level", "debug", "--config", file)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: user}
	return start(t, cmd, data, port)
}
