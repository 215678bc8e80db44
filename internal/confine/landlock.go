package confine

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	// scopesABI is the first version of Landlock that knows scopes.
	scopesABI = 6
	// filesABI is the first that lets files be moved between directories.
	filesABI = 2
)

// landlockABI is the version that the kernel has, 0 without Landlock.
func landlockABI() int {
	n, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_VERSION)
	if errno != 0 {
		return 0
	}
	return int(n)
}

// traces reports whether Landlock keeps apps from tracing others. Every domain
// does, whatever its rules are.
func (a Abilities) traces() bool { return a.Scopes || a.Writes }

// restrict puts this thread, and so the app, into a Landlock domain that ends
// tracing, abstract sockets and signals at its border. Outside of a PID
// namespace the app also loses the right to write in /proc and /sys: the kernel
// checks nothing but the owner of oom_score_adj, autogroup and the files of
// control groups.
func (p Plan) restrict() error {
	a := p.Abilities
	attr := unix.LandlockRulesetAttr{}
	if a.Scopes {
		attr.Scoped = unix.LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET | unix.LANDLOCK_SCOPE_SIGNAL
	}
	files := a.Writes && !a.Processes
	if files {
		attr.Handled_access_fs = unix.LANDLOCK_ACCESS_FS_WRITE_FILE | unix.LANDLOCK_ACCESS_FS_REFER
	}
	if attr.Scoped == 0 && attr.Handled_access_fs == 0 {
		return nil
	}
	fd, err := landlockRuleset(&attr)
	if err != nil {
		return fmt.Errorf("make a landlock ruleset: %w", err)
	}
	defer func() { _ = unix.Close(fd) }()
	if files {
		if err := allowWrites(fd, "proc", "sys"); err != nil {
			return err
		}
	}
	_, _, errno := unix.Syscall(unix.SYS_LANDLOCK_RESTRICT_SELF, uintptr(fd), 0, 0)
	if errno == unix.EPERM {
		// Without CAP_SYS_ADMIN only who gains no rights may confine itself.
		if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
			return fmt.Errorf("forbid new privileges: %w", err)
		}
		_, _, errno = unix.Syscall(unix.SYS_LANDLOCK_RESTRICT_SELF, uintptr(fd), 0, 0)
	}
	if errno != 0 {
		return fmt.Errorf("enter a landlock domain: %w", errno)
	}
	return nil
}

// landlockRuleset makes a ruleset. Older kernels take a shorter attribute, and a
// longer one whose rest is zero.
func landlockRuleset(attr *unix.LandlockRulesetAttr) (int, error) {
	fd, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, uintptr(unsafe.Pointer(attr)), unsafe.Sizeof(*attr), 0)
	if errno != 0 {
		return -1, errno
	}
	return int(fd), nil
}

// allowWrites lets files be written and moved below every directory of the root
// but those named.
func allowWrites(ruleset int, but ...string) error {
	entries, err := os.ReadDir("/")
	if err != nil {
		return fmt.Errorf("list the root directory: %w", err)
	}
	left := map[string]bool{}
	for _, name := range but {
		left[name] = true
	}
	for _, e := range entries {
		if left[e.Name()] || !e.IsDir() {
			continue
		}
		if err := allowWrite(ruleset, filepath.Join("/", e.Name())); err != nil && !errors.Is(err, os.ErrPermission) && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("let the app write below /%s: %w", e.Name(), err)
		}
	}
	return nil
}

func allowWrite(ruleset int, dir string) error {
	fd, err := unix.Open(dir, unix.O_PATH|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer func() { _ = unix.Close(fd) }()
	rule := unix.LandlockPathBeneathAttr{
		Allowed_access: unix.LANDLOCK_ACCESS_FS_WRITE_FILE | unix.LANDLOCK_ACCESS_FS_REFER, Parent_fd: int32(fd),
	}
	if _, _, errno := unix.Syscall6(unix.SYS_LANDLOCK_ADD_RULE, uintptr(ruleset), unix.LANDLOCK_RULE_PATH_BENEATH, uintptr(unsafe.Pointer(&rule)), 0, 0, 0); errno != 0 {
		return errno
	}
	return nil
}
