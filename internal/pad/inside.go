package pad

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"

	"golang.org/x/sys/unix"
)

// Inside is a container that has the gamepads: its first process as this host
// sees it. Nothing of it is held open in between.
type Inside struct {
	PID int
	// Alive tells whether that process has not been reaped: its number may then
	// be another's.
	Alive func() bool
}

// errEnded means that the container is gone, and its nodes with it.
var errEnded = errors.New("the container has ended")

// entry opens a file of the first process in /proc, which is its own for as long
// as it is open.
func (in *Inside) entry(name string, flags int) (int, error) {
	path := filepath.Join("/proc", strconv.Itoa(in.PID), name)
	fd, err := unix.Open(path, flags|unix.O_CLOEXEC, 0)
	if !in.Alive() {
		if err == nil {
			_ = unix.Close(fd)
		}
		return -1, errEnded
	}
	if err != nil {
		return -1, &os.PathError{Op: "open", Path: path, Err: err}
	}
	return fd, nil
}

// devices opens /dev/input of the container, made where it is missing. The
// container owns its files: a link there could lead to those of the host, and
// is not followed.
func (in *Inside) devices() (int, error) {
	root, err := in.entry("root", unix.O_PATH|unix.O_DIRECTORY)
	if err != nil {
		return -1, err
	}
	defer func() { _ = unix.Close(root) }()
	how := unix.OpenHow{Flags: unix.O_DIRECTORY | unix.O_CLOEXEC, Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS | unix.RESOLVE_NO_MAGICLINKS}
	dev, err := unix.Openat2(root, "dev", &how)
	if err != nil {
		return -1, fmt.Errorf("open /dev of the container: %w", err)
	}
	defer func() { _ = unix.Close(dev) }()
	made := unix.Mkdirat(dev, "input", 0o755)
	if made != nil && !errors.Is(made, unix.EEXIST) {
		return -1, fmt.Errorf("make /dev/input of the container: %w", made)
	}
	fd, err := unix.Openat2(dev, "input", &how)
	if err != nil {
		return -1, fmt.Errorf("open /dev/input of the container (a link there is not followed): %w", err)
	}
	if made == nil {
		_ = unix.Fchmod(fd, 0o755) // whatever our umask is
	}
	return fd, nil
}

// put makes the nodes in the container. Whoever is in it may use them: who that
// is, an image that begins as root decides by itself, and nobody else sees them.
func (in *Inside) put(nodes []node) error {
	dir, err := in.devices()
	if err != nil {
		return err
	}
	defer func() { _ = unix.Close(dir) }()
	for _, n := range nodes {
		err := unix.Mknodat(dir, n.name, unix.S_IFCHR|0o666, n.number())
		if errors.Is(err, unix.EEXIST) && isNode(dir, n) {
			continue // it has the host's own /dev/input
		}
		if err == nil {
			err = openToAll(dir, n.name)
		}
		if err != nil {
			return fmt.Errorf("make /dev/input/%s in the container: %w", n.name, err)
		}
	}
	return nil
}

// openToAll sets the mode of a node whatever our umask is.
func openToAll(dir int, name string) error {
	fd, err := unix.Openat(dir, name, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer func() { _ = unix.Close(fd) }()
	return unix.Chmod("/proc/self/fd/"+strconv.Itoa(fd), 0o666)
}

// take removes the nodes that are those of the device.
func (in *Inside) take(nodes []node) error {
	dir, err := in.devices()
	if err != nil {
		return err
	}
	defer func() { _ = unix.Close(dir) }()
	for _, n := range nodes {
		if !isNode(dir, n) {
			continue
		}
		if err := unix.Unlinkat(dir, n.name, 0); err != nil && !errors.Is(err, unix.ENOENT) {
			return fmt.Errorf("remove /dev/input/%s in the container: %w", n.name, err)
		}
	}
	return nil
}

func isNode(dir int, n node) bool {
	var s unix.Stat_t
	err := unix.Fstatat(dir, n.name, &s, unix.AT_SYMLINK_NOFOLLOW)
	return err == nil && s.Mode&unix.S_IFMT == unix.S_IFCHR && s.Rdev == uint64(n.number())
}

// tell sends messages of udev to all who listen in the container's network. One
// that is the host's hears the host's own udev.
func (in *Inside) tell(messages [][]byte) error {
	space, err := in.entry("ns/net", unix.O_RDONLY)
	if err != nil {
		return err
	}
	defer func() { _ = unix.Close(space) }()
	var theirs, ours unix.Stat_t
	if err := errors.Join(unix.Fstat(space, &theirs), unix.Stat("/proc/thread-self/ns/net", &ours)); err != nil {
		return fmt.Errorf("look at the container's network: %w", err)
	}
	if theirs.Ino == ours.Ino && theirs.Dev == ours.Dev {
		return nil
	}
	return within(space, func() error { return send(messages) })
}

// udevGroup is the multicast group in which udev speaks; the kernel has the first.
const udevGroup = 2

// within does something on a thread that is in a network namespace, and ends
// with it. The first thread of a program cannot end, and stands for the whole
// program in /proc: it is not taken.
func within(space int, do func() error) error {
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		if unix.Gettid() == unix.Getpid() {
			// While this one is held, the next goroutine has another.
			done <- within(space, do)
			runtime.UnlockOSThread()
			return
		}
		// Never unlocked: the thread is of no use to others any more.
		if err := unix.Setns(space, unix.CLONE_NEWNET); err != nil {
			done <- fmt.Errorf("enter the container's network: %w", err)
			return
		}
		done <- do()
	}()
	return <-done
}

// send speaks as udev does, in the network of its thread.
func send(messages [][]byte) error {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.NETLINK_KOBJECT_UEVENT)
	if err != nil {
		return fmt.Errorf("open a socket for udev's messages: %w", err)
	}
	defer func() { _ = unix.Close(fd) }()
	for _, m := range messages {
		err := unix.Sendto(fd, m, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: udevGroup})
		if err != nil && !errors.Is(err, unix.ECONNREFUSED) { // nobody listens
			return fmt.Errorf("send a message of udev into the container: %w", err)
		}
	}
	return nil
}
