// Package padtest stands in for /dev/uinput on machines without one: what is
// asked of it is kept, and a tree of files answers as sysfs and devtmpfs do.
package padtest

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/kennel-stream/kennel/internal/pad"
)

// FirstMinor is the minor number of the first device's node of events. No driver
// has it, so that opening it is refused by the kernel for that reason alone.
const FirstMinor = 900

// Request is one that was made: with a number, or with memory.
type Request struct {
	Number uint
	Value  int
	Memory string
}

// Uinput is a made-up machine.
type Uinput struct {
	t    testing.TB
	root string

	mu       sync.Mutex // covers what follows
	requests []Request
	written  []byte
	made     int
	open     int
	refuse   map[uint]error
	changed  chan struct{}
}

// New makes one. At the end of the test it fails when a device is still open.
func New(t testing.TB) *Uinput {
	t.Helper()
	u := &Uinput{t: t, root: t.TempDir(), refuse: map[uint]error{}, changed: make(chan struct{})}
	u.dir("dev/input")
	u.file("dev/uinput", "")
	t.Cleanup(func() {
		if n := u.Open(); n > 0 {
			t.Errorf("%d gamepads are still open", n)
		}
	})
	return u
}

// Machine is the machine for a pad.Set.
func (u *Uinput) Machine() pad.Machine {
	return pad.Machine{Root: u.root, Open: func(path string) (pad.Handle, error) {
		if _, err := os.Stat(path); err != nil {
			return nil, err
		}
		u.note(func() { u.open++ })
		return &handle{u: u}, nil
	}}
}

// Path is a file of the machine.
func (u *Uinput) Path(name string) string { return filepath.Join(u.root, name) }

// Refuse makes a request fail from now on; with nil it works again.
func (u *Uinput) Refuse(request uint, err error) { u.note(func() { u.refuse[request] = err }) }

// Open counts what is open.
func (u *Uinput) Open() int {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.open
}

// Requests are those made so far, and Written all events.
func (u *Uinput) Requests() []Request {
	u.mu.Lock()
	defer u.mu.Unlock()
	return append([]Request(nil), u.requests...)
}

// Written is what was written so far, of all devices.
func (u *Uinput) Written() []byte {
	u.mu.Lock()
	defer u.mu.Unlock()
	return append([]byte(nil), u.written...)
}

// Changed is closed at the next request or write.
func (u *Uinput) Changed() <-chan struct{} {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.changed
}

func (u *Uinput) note(f func()) {
	u.mu.Lock()
	defer u.mu.Unlock()
	f()
	close(u.changed)
	u.changed = make(chan struct{})
}

func (u *Uinput) dir(name string) {
	if err := os.MkdirAll(u.Path(name), 0o755); err != nil {
		u.t.Error(err)
	}
}

func (u *Uinput) file(name, content string) {
	if err := os.WriteFile(u.Path(name), []byte(content), 0o600); err != nil {
		u.t.Error(err)
	}
}

// handle is one open file.
type handle struct {
	u    *Uinput
	name string // of the device, "" before it is made
}

// Set implements pad.Handle.
func (h *handle) Set(request uint, value int) error {
	return h.ask(Request{Number: request, Value: value})
}

// Exchange implements pad.Handle.
func (h *handle) Exchange(request uint, memory []byte) error {
	err := h.ask(Request{Number: request, Memory: string(memory)})
	if request == 0x8040552c && err == nil { // UI_GET_SYSNAME
		copy(memory, h.name+"\x00")
	}
	return err
}

func (h *handle) ask(r Request) error {
	u, first := h.u, 0
	err := error(nil)
	u.note(func() {
		u.requests = append(u.requests, r)
		if err = u.refuse[r.Number]; err == nil && r.Number == 0x5501 { // UI_DEV_CREATE
			first = u.made
			u.made++
			h.name = fmt.Sprintf("input%d", 40+first)
		}
	})
	switch {
	case err != nil:
		return err
	case r.Number == 0x5501:
		h.appear(first)
	case r.Number == 0x5502: // UI_DEV_DESTROY
		h.vanish()
	}
	return nil
}

// appear makes what the kernel shows of a device: a node of events and one of
// joysticks.
func (h *handle) appear(n int) {
	h.u.dir("sys/devices/virtual/input/" + h.name + "/capabilities")
	for i, name := range []string{fmt.Sprintf("event%d", n+3), fmt.Sprintf("js%d", n)} {
		minor := FirstMinor + 2*n + i
		h.u.dir("sys/devices/virtual/input/" + h.name + "/" + name)
		h.u.file("sys/devices/virtual/input/"+h.name+"/"+name+"/dev", fmt.Sprintf("13:%d\n", minor))
		node := h.u.Path("dev/input/" + name)
		if err := unix.Mknod(node, unix.S_IFCHR|0o600, int(unix.Mkdev(13, uint32(minor)))); err != nil {
			h.u.file("dev/input/"+name, "") // who is not root has plain files
		}
	}
}

// vanish removes it.
func (h *handle) vanish() {
	if h.name == "" {
		return
	}
	dir := h.u.Path("sys/devices/virtual/input/" + h.name)
	entries, err := os.ReadDir(dir)
	for _, e := range entries {
		err = errors.Join(err, os.RemoveAll(h.u.Path("dev/input/"+e.Name())))
	}
	if err = errors.Join(err, os.RemoveAll(dir)); err != nil {
		h.u.t.Error(err)
	}
	h.name = ""
}

// Write takes events.
func (h *handle) Write(b []byte) (int, error) {
	h.u.note(func() { h.u.written = append(h.u.written, b...) })
	return len(b), nil
}

// Close removes the device, as the kernel does.
func (h *handle) Close() error {
	h.vanish()
	h.u.note(func() { h.u.open-- })
	return nil
}
