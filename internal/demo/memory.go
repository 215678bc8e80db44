package demo

import (
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

// memory is a sealed file in memory that is mapped here and that the
// compositor maps too.
type memory struct {
	fd  int
	pix []byte
}

func newMemory(size int) (*memory, error) {
	fd, err := unix.MemfdCreate("kennel-demo", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		return nil, fmt.Errorf("make a file in memory for a picture: %w", err)
	}
	if err := unix.Ftruncate(fd, int64(wholePages(size))); err != nil {
		_ = unix.Close(fd)
		return nil, fmt.Errorf("make room for a picture of %d bytes: %w", size, err)
	}
	// A compositor that sees this seal need not fear that the file shrinks.
	_, _ = unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, unix.F_SEAL_SHRINK)
	pix, err := unix.Mmap(fd, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		_ = unix.Close(fd)
		return nil, fmt.Errorf("map a picture of %d bytes: %w", size, err)
	}
	return &memory{fd, pix}, nil
}

// wholePages is a size rounded up, as dma-bufs have it.
func wholePages(size int) int {
	page := unix.Getpagesize()
	return (size + page - 1) / page * page
}

// closeFile closes the descriptor; the mapping stays.
func (m *memory) closeFile() {
	_ = unix.Close(m.fd)
	m.fd = -1
}

// gpuFile is the memory as a dma-buf, where the kernel makes one of it; else it
// is the memory's own file.
func (m *memory) gpuFile() int {
	device, err := unix.Open("/dev/udmabuf", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return m.fd
	}
	defer func() { _ = unix.Close(device) }()
	// UDMABUF_CREATE and UDMABUF_FLAGS_CLOEXEC of linux/udmabuf.h.
	const create, closeOnExec = 0x40187542, 1
	request := struct {
		memfd, flags uint32
		offset, size uint64
	}{uint32(m.fd), closeOnExec, 0, uint64(wholePages(len(m.pix)))}
	fd, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(device), create, uintptr(unsafe.Pointer(&request)))
	if errno != 0 {
		return m.fd
	}
	return int(fd)
}

// unmap ends the mapping; pix must not be used any more.
func (m *memory) unmap() {
	_ = unix.Munmap(m.pix)
	m.pix = nil
}

// checkKeymap looks at a keymap as a toolkit would, and closes it: it must be
// there to be mapped privately (wayland.xml wl_keyboard.keymap).
func checkKeymap(fd int, size uint32) error {
	defer func() { _ = unix.Close(fd) }()
	const most = 16 << 20
	if size == 0 || size > most {
		return fmt.Errorf("keymap of %d bytes", size)
	}
	text, err := unix.Mmap(fd, 0, int(size), unix.PROT_READ, unix.MAP_PRIVATE)
	if err != nil {
		return fmt.Errorf("map the keymap of %d bytes: %w", size, err)
	}
	return unix.Munmap(text)
}
