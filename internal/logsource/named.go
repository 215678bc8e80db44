package logsource

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kennel-stream/kennel/internal/evidence"
)

// openNamed opens what a name is of: a file, a pipe, or a terminal.
func (s *Set) openNamed(ctx context.Context, name string) (*os.File, fs.FileInfo, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, nil, notOpened(name, err)
	}
	flags := os.O_RDONLY
	switch mode := info.Mode(); {
	case mode&fs.ModeSocket != 0:
		return nil, nil, evidence.Errorf(evidence.Invalid, "%s is a socket, which holds no log: --docker reads that of a container", name)
	case mode&fs.ModeNamedPipe != 0:
		// To open it for nothing but reading waits for a writer, for ever.
		flags |= unix.O_NONBLOCK
	case mode&fs.ModeDevice != 0 && name != os.DevNull && mode&fs.ModeCharDevice == 0:
		return nil, nil, evidence.Errorf(evidence.Invalid, "%s is a disk, which holds no log: name a file", name)
	}
	file, err := os.OpenFile(name, flags, 0)
	if err != nil {
		return nil, nil, notOpened(name, err)
	}
	s.closers = append(s.closers, func() { _ = file.Close() })
	if info, err = file.Stat(); err != nil {
		return nil, nil, evidence.Errorf(evidence.Invalid, "look at the log: %w", err)
	}
	switch mode := info.Mode(); {
	case mode&fs.ModeNamedPipe != 0:
		err = s.awaitWriter(ctx, name, file)
	case mode&fs.ModeCharDevice != 0 && name != os.DevNull && !isTerminal(file):
		err = evidence.Errorf(evidence.Invalid, "%s is a device, which holds no log: name a file", name)
	}
	return file, info, err
}

// notOpened is the sentence for a log that cannot be opened.
func notOpened(name string, err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return evidence.Errorf(evidence.Invalid, "there is no log %s: correct the name, or use --docker for the log of a container", name)
	case errors.Is(err, fs.ErrPermission):
		return evidence.Errorf(evidence.Invalid, "%s may not be read by this user: sudo cat %s | kennel doctor -", name, name)
	}
	return evidence.Errorf(evidence.Invalid, "open the log: %w", err)
}

func isTerminal(file *os.File) bool {
	raw, err := file.SyscallConn()
	if err != nil {
		return false
	}
	is := false
	_ = raw.Control(func(fd uintptr) {
		_, err := unix.IoctlGetTermios(int(fd), unix.TCGETS)
		is = err == nil
	})
	return is
}

// DefaultPatience is how long a named pipe may be without a writer.
const DefaultPatience = 5 * time.Second

// awaitWriter waits until something was written into a named pipe, or its writer
// has left: a pipe without a writer reads as one that has ended.
func (s *Set) awaitWriter(ctx context.Context, name string, file *os.File) error {
	patience := s.options.Patience
	if patience == 0 {
		patience = DefaultPatience
	}
	raw, err := file.SyscallConn()
	if err != nil {
		return evidence.Errorf(evidence.Invalid, "wait for %s: %w", name, err)
	}
	for begun := time.Now(); ; {
		came := 0
		var failed error
		err := raw.Control(func(fd uintptr) {
			came, failed = unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, int(pause.Milliseconds()))
		})
		switch {
		case err != nil || failed != nil && !errors.Is(failed, unix.EINTR):
			return evidence.Errorf(evidence.Invalid, "wait for %s: %w", name, errors.Join(err, failed))
		case came > 0:
			return nil
		case ctx.Err() != nil:
			return evidence.Errorf(evidence.Invalid, "wait for %s: %w", name, ctx.Err())
		case !s.options.Follow && time.Since(begun) > patience:
			return evidence.Errorf(evidence.Invalid, "%s is a pipe into which nobody has written for %s: start the program that writes into it first", name, patience)
		}
	}
}
