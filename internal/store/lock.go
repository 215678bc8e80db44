package store

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// acquire takes the directory for this process. The kernel frees the lock when
// the process ends in whatever way, so a leftover file locks nobody out.
func acquire(dir string) (*os.File, error) {
	path := filepath.Join(dir, "lock")
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|unix.O_NOFOLLOW, 0o600)
	if errors.Is(err, unix.ELOOP) {
		return nil, linked(path)
	}
	if err != nil {
		return nil, fmt.Errorf("open the lock of the data directory: %w; check its owner and permissions", err)
	}
	if err := unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		defer file.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, fmt.Errorf("%w: another kennel serve%s has %s; stop it, or start this one with another --data DIR", ErrInUse, holder(file), dir)
		}
		return nil, fmt.Errorf("lock %s: %w; use a local file system for --data", path, err)
	}
	// The pid only serves the message above, so failing to write it is harmless.
	if file.Truncate(0) == nil {
		_, _ = file.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	}
	return file, nil
}

// holder names the process that wrote its pid into the lock file.
func holder(file *os.File) string {
	var text [32]byte
	n, _ := file.ReadAt(text[:], 0)
	pid, err := strconv.Atoi(strings.TrimSpace(string(text[:n])))
	if err != nil || pid <= 0 {
		return ""
	}
	return fmt.Sprintf(" (process %d)", pid)
}

// linked refuses a file of the data directory that leads out of it: root would
// write wherever whoever made the link wants.
func linked(path string) error {
	return fmt.Errorf("%s is a symbolic link, which is not followed: remove it, or put the file itself in its place", path)
}
