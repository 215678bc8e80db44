// Package process starts Kennel's child processes by the rules of the design,
// and ends them so that nothing is left.
//
// One locked OS thread starts every child (Spawner): a parent-death signal is
// tied to the thread that forked, not to the process. Every child has its own
// process group and, where the machine allows it, a cgroup that it is born
// into (Group), inherits no descriptor that it was not given, and yields
// exactly one Exit. What a crash of the parent leaves behind is found again by
// the instance name (Sweep).
package process

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"runtime"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// ErrClosed is returned by Start after Close.
var ErrClosed = errors.New("spawner is closed")

// Credential is who a child runs as. Changing it needs root.
type Credential struct {
	UID, GID uint32
	// Groups are the supplementary groups; none when empty.
	Groups []uint32
}

// Spec describes one child process.
type Spec struct {
	// Name tells people what the process is for: "display", "app".
	Name string
	// Path is the file to execute; Args are its arguments without argv[0].
	Path string
	Args []string
	// ByDescriptor opens Path in this process and executes the open file, for a
	// child whose Credential could not walk the directories above it. Scripts
	// do not start this way.
	ByDescriptor bool
	// Env is the whole environment.
	Env []string
	Dir string
	// Files become descriptors 3, 4, … of the child. The caller closes its own.
	Files []*os.File
	// Stdout and Stderr are /dev/null when nil.
	Stdout, Stderr *os.File
	// Credential is the parent's own when nil.
	Credential *Credential
	// Group is the cgroup that the child is born into; nil for the parent's.
	Group *Group
	// Namespaces that the child is born into are its own.
	Namespaces Namespaces
}

// Namespaces are kinds of namespaces(7) that a child does not share.
type Namespaces struct {
	// Flags are CLONE_NEW… flags of clone(2), but CLONE_NEWUSER.
	Flags uintptr
	// User adds a user namespace in which the parent's user and group are
	// themselves and the child may mount until it executes something else: the
	// way to the other kinds for who is not root.
	User bool
}

func (n Namespaces) apply(sys *syscall.SysProcAttr) {
	sys.Cloneflags = n.Flags
	if !n.User {
		return
	}
	sys.Cloneflags |= syscall.CLONE_NEWUSER
	sys.UidMappings = []syscall.SysProcIDMap{{ContainerID: os.Geteuid(), HostID: os.Geteuid(), Size: 1}}
	sys.GidMappings = []syscall.SysProcIDMap{{ContainerID: os.Getegid(), HostID: os.Getegid(), Size: 1}}
	sys.AmbientCaps = []uintptr{unix.CAP_SYS_ADMIN}
}

// Exit is the one final fact about a child.
type Exit struct {
	PID  int
	Name string
	// Code is the exit status, -1 when a signal ended the process.
	Code int
	// Signal is what ended the process, 0 when it exited by itself.
	Signal     syscall.Signal
	CoreDumped bool
	// Stuck is the state (proc_pid_stat(5)) of a process that SIGKILL has not
	// ended, "" of one that has ended. Then nothing but the name, the pid and At,
	// which is now, is known.
	Stuck string
	At    time.Time
	// User and System are the CPU time of the process and its waited-for children.
	User, System time.Duration
}

// String says in a few words how the process ended.
func (e Exit) String() string {
	if e.Stuck != "" {
		return "not ended by SIGKILL (state " + e.Stuck + ")"
	}
	if e.Signal != 0 {
		return "killed by " + unix.SignalName(e.Signal)
	}
	return fmt.Sprintf("exit status %d", e.Code)
}

// Process is a started child.
type Process struct {
	name  string
	pid   int
	group *Group
	proc  *os.Process
	done  chan struct{}
	exit  Exit // written before done is closed, read only after

	killed sync.Once
	late   chan struct{} // closed KillTimeout after the first Kill
}

// Spawner starts children from one locked OS thread that lives as long as the
// Spawner. Requests are queued on jobs, which only Close closes.
type Spawner struct {
	jobs chan job
	quit chan struct{}
	once sync.Once

	mu       sync.Mutex // covers children, and is held across a fork so that a Reaper knows every child
	children map[int]*Process
}

type job struct {
	spec  Spec
	reply chan result
}

var errNoPath = errors.New("start a child: no program is named")

type result struct {
	p   *Process
	err error
}

