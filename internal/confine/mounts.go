package confine

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/sys/unix"
)

// shared are the directories that every user of a machine may write.
var shared = []string{"/tmp", "/var/tmp"}

// kept are directories and the program, held open while their paths are hidden.
type kept struct {
	tmp     string
	keep    map[string]string // path → where it can be reached
	program string
}

// open holds what lies below the paths that are going to be hidden.
func open(layout Layout, program string) (kept, error) {
	k := kept{keep: map[string]string{}, program: program}
	var err error
	if k.tmp, err = hold(layout.Tmp); err != nil {
		return k, err
	}
	for _, dir := range layout.Keep {
		if k.keep[dir], err = hold(dir); err != nil {
			return k, err
		}
	}
	if program == "" || !hidden(layout.Hide, program) {
		return k, nil
	}
	// It stays open for the app too: a script is read by its interpreter.
	fd, err := unix.Open(program, unix.O_RDONLY, 0)
	if err != nil {
		return k, fmt.Errorf("open %s: %w", program, err)
	}
	k.program = fmt.Sprintf("/proc/self/fd/%d", fd)
	return k, nil
}

// hidden reports whether a path is below what an app does not see.
func hidden(hide []string, path string) bool {
	for _, dir := range slices.Concat([]string{"/dev/shm"}, shared, hide) {
		if below(path, dir) {
			return true
		}
	}
	return false
}

func hold(dir string) (string, error) {
	fd, err := unix.Open(dir, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return "", fmt.Errorf("open %s: %w", dir, err)
	}
	return fmt.Sprintf("/proc/self/fd/%d", fd), nil
}

// arrange makes the mounts of a session's apps in the calling process's own
// mount namespace.
func (l Layout) arrange() error {
	// Mounts of the host still come in, as a disk that is plugged in later; none
	// goes out.
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_SLAVE, ""); err != nil {
		return fmt.Errorf("detach the mounts: %w", err)
	}
	if err := l.mountSized(); err != nil {
		return err
	}
	k, err := open(l, "")
	if err != nil {
		return err
	}
	return l.rearrange(k)
}

// mountSized puts file systems in memory, of a limited size, over the session's
// directories. Their pages count as memory of the apps.
func (l Layout) mountSized() error {
	owner := ""
	if l.Owner != nil {
		owner = fmt.Sprintf(",uid=%d,gid=%d", l.Owner.UID, l.Owner.GID)
	}
	for _, m := range []struct {
		dir  string
		size int64
	}{{l.Tmp, l.TmpBytes}, {l.Home, l.HomeBytes}} {
		if m.size <= 0 || m.dir == "" {
			continue
		}
		if err := unix.Mount("none", m.dir, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, fmt.Sprintf("size=%d,mode=700%s", m.size, owner)); err != nil {
			return fmt.Errorf("limit the size of %s: %w", m.dir, err)
		}
	}
	return nil
}

// rearrange hides what is not the session's, and shows what is kept.
func (l Layout) rearrange(k kept) error {
	if err := l.hide(); err != nil {
		return err
	}
	for _, dir := range shared {
		if err := bind(k.tmp, dir); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	if err := unix.Mount("none", "/dev/shm", "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "mode=1777"); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("make a /dev/shm: %w", err)
	}
	for dir, held := range k.keep {
		if !hidden(l.Hide, dir) {
			continue
		}
		if err := os.MkdirAll(dir, 0o711); err != nil {
			return fmt.Errorf("show %s: %w", dir, err)
		}
		if err := bind(held, dir); err != nil {
			return err
		}
	}
	if l.Owner == nil {
		return protectCgroups()
	}
	return nil
}

func (l Layout) hide() error {
	for _, file := range l.Mask {
		// What the app's user does not find or may not reach needs none.
		if err := bind(os.DevNull, file); err != nil && !errors.Is(err, os.ErrNotExist) && !errors.Is(err, os.ErrPermission) && !errors.Is(err, unix.ENOTDIR) {
			return err
		}
	}
	for i, dir := range l.Hide {
		if slices.ContainsFunc(l.Hide[:i], func(other string) bool { return below(dir, other) }) {
			continue
		}
		if err := unix.Mount("none", dir, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "size=64k,mode=711"); err != nil {
			return fmt.Errorf("hide %s: %w", dir, err)
		}
	}
	return nil
}

// protectCgroups makes the control groups read-only. An app that runs as the
// host's user could otherwise leave its group, or raise the limits of it, where
// the groups were delegated to that user.
func protectCgroups() error {
	const dir = "/sys/fs/cgroup"
	if err := bind(dir, dir); err != nil {
		if errors.Is(err, os.ErrNotExist) {
			return nil
		}
		return err
	}
	attr := unix.MountAttr{Attr_set: unix.MOUNT_ATTR_RDONLY}
	err := unix.MountSetattr(unix.AT_FDCWD, dir, unix.AT_RECURSIVE, &attr)
	if errors.Is(err, unix.ENOSYS) { // before Linux 5.12
		err = unix.Mount("none", dir, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_RDONLY, "size=4k")
	}
	if err != nil {
		return fmt.Errorf("make %s read-only: %w", dir, err)
	}
	return nil
}

func bind(from, to string) error {
	if err := unix.Mount(from, to, "", unix.MS_BIND|unix.MS_REC, ""); err != nil {
		return fmt.Errorf("put %s in place of %s: %w", filepath.Base(from), to, err)
	}
	return nil
}

// mountProc makes the /proc of the PID namespace that the caller is the first
// process of.
func mountProc() error {
	if err := unix.Mount("proc", "/proc", "proc", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, ""); err != nil {
		return fmt.Errorf("mount a /proc of the session's own processes: %w", err)
	}
	return nil
}
