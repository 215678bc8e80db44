package session

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/kennel-stream/kennel/internal/process"
)

// uidLocks keep the hosts of one machine from handing out the same user id. A
// host locks the byte of the shared file whose offset is the id. The kernel frees
// the locks when the host ends in whatever way. A nil *uidLocks locks nothing.
type uidLocks struct{ file *os.File }

// openUIDLocks opens the machine's file, which it makes where it is missing, in a
// directory of root's.
func openUIDLocks(path string) (*uidLocks, error) {
	if err := process.OwnDir(filepath.Dir(path), 0o711); err != nil {
		return nil, fmt.Errorf("lock user ids: %w", err)
	}
	fd, err := unix.Open(path, unix.O_RDWR|unix.O_CREAT|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock user ids: open %s: %w", path, err)
	}
	return &uidLocks{os.NewFile(uintptr(fd), path)}, nil
}

// lock takes an id; it is false while another host has it.
func (l *uidLocks) lock(id uint32) (bool, error) {
	if l == nil {
		return true, nil
	}
	err := unix.FcntlFlock(l.file.Fd(), unix.F_OFD_SETLK, &unix.Flock_t{Type: unix.F_WRLCK, Start: int64(id), Len: 1})
	if errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EACCES) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("lock user id %d: %w", id, err)
	}
	return true, nil
}

func (l *uidLocks) unlock(id uint32) {
	if l != nil {
		_ = unix.FcntlFlock(l.file.Fd(), unix.F_OFD_SETLK, &unix.Flock_t{Type: unix.F_UNLCK, Start: int64(id), Len: 1})
	}
}

// close frees every lock.
func (l *uidLocks) close() {
	if l != nil {
		_ = l.file.Close()
	}
}
