package pad

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// inputMajor is the major number of all nodes of input devices.
const inputMajor = 13

// node is a file of a device below /dev/input, such as event7 or js0.
type node struct {
	name  string
	minor uint32
	path  string // in sysfs, below /sys: what udev calls DEVPATH
}

func (n node) number() int { return int(unix.Mkdev(inputMajor, n.minor)) }

// device is one gamepad of the kernel.
type device struct {
	handle Handle
	name   string // in sysfs, such as input12
	nodes  []node
	now    State
}

// create makes a gamepad. On an error nothing is left of it.
func (m Machine) create() (_ *device, err error) {
	h, err := m.open()
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			_ = h.Close() // which removes what was made
		}
	}()
	if err := describe(h); err != nil {
		return nil, fmt.Errorf("describe a gamepad to the kernel: %w", err)
	}
	if err := h.Set(uiDevCreate, 0); err != nil {
		return nil, fmt.Errorf("create a gamepad: %w", err)
	}
	name := make([]byte, sysNameSize)
	if err := h.Exchange(uiGetSysName, name); err != nil {
		return nil, fmt.Errorf("ask the kernel for the name of a gamepad: %w", err)
	}
	name, _, _ = bytes.Cut(name, []byte{0})
	d := &device{handle: h, name: string(name)}
	if d.nodes, err = m.nodes(d.name); err != nil {
		return nil, err
	}
	return d, nil
}

// describe tells the kernel what the gamepad has.
func describe(h Handle) error {
	errs := []error{h.Set(uiSetEvBit, evKey), h.Set(uiSetEvBit, evAbs)}
	for _, k := range keys {
		errs = append(errs, h.Set(uiSetKeyBit, int(k.code)))
	}
	for _, a := range axes {
		errs = append(errs, h.Set(uiSetAbsBit, int(a.code)), h.Exchange(uiAbsSetup, absSetup(a)))
	}
	return errors.Join(append(errs, h.Exchange(uiDevSetup, setup()))...)
}

// nodes finds the files of a device: that of its events, which must be there,
// and an old-fashioned one where the kernel makes it.
func (m Machine) nodes(name string) ([]node, error) {
	if name == "" || strings.Contains(name, "/") {
		return nil, fmt.Errorf("the kernel calls a gamepad %q, which is no name", name)
	}
	dir := filepath.Join("devices/virtual/input", name)
	entries, err := os.ReadDir(m.path("sys", dir))
	if err != nil {
		return nil, fmt.Errorf("look for the node of a gamepad (is /sys mounted?): %w", err)
	}
	var found []node
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), "event") && !strings.HasPrefix(e.Name(), "js") {
			continue
		}
		text, err := os.ReadFile(m.path("sys", dir, e.Name(), "dev"))
		if err != nil {
			return nil, fmt.Errorf("read the number of a gamepad's node: %w", err)
		}
		n := node{name: e.Name(), path: "/" + filepath.Join(dir, e.Name())}
		if got, err := fmt.Sscanf(string(text), "13:%d", &n.minor); got != 1 || err != nil {
			return nil, fmt.Errorf("the node %s of a gamepad has the number %q, which is none of an input device", e.Name(), text)
		}
		found = append(found, n)
	}
	if !slices.ContainsFunc(found, func(n node) bool { return strings.HasPrefix(n.name, "event") }) {
		return nil, fmt.Errorf("the gamepad %s has no node for its events: modprobe evdev", name)
	}
	return found, nil
}

// move brings the device to a state.
func (d *device) move(to State) error {
	events := change(d.now, to)
	if len(events) == 0 {
		return nil
	}
	d.now = to
	if _, err := d.handle.Write(events); err != nil {
		return fmt.Errorf("move the gamepad %s: %w", d.name, err)
	}
	return nil
}

// close removes the device. Closing alone does it too: an error of the request
// is none.
func (d *device) close() error {
	_ = d.handle.Set(uiDevDestroy, 0)
	if err := d.handle.Close(); err != nil {
		return fmt.Errorf("close the gamepad %s: %w", d.name, err)
	}
	return nil
}