// NewSpawner starts the spawner's thread. Close ends it, and with it every
// child that is still alive: their parent-death signal is SIGKILL.
//
// Descriptors that this process itself inherited are marked close-on-exec, so
// that no child inherits them in turn.
func NewSpawner() *Spawner {
	// Best effort: kernels before 5.11 do not know the flag.
	_ = unix.CloseRange(3, math.MaxInt32, unix.CLOSE_RANGE_CLOEXEC)
	s := &Spawner{jobs: make(chan job), quit: make(chan struct{}), children: map[int]*Process{}}
	go s.loop()
	return s
}

func (s *Spawner) loop() {
	// Never unlocked: the thread ends with this goroutine.
	runtime.LockOSThread()
	for {
		select {
		case <-s.quit:
			return
		case j := <-s.jobs:
			if j.spec.Path == "" {
				j.reply <- result{nil, errNoPath}
				continue
			}
			p, err := s.start(j.spec)
			j.reply <- result{p, err}
		}
	}
}

// Start starts a child. The context bounds the wait for the spawner's thread,
// not the life of the child.
func (s *Spawner) Start(ctx context.Context, spec Spec) (*Process, error) {
	j := job{spec, make(chan result, 1)}
	select {
	case s.jobs <- j:
	case <-s.quit:
		return nil, fmt.Errorf("start %s: %w", spec.Name, ErrClosed)
	case <-ctx.Done():
		return nil, fmt.Errorf("start %s: %w", spec.Name, ctx.Err())
	}
	r := <-j.reply
	return r.p, r.err
}

func (s *Spawner) start(spec Spec) (*Process, error) {
	attr, closeNull, err := spec.attributes()
	if err != nil {
		return nil, err
	}
	defer closeNull()
	s.mu.Lock()
	defer s.mu.Unlock()
	leave, err := spec.Group.enter(attr.Sys)
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", spec.Name, err)
	}
	defer leave()
	path, closePath, err := spec.executable(attr.Files)
	if err != nil {
		return nil, err
	}
	defer closePath()
	proc, err := os.StartProcess(path, append([]string{spec.Path}, spec.Args...), attr)
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", spec.Name, err)
	}
	p := &Process{name: spec.Name, pid: proc.Pid, group: spec.Group, proc: proc, done: make(chan struct{}), late: make(chan struct{})}
	spec.Group.add(proc.Pid, spec.Namespaces)
	s.children[p.pid] = p
	go s.wait(p)
	return p, nil
}

// executable returns the path to execute. Between fork and exec the child still
// has the parent's descriptors, so an open file can be named by its number; it
// must be one that nothing replaces on the way: the child's files take the
// lowest numbers, and while they are moved there, os.StartProcess uses those
// above the highest of them.
func (spec *Spec) executable(files []*os.File) (path string, done func(), err error) {
	if !spec.ByDescriptor {
		return spec.Path, func() {}, nil
	}
	file, err := os.Open(spec.Path)
	if err != nil {
		return "", nil, fmt.Errorf("start %s: %w", spec.Name, err)
	}
	defer file.Close()
	least := len(files)
	for _, f := range files {
		least = max(least, int(f.Fd()))
	}
	fd, err := unix.FcntlInt(file.Fd(), unix.F_DUPFD_CLOEXEC, least+len(files)+8)
	if err != nil {
		return "", nil, fmt.Errorf("start %s: %w", spec.Name, err)
	}
	return fmt.Sprintf("/proc/self/fd/%d", fd), func() { _ = unix.Close(fd) }, nil
}

func (spec *Spec) attributes() (*os.ProcAttr, func(), error) {
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("start %s: %w", spec.Name, err)
	}
	std := []*os.File{null, null, null}
	if spec.Stdout != nil {
		std[1] = spec.Stdout
	}
	if spec.Stderr != nil {
		std[2] = spec.Stderr
	}
	attr := &os.ProcAttr{
		Dir: spec.Dir, Env: spec.Env, Files: append(std, spec.Files...),
		Sys: &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL},
	}
	if attr.Env == nil {
		// A nil Env would hand down the parent's whole environment.
		attr.Env = []string{}
	}
	spec.Namespaces.apply(attr.Sys)
	if c := spec.Credential; c != nil {
		attr.Sys.Credential = &syscall.Credential{Uid: c.UID, Gid: c.GID, Groups: c.Groups}
	}
	return attr, func() { _ = null.Close() }, nil
}

