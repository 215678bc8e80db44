package confine

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// Run confines this process as its environment says and becomes the app, or
// keeps a Cell until the host ends it. It returns with an error, after a trial,
// or at the end of the cell.
func Run() error {
	if raw, ok := os.LookupEnv(cellVariable); ok {
		return keep(raw)
	}
	// Landlock, the filter and the last exec are of one thread.
	runtime.LockOSThread()
	if what := os.Getenv(variable); what == trialMounts || what == trialCalls {
		return attempt(os.Stdout, what)
	}
	plan, env, err := planned()
	if err != nil {
		return err
	}
	path := plan.Path
	if path == "" {
		path = "/proc/self/exe"
	}
	if plan.Abilities.Mounts {
		kept, err := open(plan.Layout, path)
		if err != nil {
			return err
		}
		if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_SLAVE, ""); err != nil {
			return fmt.Errorf("detach the mounts: %w", err)
		}
		if err := plan.rearrange(kept); err != nil {
			return err
		}
		path = kept.program
	}
	leaveTerminal()
	if err := plan.limit(); err != nil {
		return err
	}
	if err := plan.become(); err != nil {
		return err
	}
	if err := plan.surrender(); err != nil {
		return err
	}
	// A change of user forgets it.
	if err := unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(unix.SIGKILL), 0, 0, 0); err != nil {
		return fmt.Errorf("ask for a death signal: %w", err)
	}
	if err := syscall.Exec(path, plan.Args, env); err != nil {
		return fmt.Errorf("execute %s: %w", plan.Path, err)
	}
	return nil
}

// leaveTerminal gives up the terminal in which the host was started: an app
// could type into it (TIOCSTI). Having none is no error.
func leaveTerminal() {
	fd, err := unix.Open("/dev/tty", unix.O_RDWR|unix.O_CLOEXEC|unix.O_NOCTTY, 0)
	if err != nil {
		return
	}
	defer func() { _ = unix.Close(fd) }()
	_ = unix.IoctlSetInt(fd, unix.TIOCNOTTY, 0)
}

// limit bounds the processes of the app's user, where no control group does. In
// a user namespace, and for a user of the session's own, those are the session's
// alone.
func (p Plan) limit() error {
	if p.Processes <= 0 {
		return nil
	}
	n := uint64(p.Processes)
	if err := unix.Setrlimit(unix.RLIMIT_NPROC, &unix.Rlimit{Cur: n, Max: n}); err != nil {
		return fmt.Errorf("limit the app to %d processes: %w", n, err)
	}
	return nil
}

// become takes the app's user.
func (p Plan) become() error {
	u := p.User
	if u == nil {
		return nil
	}
	groups := make([]int, len(u.Groups))
	for i, g := range u.Groups {
		groups[i] = int(g)
	}
	if err := syscall.Setgroups(groups); err != nil {
		return fmt.Errorf("take the groups of the app's user: %w", err)
	}
	if err := syscall.Setresgid(int(u.GID), int(u.GID), int(u.GID)); err != nil {
		return fmt.Errorf("become group %d: %w", u.GID, err)
	}
	if err := syscall.Setresuid(int(u.UID), int(u.UID), int(u.UID)); err != nil {
		return fmt.Errorf("become user %d: %w", u.UID, err)
	}
	return nil
}

// surrender gives up what the app must not have, for the calling thread and what
// it starts.
func (p Plan) surrender() error {
	a := p.Abilities
	if !p.NewPrivileges {
		if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
			return fmt.Errorf("forbid new privileges: %w", err)
		}
	}
	if err := p.restrict(); err != nil {
		return err
	}
	if !a.Processes && a.Calls {
		// A filter without the right to load it wants no_new_privs, even where the
		// app may otherwise gain rights.
		if err := filterCalls(!a.traces()); err != nil {
			return err
		}
	}
	if err := unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0); err != nil {
		return fmt.Errorf("drop capabilities: %w", err)
	}
	return nil
}

// below reports whether path is dir or in it.
func below(path, dir string) bool {
	return path == dir || strings.HasPrefix(path, strings.TrimSuffix(dir, "/")+"/")
}
