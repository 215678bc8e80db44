package wolfapi

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/kennel-stream/kennel/internal/evidence"
)

// maxConnections bounds the connections at one time.
const maxConnections = 256

// Listen makes the socket: mode 0600, or with a group 0660 and that group. Its
// directory is made where it is missing. A socket that nobody serves is
// replaced; one that is served, by Wolf itself perhaps, is an error.
//
// Who connects is asked for by the kernel, whatever the path's modes say: only
// root, the host's own user and members of the group are answered.
func Listen(path, group string, log func(msg string, args ...any)) (net.Listener, error) {
	gid, err := groupID(group)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, fmt.Errorf("make the directory of wolf's socket: %w", err)
	}
	if err := clearPath(path); err != nil {
		return nil, err
	}
	mode := fs.FileMode(0o600)
	if gid >= 0 {
		mode = 0o660
	}
	// Nobody connects between bind and chmod whom the check would let in.
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, fmt.Errorf("listen on wolf's socket: %w", err)
	}
	if err := errors.Join(os.Chown(path, -1, gid), os.Chmod(path, mode)); err != nil {
		_ = l.Close()
		return nil, fmt.Errorf("protect wolf's socket: %w", err)
	}
	return &guarded{Listener: l, gid: gid, log: log, places: make(chan struct{}, maxConnections)}, nil
}

// groupID is the id of a group, -1 for none.
func groupID(name string) (int, error) {
	if name == "" {
		return -1, nil
	}
	g, err := user.LookupGroup(name)
	if err != nil {
		return 0, evidence.Errorf(evidence.Invalid, "wolf.group: %w", err)
	}
	return strconv.Atoi(g.Gid)
}

// clearPath removes a socket that nobody serves.
func clearPath(path string) error {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("look at wolf's socket: %w", err)
	case info.Mode()&fs.ModeSocket == 0:
		return evidence.Errorf(evidence.Invalid, "%s is there already and is no socket: remove it, or choose another path by socket in [wolf]", path)
	}
	if c, err := net.DialTimeout("unix", path, time.Second); err == nil {
		_ = c.Close()
		return evidence.Errorf(evidence.Unavailable, "another program answers on %s, Wolf perhaps: stop it, or choose another path by socket in [wolf]", path)
	}
	if err := os.Remove(path); err != nil {
		return fmt.Errorf("replace wolf's socket: %w", err)
	}
	return nil
}

// guarded is a listener that hangs up on strangers.
type guarded struct {
	net.Listener
	gid    int
	log    func(msg string, args ...any)
	places chan struct{} // one entry per open connection
}

// Accept returns the next connection of somebody who may.
func (g *guarded) Accept() (net.Conn, error) {
	for {
		c, err := g.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if why := g.refuse(c); why != "" {
			g.log("a connection to wolf's socket was refused", "because", why)
			_ = c.Close()
			continue
		}
		select {
		case g.places <- struct{}{}:
			return &placed{Conn: c, free: sync.OnceFunc(func() { <-g.places })}, nil
		default:
			g.log("a connection to wolf's socket was refused", "because", "too many are open")
			_ = c.Close()
		}
	}
}

// refuse says why a connection is not served, "" where it is.
func (g *guarded) refuse(c net.Conn) string {
	raw, err := c.(*net.UnixConn).SyscallConn()
	if err != nil {
		return err.Error()
	}
	why := "its user is unknown"
	_ = raw.Control(func(fd uintptr) {
		peer, err := unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
		switch {
		case err != nil:
			why = "its user is unknown: " + err.Error()
		case peer.Uid == 0, int(peer.Uid) == os.Geteuid(), g.gid >= 0 && (int(peer.Gid) == g.gid || slices.Contains(groupsOf(int(fd)), uint32(g.gid))):
			why = ""
		default:
			why = fmt.Sprintf("user %d may not", peer.Uid)
		}
	})
	return why
}

// groupsOf are the supplementary groups of who connected; none where the kernel
// does not tell. Somebody in more groups than the buffer holds is refused.
func groupsOf(fd int) []uint32 {
	var groups [1024]uint32
	size := uint32(len(groups) * 4)
	_, _, errno := unix.Syscall6(unix.SYS_GETSOCKOPT, uintptr(fd), unix.SOL_SOCKET, unix.SO_PEERGROUPS,
		uintptr(unsafe.Pointer(&groups[0])), uintptr(unsafe.Pointer(&size)), 0)
	if errno != 0 {
		return nil
	}
	return groups[:size/4]
}

// placed is a connection that holds one of the places.
type placed struct {
	net.Conn
	free func()
}

// Close gives the place back.
func (p *placed) Close() error {
	p.free()
	return p.Conn.Close()
}
