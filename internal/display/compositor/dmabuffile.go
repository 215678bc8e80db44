package compositor

import (
	"errors"

	"golang.org/x/sys/unix"
)

// dmabufMagic is DMA_BUF_MAGIC of linux/magic.h.
const dmabufMagic = 0x444d4142

var errNoGPUFile = errors.New("the file is no dma-buf")

// checkGPUFile refuses what could change under its reader. A dma-buf never
// shrinks; memory that is sealed against that is as good, and needs no GPU. Huge
// pages are not: a hole in them may kill who reads it.
func checkGPUFile(fd int) error {
	var fs unix.Statfs_t
	if err := unix.Fstatfs(fd, &fs); err != nil {
		return errNoGPUFile
	}
	if fs.Type == dmabufMagic {
		return nil
	}
	seals, err := unix.FcntlInt(uintptr(fd), unix.F_GET_SEALS, 0)
	if err != nil || fs.Type != unix.TMPFS_MAGIC || seals&unix.F_SEAL_SHRINK == 0 {
		return errNoGPUFile
	}
	return nil
}

// fileSize is the size of a plane's file in bytes; ok is false where it has
// none, as a pipe.
func fileSize(fd int) (size int64, ok bool) {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return 0, false
	}
	if st.Size > 0 || st.Mode&unix.S_IFMT == unix.S_IFREG {
		return st.Size, true
	}
	// Before Linux 5.3 only seeking told the size of a dma-buf.
	size, err := unix.Seek(fd, 0, unix.SEEK_END)
	return size, err == nil && size > 0
}
