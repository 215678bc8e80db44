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
func open(plan Plan, program string) (kept, error) {
	k := kept{keep: map[string]string{}, program: program}
	var err error
	if k.tmp, err = hold(plan.Tmp); err != nil {
		return k, err
	}
	for _, dir := range plan.Keep {
		if k.keep[dir], err = hold(dir); err != nil {
			return k, err
		}
	}
	if !hidden(plan, program) {
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

func hidden(plan Plan, path string) bool {
	for _, dir := range append(append([]string{"/dev/shm"}, shared...), plan.Hide...) {
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

// rearrange makes the mounts of the app. Mounts of the host still come in, as
// a disk that is plugged in later; none goes out.
func rearrange(plan Plan, k kept) error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_SLAVE, ""); err != nil {
		return fmt.Errorf("detach the mounts: %w", err)
	}
	for _, file := range plan.Mask {
		// What the app's user does not find or may not reach needs none.
		if err := bind(os.DevNull, file); err != nil && !errors.Is(err, os.ErrNotExist) && !errors.Is(err, os.ErrPermission) && !errors.Is(err, unix.ENOTDIR) {
			return err
		}
	}
	for i, dir := range plan.Hide {
		if slices.ContainsFunc(plan.Hide[:i], func(other string) bool { return below(dir, other) }) {
			continue
		}
		if err := unix.Mount("none", dir, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "size=64k,mode=711"); err != nil {
			return fmt.Errorf("hide %s: %w", dir, err)
		}
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
		if !hidden(plan, dir) {
			continue
		}
		if err := os.MkdirAll(dir, 0o711); err != nil {
			return fmt.Errorf("show %s: %w", dir, err)
		}
		if err := bind(held, dir); err != nil {
			return err
		}
	}
	if plan.Abilities.Processes {
		return hideProcesses()
	}
	return nil
}

func bind(from, to string) error {
	if err := unix.Mount(from, to, "", unix.MS_BIND|unix.MS_REC, ""); err != nil {
		return fmt.Errorf("put %s in place of %s: %w", filepath.Base(from), to, err)
	}
	return nil
}

// hideProcesses makes a /proc that lists to a user only his own (proc(5),
// hidepid=2).
func hideProcesses() error {
	if err := unix.Mount("proc", "/proc", "proc", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, "hidepid=2"); err != nil {
		return fmt.Errorf("hide the processes of others: %w", err)
	}
	return nil
}
