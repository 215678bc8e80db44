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
	Bait           int
}

type attempt struct {
	What    string
	Reached bool
	How     string
}

// kind is a kind of host, and what it can hold.
type kind struct {
	user *syscall.Credential
	// within is a shell command line that makes the host's surroundings, as root.
	within string
	clone  uintptr
	// listed: apps can see that other processes are there. shared: they have the
	// files and sockets of the host's user.
	listed, shared bool
}

// TestAHostileAppOfRoot tries every socket, file and process of another session
// and of the host, and is refused each.
func TestAHostileAppOfRoot(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	tryHostileApp(t, kind{})
}

// TestAHostileAppOfAPlainUser: a host without root has one user for all sessions,
// and must refuse just as well.
func TestAHostileAppOfAPlainUser(t *testing.T) {
	tryHostileApp(t, kind{user: plain()})
}

// TestAHostileAppBelowAMaskedProc: a container engine covers files of /proc, and
// then the kernel lets no user namespace have a /proc of its own.
func TestAHostileAppBelowAMaskedProc(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root, to cover a file of /proc")
	}
	tryHostileApp(t, kind{user: plain(), clone: syscall.CLONE_NEWNS, within: "mount --make-rprivate / && mount --bind /dev/null /proc/timer_list", listed: true})
}

// TestAHostileAppWithoutNamespaces: in a container with the engine's profile no
// user namespace can be made.
func TestAHostileAppWithoutNamespaces(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root, to forbid user namespaces")
	}
	tryHostileApp(t, kind{user: plain(), clone: syscall.CLONE_NEWUSER, within: "echo 0 >/proc/sys/user/max_user_namespaces", listed: true, shared: true})
}

// plain is whom a host without root runs as.
func plain() *syscall.Credential {
	if os.Geteuid() != 0 {
		return nil
	}
	return &syscall.Credential{Uid: plainUser, Gid: plainUser}
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
args = [%q, %q]
`

func tryHostileApp(t *testing.T, k kind) {
	user := k.user
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
	role := "victim"
	if k.shared {
		role = "bystander" // what a victim hides would be in the /tmp of the machine
		t.Cleanup(func() { _, _ = os.Remove("/tmp/own"), os.Remove("/dev/shm/own") })
	}
	s := startServerOf(t, k, dir, fmt.Sprintf(victimConfig, wolf, docker, program, role))
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
	if !k.shared && (len(hidden.Sockets) != 3 || len(hidden.Files) != 5) {
		t.Fatalf("the victim hides %+v", hidden)
	}
	all.Sockets = append(all.Sockets, hidden.Sockets...)
	all.Files = append(all.Files, hidden.Files...)
	for _, file := range hidden.Files[:min(2, len(hidden.Files))] {
		all.Files = append(all.Files, filepath.Dir(file))
	}
	all.Files = append(all.Files, s.dir)
	all.PIDs = append(all.PIDs, live.Processes...)
	bait := startBait(t, user)
	all.PIDs, all.Bait = append(all.PIDs, bait), bait
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
	if k.shared {
		all.Sockets, all.Files = nil, nil // the gaps of such a host name them
	}
	before := states(all.PIDs)
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
	s.judge(t, k, all)
	after := states(all.PIDs)
	for pid, was := range before {
		if is := after[pid]; is != was {
			t.Errorf("process %d was and is:\n%s\n%s", pid, was, is)
		}
	}
	if err := s.api.StopSession(t.Context(), live.ID); err != nil {
		t.Error(err)
	}
	<-b.done
}

// judge reads what the hostile app said.
func (s *server) judge(t *testing.T, k kind, all targets) {
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
		if want := len(all.Sockets) + 2*len(all.Files) + meddlings*len(all.PIDs); len(tried) != want {
			t.Errorf("%d attempts, want %d", len(tried), want)
		}
		looks := s.output(h.ID, "SEEN")
		if !k.listed {
			tried = append(tried, looks...)
		}
		for _, line := range tried {
			if a := parseAttempt(t, line); a.Reached {
				t.Errorf("reached: %s", a.What)
			}
		}
		t.Logf("%d attempts, %d looks", len(tried), len(looks))
		return
	}
	t.Fatal("no session of the hostile app")
}

// meddlings is how many things a hostile app tries with a process.
const meddlings = 36

// startBait starts a process of the host's user outside of every session.
func startBait(t *testing.T, user *syscall.Credential) int {
	t.Helper()
	cmd := exec.Command("sleep", "120")
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: user, Setpgid: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		_ = cmd.Wait()
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-gone
	})
	return cmd.Process.Pid
}

// states are what somebody could have changed of each process, "" for one that
// is gone.
func states(pids []int) map[int]string {
	all := map[int]string{}
	for _, pid := range pids {
		var text strings.Builder
		stat, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if _, rest, ok := strings.Cut(string(stat), ") "); ok {
			f := strings.Fields(rest)
			// pgrp, session, nice, real-time priority, policy (proc_pid_stat(5)).
			fmt.Fprintln(&text, f[2], f[3], f[16], f[37], f[38])
		}
		for _, name := range []string{"oom_score_adj", "coredump_filter", "limits"} {
			raw, _ := os.ReadFile(fmt.Sprintf("/proc/%d/%s", pid, name))
			text.Write(raw)
		}
		all[pid] = text.String()
	}
	return all
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
	return startServerOf(t, kind{user: user}, dir, text)
}

// startServerOf starts a host of a kind.
func startServerOf(t testing.TB, k kind, dir, text string) *server {
	t.Helper()
	data := filepath.Join(dir, "data")
	if k.user == nil {
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
	args := []string{filepath.Join(dir, "kennel"), "serve", "--data", data, "--port", fmt.Sprint(port), "--log-level", "debug", "--config", file}
	cmd := exec.Command(args[0], args[1:]...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: k.user}
	if k.within != "" {
		become := fmt.Sprintf("%s && exec setpriv --reuid=%d --regid=%d --clear-groups \"$@\"", k.within, k.user.Uid, k.user.Gid)
		cmd = exec.Command("/bin/sh", append([]string{"-c", become, "sh"}, args...)...)
		cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: k.clone}
		if k.clone == syscall.CLONE_NEWUSER {
			all := []syscall.SysProcIDMap{{Size: 1 << 16}}
			cmd.SysProcAttr.UidMappings, cmd.SysProcAttr.GidMappings, cmd.SysProcAttr.GidMappingsEnableSetgroups = all, all, true
		}
	}
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir}
	return start(t, cmd, data, port)
}