// wait owns the child until it is reaped and publishes its only Exit.
func (s *Spawner) wait(p *Process) {
	state, err := p.proc.Wait()
	e := Exit{PID: p.pid, Name: p.name, Code: -1, At: time.Now()}
	if err == nil {
		e.Code = state.ExitCode()
		e.User, e.System = state.UserTime(), state.SystemTime()
		if ws, ok := state.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
			e.Signal, e.CoreDumped = ws.Signal(), ws.CoreDump()
		}
	}
	s.mu.Lock()
	delete(s.children, p.pid)
	s.mu.Unlock()
	p.exit = e
	close(p.done)
}

// Alive waits until the spawner's thread takes a request, and fails when it has
// not by the end of ctx.
func (s *Spawner) Alive(ctx context.Context) error {
	j := job{reply: make(chan result, 1)}
	select {
	case s.jobs <- j:
		<-j.reply
		return nil
	case <-s.quit:
		return ErrClosed
	case <-ctx.Done():
		return fmt.Errorf("the spawner's thread does not answer: %w", ctx.Err())
	}
}

// Children returns the pids of the children that are not reaped yet.
func (s *Spawner) Children() []int {
	s.mu.Lock()
	defer s.mu.Unlock()
	pids := make([]int, 0, len(s.children))
	for pid := range s.children {
		pids = append(pids, pid)
	}
	return pids
}

// NameOf is the name of a child that is not reaped yet, "" of others. The process
// table has another one for those that were executed by descriptor.
func (s *Spawner) NameOf(pid int) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if p := s.children[pid]; p != nil {
		return p.name
	}
	return ""
}

// Close ends the spawner's thread and kills what is still alive.
func (s *Spawner) Close() {
	s.once.Do(func() {
		s.mu.Lock()
		for _, p := range s.children {
			// Whole process groups, before the thread's end takes only the leaders.
			p.Kill()
		}
		s.mu.Unlock()
		close(s.quit)
	})
}

// PID is the process id; it stays reserved until Done is closed.
func (p *Process) PID() int { return p.pid }

// Name is the Spec's.
func (p *Process) Name() string { return p.name }

// Done is closed once the process is reaped and Exit is known.
func (p *Process) Done() <-chan struct{} { return p.done }

// Exit returns how the process ended. It blocks until then, which may be for
// ever: see End.
func (p *Process) Exit() Exit {
	<-p.done
	return p.exit
}

// Alive reports whether the process is not reaped yet.
func (p *Process) Alive() bool {
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

// Signal sends sig to the process alone. Signalling a process that has ended
// is no error.
func (p *Process) Signal(sig syscall.Signal) error {
	if err := p.proc.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("signal %s (pid %d): %w", p.name, p.pid, err)
	}
	return nil
}

// Kill sends SIGKILL to the process and its process group.
func (p *Process) Kill() {
	if !p.Alive() {
		return
	}
	_ = syscall.Kill(-p.pid, syscall.SIGKILL)
	_ = p.proc.Kill()
	p.killed.Do(func() { time.AfterFunc(KillTimeout, func() { close(p.late) }) })
}

// KillTimeout is how long a process may take to end once SIGKILL was sent. One
// that takes longer is as a rule in the call of a driver that does not return
// (state D), which no signal ends: it is left to itself, and reaped if it ever
// ends.
const KillTimeout = 3 * time.Second

// End kills the process and returns how it ended, or a Stuck exit when it has
// not within KillTimeout of the first Kill.
func (p *Process) End() Exit {
	p.Kill()
	select {
	case <-p.done:
		return p.exit
	case <-p.late:
	}
	if !p.Alive() {
		return p.exit
	}
	return Exit{PID: p.pid, Name: p.name, Code: -1, Stuck: stateOf(p.pid), At: time.Now()}
}

// Stop asks the process group to end with SIGTERM, and ends it (see End) when it
// has not done so within grace or before ctx ends.
func (p *Process) Stop(ctx context.Context, grace time.Duration) Exit {
	if p.Alive() {
		_ = syscall.Kill(-p.pid, syscall.SIGTERM)
	}
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case <-p.done:
	case <-timer.C:
	case <-ctx.Done():
	}
	return p.End()
}
