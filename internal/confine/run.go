package confine

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// Run confines this process as its environment says and becomes the app. It
// returns only with an error, or after a trial.
func Run() error {
	// Landlock and the last exec are of one thread.
	runtime.LockOSThread()
	if os.Getenv(variable) == trial {
		return attempt(os.Stdout)
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
		kept, err := open(plan, path)
		if err != nil {
			return err
		}
		if err := rearrange(plan, kept); err != nil {
			return err
		}
		path = kept.program
	}
	if plan.Abilities.Scopes {
		if err := restrict(); err != nil {
			return err
		}
	}
	if err := become(plan); err != nil {
		return err
	}
	if err := syscall.Exec(path, plan.Args, env); err != nil {
		return fmt.Errorf("execute %s: %w", plan.Path, err)
	}
	return nil
}

// become gives up every right but those of the app's user. The death signal is
// asked for again, since a change of user forgets it.
func become(plan Plan) error {
	if u := plan.User; u != nil {
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
	}
	if err := unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0); err != nil {
		return fmt.Errorf("drop capabilities: %w", err)
	}
	if !plan.NewPrivileges {
		if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
			return fmt.Errorf("forbid new privileges: %w", err)
		}
	}
	if err := unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(unix.SIGKILL), 0, 0, 0); err != nil {
		return fmt.Errorf("ask for a death signal: %w", err)
	}
	return nil
}

// restrict puts this thread, and so the app, into a Landlock domain that ends
// abstract sockets and signals at its border (Landlock ABI 6).
func restrict() error {
	attr := unix.LandlockRulesetAttr{Scoped: unix.LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET | unix.LANDLOCK_SCOPE_SIGNAL}
	fd, err := landlockRuleset(&attr)
	if err != nil {
		return fmt.Errorf("make a landlock ruleset: %w", err)
	}
	defer func() { _ = unix.Close(fd) }()
	// Without CAP_SYS_ADMIN only who gains no rights may confine itself.
	if os.Geteuid() != 0 {
		if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
			return fmt.Errorf("forbid new privileges: %w", err)
		}
	}
	if _, _, errno := unix.Syscall(unix.SYS_LANDLOCK_RESTRICT_SELF, uintptr(fd), 0, 0); errno != 0 {
		return fmt.Errorf("enter a landlock domain: %w", errno)
	}
	return nil
}

// below reports whether path is dir or in it.
func below(path, dir string) bool {
	return path == dir || strings.HasPrefix(path, strings.TrimSuffix(dir, "/")+"/")
}
