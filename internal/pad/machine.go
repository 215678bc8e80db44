package pad

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Handle is an open /dev/uinput.
type Handle interface {
	// Write takes events. What is closed is removed by the kernel.
	io.WriteCloser
	// Set makes a request whose argument is a number.
	Set(request uint, value int) error
	// Exchange makes a request whose argument is memory.
	Exchange(request uint, memory []byte) error
}

// Machine is where devices are made. The zero one is this machine.
type Machine struct {
	// Root has dev, sys and run below it; "" for /.
	Root string
	// Open opens a file as uinput; nil for the kernel's.
	Open func(path string) (Handle, error)
}

func (m Machine) path(parts ...string) string {
	return filepath.Join(append([]string{cmp.Or(m.Root, "/")}, parts...)...)
}

func (m Machine) open() (Handle, error) {
	path := m.path("dev/uinput")
	open := m.Open
	if open == nil {
		open = openKernel
	}
	h, err := open(path)
	switch {
	case errors.Is(err, os.ErrNotExist), errors.Is(err, unix.ENODEV), errors.Is(err, unix.ENXIO):
		return nil, fmt.Errorf("%s is not there: modprobe uinput, and in a container --device /dev/uinput", path)
	case errors.Is(err, os.ErrPermission):
		return nil, fmt.Errorf("%s may not be opened: run kennel as root, or give its user the right to write it", path)
	case err != nil:
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	return h, nil
}

// Check tells why this machine cannot make gamepads, with the cure; nil where it can.
func (m Machine) Check() error {
	h, err := m.open()
	if err != nil {
		return err
	}
	return h.Close()
}

// kernel is the file descriptor of the kernel's uinput. One goroutine has it.
type kernel int

func openKernel(path string) (Handle, error) {
	fd, err := unix.Open(path, unix.O_WRONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	return kernel(fd), nil
}

func (k kernel) Write(b []byte) (int, error) { return unix.Write(int(k), b) }
func (k kernel) Close() error                { return unix.Close(int(k)) }

func (k kernel) Set(request uint, value int) error {
	return unix.IoctlSetInt(int(k), request, value)
}

func (k kernel) Exchange(request uint, memory []byte) error {
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(k), uintptr(request), uintptr(unsafe.Pointer(unsafe.SliceData(memory))))
	if errno != 0 {
		return errno
	}
	return nil
}
