package pad

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// Owner is the user of a session, to whom its devices belong.
type Owner struct{ UID, GID uint32 }

const (
	// udevPatience is how long udev may take to handle a new device, for which it
	// sets an owner of its own; udevAgain is how often that is looked for.
	udevPatience = 3 * time.Second
	udevAgain    = 20 * time.Millisecond
)

// give makes the nodes of the host the owner's alone, so that no other user of
// the machine plays along. A nil owner is the host's own user, who keeps what udev
// lets him have.
func (m Machine) give(d *device, owner *Owner) error {
	for _, n := range d.nodes {
		path := m.path("dev/input", n.name)
		if owner == nil {
			if err := unix.Access(path, unix.R_OK|unix.W_OK); err != nil {
				return fmt.Errorf("%s may not be opened by the host's user, so neither by its apps: let a rule of udev give it to one of the user's groups: %w", path, err)
			}
			continue
		}
		if err := errors.Join(os.Chmod(path, 0o600), os.Lchown(path, int(owner.UID), int(owner.GID))); err != nil {
			return fmt.Errorf("give %s to the session's user: %w", path, err)
		}
	}
	return nil
}

// awaitUdev waits until udev has handled the device, after which it does not
// touch its nodes any more. It is over at once where no udev runs.
func (m Machine) awaitUdev(over <-chan struct{}, d *device) {
	if _, err := os.Stat(m.path("run/udev/control")); err != nil {
		return
	}
	deadline := time.After(udevPatience)
	tick := time.NewTicker(udevAgain)
	defer tick.Stop()
	for !m.handled(d) {
		select {
		case <-tick.C:
		case <-deadline:
			return
		case <-over:
			return
		}
	}
}

func (m Machine) handled(d *device) bool {
	for _, n := range d.nodes {
		if _, err := os.Stat(m.path("run/udev/data", recordName(n))); err != nil {
			return false
		}
	}
	return true
}

// database is a directory that a container has as its /run/udev. The container
// can read it only.
type database struct{ root *os.Root }

// newDatabase makes the directory. libudev listens only where it finds control.
func newDatabase(dir string) (*database, error) {
	err := os.Mkdir(dir, 0o755)
	if err == nil {
		err = os.Chmod(dir, 0o755)
	}
	if err != nil {
		return nil, fmt.Errorf("make the description of gamepads: %w", err)
	}
	// The directory around it is the session's user's: what he puts there in its
	// place is never followed.
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("make the description of gamepads: %w", err)
	}
	d := &database{root}
	for _, err := range []error{root.Mkdir("data", 0o755), root.Chmod("data", 0o755), d.write("control", nil)} {
		if err != nil {
			_ = root.Close()
			return nil, fmt.Errorf("make the description of gamepads: %w", err)
		}
	}
	return d, nil
}

func (d *database) write(name string, content []byte) error {
	if err := d.root.WriteFile(name, content, 0o644); err != nil {
		return err
	}
	return d.root.Chmod(name, 0o644) // whatever our umask is
}

func (d *database) put(n node, usec int64) error {
	if err := d.write(filepath.Join("data", recordName(n)), record(usec)); err != nil {
		return fmt.Errorf("describe a gamepad: %w", err)
	}
	return nil
}

func (d *database) take(n node) error {
	if err := d.root.Remove(filepath.Join("data", recordName(n))); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("remove the description of a gamepad: %w", err)
	}
	return nil
}

func (d *database) close() { _ = d.root.Close() }
