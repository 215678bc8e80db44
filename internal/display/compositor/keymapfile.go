package compositor

import (
	"fmt"

	"golang.org/x/sys/unix"

	wlserver "github.com/kennel-stream/kennel/wayland/protocol/server"
)

// keymapFile is a keymap text in memory that clients map and cannot change.
type keymapFile struct {
	fd   int
	size uint32
}

func newKeymapFile(text string) (*keymapFile, error) {
	fd, err := unix.MemfdCreate("kennel-keymap", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		return nil, fmt.Errorf("make keymap file: %w", err)
	}
	data := append([]byte(text), 0) // the size counts the final NUL (wl_keyboard.keymap)
	if n, err := unix.Pwrite(fd, data, 0); err != nil || n != len(data) {
		_ = unix.Close(fd)
		return nil, fmt.Errorf("write keymap file (%d of %d bytes): %w", n, len(data), err)
	}
	// Not F_SEAL_WRITE: clients of wl_seat before version 7 map it shared,
	// which kernels before 6.7 then refuse even for reading.
	seals := unix.F_SEAL_SHRINK | unix.F_SEAL_GROW | unix.F_SEAL_FUTURE_WRITE | unix.F_SEAL_SEAL
	if _, err := unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, seals); err != nil {
		_ = unix.Close(fd)
		return nil, fmt.Errorf("seal keymap file: %w", err)
	}
	return &keymapFile{fd, uint32(len(data))}, nil
}

func (k *keymapFile) send(r *wlserver.WlKeyboard) {
	r.SendKeymap(wlserver.WlKeyboardKeymapFormatXkbV1, k.fd, k.size)
}

func (k *keymapFile) close() { _ = unix.Close(k.fd) }
