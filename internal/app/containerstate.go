package app

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/kennel-stream/kennel/internal/evidence"
)

// stateDir is the directory of the host that becomes the app's home.
func stateDir(spec Spec, place Place, uid, gid int) (string, error) {
	state := spec.Runner.Container.State
	if state == "" {
		return place.Home, nil
	}
	fixed, named := splitState(filepath.Clean(state))
	names := strings.NewReplacer("{client}", place.Client, "{app}", spec.Slug)
	dir := fixed
	for i, name := range named {
		named[i] = names.Replace(name)
		dir = filepath.Join(dir, named[i])
	}
	owner := [2]int{-1, -1}
	if os.Geteuid() == 0 {
		owner = [2]int{uid, gid}
	}
	if err := makeState(fixed, named, owner); err != nil {
		return "", evidence.Errorf(evidence.Unavailable, "app %q: make the directory of its state: %w", spec.Title, err).WithFault(evidence.FaultAppStart)
	}
	return dir, nil
}

// splitState parts what the operator has named from what is named by the client
// and the app, or else from the last part.
func splitState(state string) (fixed string, named []string) {
	fixed = state
	for first := true; first || strings.Contains(fixed, "{"); first = false {
		named = append([]string{filepath.Base(fixed)}, named...)
		fixed = filepath.Dir(fixed)
	}
	return fixed, named
}

// makeState makes the directories below one of the operator's, and gives the
// last to its owner. An app that owns one of those above could have put a link
// there to have another directory of the host: links are not followed.
func makeState(fixed string, named []string, owner [2]int) error {
	if err := os.MkdirAll(fixed, 0o755); err != nil {
		return err
	}
	at, err := unix.Open(fixed, unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return &os.PathError{Op: "open", Path: fixed, Err: err}
	}
	defer func() { _ = unix.Close(at) }()
	path := fixed
	for _, name := range named {
		path = filepath.Join(path, name)
		if err := unix.Mkdirat(at, name, 0o755); err != nil && !errors.Is(err, unix.EEXIST) {
			return &os.PathError{Op: "mkdir", Path: path, Err: err}
		}
		next, err := unix.Openat(at, name, unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
		if errors.Is(err, unix.ENOTDIR) || errors.Is(err, unix.ELOOP) {
			return fmt.Errorf("%s is a link or a file, and must be a directory: name what it leads to in state", path)
		}
		if err != nil {
			return &os.PathError{Op: "open", Path: path, Err: err}
		}
		_ = unix.Close(at)
		at = next
	}
	// Its contents are the app's own business.
	if err := unix.Fchown(at, owner[0], owner[1]); err != nil {
		return &os.PathError{Op: "chown", Path: path, Err: err}
	}
	return nil
}
