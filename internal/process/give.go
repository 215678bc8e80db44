package process

import (
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// Give sets the permissions of a file or directory that this process has made,
// and gives it to a user; nil leaves the owner. Its directory may belong to that
// user already, who could have put something else in its place: a link is not
// followed, and what belongs to another than this process is refused.
func Give(path string, mode uint32, to *Credential) error {
	fd, err := unix.Open(path, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("open %s: %w", path, err)
	}
	defer func() { _ = unix.Close(fd) }()
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return fmt.Errorf("look at %s: %w", path, err)
	}
	if st.Mode&unix.S_IFMT == unix.S_IFLNK || int(st.Uid) != os.Geteuid() {
		return fmt.Errorf("%s was replaced by something of user %d: it is not given away", path, st.Uid)
	}
	if err := unix.Chmod(fmt.Sprintf("/proc/self/fd/%d", fd), mode); err != nil {
		return fmt.Errorf("protect %s: %w", path, err)
	}
	if to == nil {
		return nil
	}
	if err := unix.Fchownat(fd, "", int(to.UID), int(to.GID), unix.AT_EMPTY_PATH); err != nil {
		return fmt.Errorf("give %s to user %d: %w", path, to.UID, err)
	}
	return nil
}

// OwnDir makes a directory that nobody else may write to, and checks one that is
// there already: a link, or one of another user, is refused, and the permissions
// are set.
func OwnDir(path string, mode uint32) error {
	if err := os.MkdirAll(path, os.FileMode(mode)); err != nil {
		return err
	}
	return Give(path, mode, nil)
}

// OwnParent makes the directory above a path where it is missing. One that is
// there must belong to this process's user or to root: another user could put
// something else in the path's place.
func OwnParent(path string, mode uint32) error {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, os.FileMode(mode)); err != nil {
		return err
	}
	var st unix.Stat_t
	if err := unix.Lstat(dir, &st); err != nil {
		return fmt.Errorf("look at %s: %w", dir, err)
	}
	if st.Uid != 0 && int(st.Uid) != os.Geteuid() {
		return fmt.Errorf("%s belongs to user %d, who could read and replace what is in it: remove it, or choose another place with XDG_RUNTIME_DIR", dir, st.Uid)
	}
	return nil
}
