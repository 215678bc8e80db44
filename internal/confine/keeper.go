package confine

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/signal"
	"runtime"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kennel-stream/kennel/internal/ipc"
)

// cellVariable hands the layout of a cell to its keeper.
const cellVariable = "KENNEL_CELL"

// mostPlan bounds the description of an app, in bytes. The kernel takes less as
// arguments and environment.
const mostPlan = 8 << 20

// keeper is the first process of a cell.
type keeper struct {
	conn *ipc.Conn

	// mu covers pids and groups, and is held across a fork, so that no child is
	// reaped before it is known.
	mu   sync.Mutex
	pids map[int]int // of the apps that run → their ids
	// groups are the process groups of all apps by id. One stays while a process
	// is in it, even when the app itself has ended.
	groups map[int]int
}

// keep is the main function of a keeper. It returns when the host closes its end
// of the connection; with its return the cell ends.
func keep(raw string) error {
	var layout Layout
	if err := json.Unmarshal([]byte(raw), &layout); err != nil {
		return fmt.Errorf("read $%s: %w", cellVariable, err)
	}
	conn, err := ipc.FromFD(3)
	if err != nil {
		return err
	}
	// Handlers, and not SIG_IGN, which the apps would inherit. Whoever signals the
	// first process of the cell reaches nobody.
	signal.Notify(make(chan os.Signal, 1), unix.SIGTERM, unix.SIGINT, unix.SIGHUP, unix.SIGQUIT, unix.SIGUSR1, unix.SIGUSR2)
	died := make(chan os.Signal, 1)
	signal.Notify(died, unix.SIGCHLD)
	if err := layout.arrange(); err != nil {
		return err
	}
	if err := mountProc(); err != nil {
		return err
	}
	k := &keeper{conn: conn, pids: map[int]int{}, groups: map[int]int{}}
	go func() {
		for range died {
			k.reap()
		}
	}()
	if err := conn.Send(callTimeout, msgReady, nil); err != nil {
		return err
	}
	for {
		m, err := conn.Receive(0)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		k.obey(m)
	}
}

func (k *keeper) obey(m ipc.Message) {
	defer m.CloseFiles()
	switch m.Type {
	case msgStart:
		var ask startMessage
		if err := m.Decode(&ask); err != nil {
			return // the host waits no longer than callTimeout
		}
		answer := startedMessage{ID: ask.ID}
		pid, err := k.start(ask, m.Files)
		if err != nil {
			answer.Error = err.Error()
		}
		answer.PID = pid
		_ = k.conn.SendJSON(callTimeout, msgStarted, answer)
	case msgSignal:
		var ask signalMessage
		if m.Decode(&ask) == nil {
			k.signal(ask)
		}
	}
}

// start starts an app. Its exit is reported after its start, because both need
// the lock.
func (k *keeper) start(ask startMessage, files []int) (pid int, err error) {
	if len(files) < 3 {
		return 0, fmt.Errorf("start an app with %d files, want 3", len(files))
	}
	plan, err := readPlan(files[0])
	if err != nil {
		return 0, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	born := make(chan error)
	go func() {
		// The thread gives up what the app must not have, and ends with this
		// goroutine because it is never unlocked.
		runtime.LockOSThread()
		var err error
		pid, err = plan.fork(files[1:], ask.Hidden)
		born <- err
	}()
	if err := <-born; err != nil {
		return 0, err
	}
	maps.DeleteFunc(k.groups, func(_, group int) bool { return group == pid }) // that one had emptied
	k.pids[pid], k.groups[ask.ID] = ask.ID, pid
	return pid, nil
}

func readPlan(fd int) (plan Plan, err error) {
	dup, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		return plan, fmt.Errorf("read the description of an app: %w", err)
	}
	f := os.NewFile(uintptr(dup), "plan")
	defer f.Close()
	if err := json.NewDecoder(io.NewSectionReader(f, 0, mostPlan)).Decode(&plan); err != nil {
		return plan, fmt.Errorf("read the description of an app: %w", err)
	}
	return plan, nil
}

// fork starts the app from the calling thread. files are stdout, stderr, and the
// program where it is hidden.
func (p Plan) fork(files []int, hidden bool) (int, error) {
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return 0, err
	}
	defer null.Close()
	attr := &syscall.ProcAttr{
		Dir: p.Dir, Env: p.Env, Files: []uintptr{null.Fd()},
		// A session of its own: the terminal of the host is not the app's.
		Sys: &syscall.SysProcAttr{Setsid: true},
	}
	for _, fd := range files {
		attr.Files = append(attr.Files, uintptr(fd))
	}
	path, args := p.Path, p.Args
	switch {
	case hidden && len(files) == 3:
		path = "/proc/self/fd/3" // open for the app, too: an interpreter reads its script there
	case path == "":
		path = "/proc/self/exe"
	}
	if p.Processes > 0 {
		if path, args, err = p.byVerb(path, attr); err != nil {
			return 0, err
		}
	} else if err := p.surrender(); err != nil {
		return 0, err
	}
	if u := p.User; u != nil && p.Processes == 0 {
		attr.Sys.Credential = &syscall.Credential{Uid: u.UID, Gid: u.GID, Groups: u.Groups}
	}
	pid, err := syscall.ForkExec(path, args, attr)
	if err != nil {
		return 0, fmt.Errorf("execute %s: %w", p.Path, err)
	}
	return pid, nil
}

// byVerb lets the app begin as this program, which sets limits for itself before
// it becomes the app. A keeper cannot: they would be its own.
func (p Plan) byVerb(path string, attr *syscall.ProcAttr) (string, []string, error) {
	p.Path, p.Env = path, nil
	p.Abilities.Mounts = false // they are made
	raw, err := json.Marshal(p)
	if err != nil {
		return "", nil, fmt.Errorf("confine %s: %w", p.Path, err)
	}
	attr.Env = append(attr.Env, variable+"="+string(raw))
	return "/proc/self/exe", []string{"kennel", Verb}, nil
}

// signal reaches the process group of an app, as long as a process is in it.
func (k *keeper) signal(ask signalMessage) {
	k.mu.Lock()
	defer k.mu.Unlock()
	group, known := k.groups[ask.ID]
	if !known {
		return
	}
	if err := unix.Kill(-group, ask.Signal); errors.Is(err, unix.ESRCH) {
		delete(k.groups, ask.ID) // its number may be given to another
	}
}

// reap collects every child that has ended, and orphans of the apps, which
// become children of the first process.
func (k *keeper) reap() {
	k.mu.Lock()
	defer k.mu.Unlock()
	for {
		var status syscall.WaitStatus
		var usage syscall.Rusage
		pid, err := syscall.Wait4(-1, &status, syscall.WNOHANG, &usage)
		if errors.Is(err, syscall.EINTR) {
			continue
		}
		if err != nil || pid <= 0 {
			return
		}
		id, app := k.pids[pid]
		if !app {
			continue
		}
		delete(k.pids, pid)
		_ = k.conn.SendJSON(callTimeout, msgExited, exitedMessage{
			ID: id, Status: status, User: time.Duration(usage.Utime.Nano()), System: time.Duration(usage.Stime.Nano()),
		})
		if errors.Is(unix.Kill(-pid, 0), unix.ESRCH) {
			delete(k.groups, id)
		}
	}
}
