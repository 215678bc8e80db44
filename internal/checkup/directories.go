package checkup

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/kennel-stream/kennel/internal/process"
)

const (
	// socketRoom is what the kernel takes as the path of a socket (sun_path less
	// its end).
	socketRoom = 107
	// The longest names of sockets below the data and the runtime directory.
	apiSocket     = "/kennel.sock"
	longestSocket = "/0123456789abcdef/pulse/native"
	leastDisk     = 200 << 20
)

// checkDirectories looks at the data directory, its secrets, and the directory
// of sockets.
func checkDirectories(_ context.Context, _ *process.Spawner, o *Options) []Item {
	items := []Item{checkDirectory("data", o.Data, "--data DIR")}
	if len(o.Data)+len(apiSocket) > socketRoom {
		items[0] = lacks("data", Missing, "choose a shorter --data DIR", "%s is too long for the socket of the API below it", o.Data)
	}
	if items[0].State == OK {
		items = append(items, checkSecrets(o.Data)...)
	}
	runtime := checkDirectory("runtime", o.Runtime, "XDG_RUNTIME_DIR=DIR")
	if len(o.Runtime)+len(longestSocket) > socketRoom {
		runtime = lacks("runtime", Missing, "set a shorter XDG_RUNTIME_DIR", "%s is too long for sockets below it", o.Runtime)
	}
	return append(items, runtime)
}

// checkDirectory says whether a directory is there and ours, or can be made.
func checkDirectory(name, dir, choose string) Item {
	info, err := os.Stat(dir)
	if errors.Is(err, fs.ErrNotExist) {
		above := filepath.Dir(dir)
		for above != "/" {
			if _, err := os.Stat(above); !errors.Is(err, fs.ErrNotExist) {
				break
			}
			above = filepath.Dir(above)
		}
		if err := unix.Access(above, unix.W_OK|unix.X_OK); err != nil {
			return lacks(name, Missing, "make "+dir+" yourself, or choose another with "+choose, "%s is not there, and %s may not be written: %v", dir, above, err)
		}
		return ok(name, "%s will be made", dir)
	}
	if err != nil {
		return lacks(name, Missing, "choose another with "+choose, "%v", err)
	}
	stat, _ := info.Sys().(*syscall.Stat_t)
	switch {
	case !info.IsDir():
		return lacks(name, Missing, "choose another with "+choose, "%s is no directory", dir)
	case stat != nil && int(stat.Uid) != os.Geteuid():
		return lacks(name, Missing, fmt.Sprintf("chown -R %d %s, or choose another with %s", os.Geteuid(), dir, choose), "%s belongs to the user %d", dir, stat.Uid)
	case unix.Access(dir, unix.W_OK|unix.X_OK) != nil:
		return lacks(name, Missing, "chmod 700 "+dir, "%s may not be written", dir)
	case name == "data" && info.Mode().Perm()&0o022 != 0:
		return lacks(name, Missing, "chmod 700 "+dir, "%s may be written by others, who could put in keys of their own (mode %04o)", dir, info.Mode().Perm())
	case name == "data" && info.Mode().Perm()&0o077 != 0:
		return lacks(name, Warning, "chmod 700 "+dir, "%s may be looked into by other users (mode %04o)", dir, info.Mode().Perm())
	}
	return checkDisk(name, dir)
}

func checkDisk(name, dir string) Item {
	var disk unix.Statfs_t
	if err := unix.Statfs(dir, &disk); err != nil {
		return ok(name, "%s", dir)
	}
	if free := disk.Bavail * uint64(disk.Bsize); free < leastDisk {
		return lacks(name, Warning, "make room on its disk", "%s has %d MiB left", dir, free>>20)
	}
	return ok(name, "%s", dir)
}

// checkSecrets looks at the files that nobody else may read.
func checkSecrets(dir string) []Item {
	var items []Item
	found := 0
	for _, name := range []string{"host.key", "kennel.db"} {
		path := filepath.Join(dir, name)
		info, err := os.Stat(path)
		if err != nil {
			continue
		}
		if found++; info.Mode().Perm()&0o077 != 0 {
			// A host does not start with a key that others may have copied.
			items = append(items, lacks("secrets", Missing, "chmod 600 "+path, "%s may be read by other users (mode %04o)", path, info.Mode().Perm()))
		}
	}
	if found > 0 && len(items) == 0 {
		items = []Item{ok("secrets", "only the host's user may read them")}
	}
	return items
}
