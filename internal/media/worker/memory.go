package worker

import (
	"errors"
	"fmt"
	"slices"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/kennel-stream/kennel/internal/media"
	"github.com/kennel-stream/kennel/internal/scene"
)

// surface is an announced buffer that can be read. It is counted: one hold is
// the announcement's, the others are those of scenes.
type surface struct {
	scene.Buffer
	pixels []byte // mapped for reading; nil when refused, or read by a path
	holds  int
	path   string // name of the import path that reads it; empty when mapped
	files  []int  // of a dma-buf; begin and end bracket the reading of the first
	// refused is why the buffer cannot be read; it is left out of pictures.
	refused error
}

// poison has the process end at the first GPU buffer, as a broken driver does. A
// test sets it, by the linker.
var poison string

// mapSurface maps the pixels of a buffer. It refuses memory that its owner
// could still shrink: a read beyond the new end would kill this process.
// imports are the paths for GPU buffers.
func mapSurface(b scene.Buffer, files []int, imports []media.Import) (*surface, error) {
	s := &surface{Buffer: b, holds: 1}
	if len(files) != len(b.Planes) {
		return nil, fmt.Errorf("%w: buffer %d came with %d files for %d planes", scene.ErrMalformed, b.ID, len(files), len(b.Planes))
	}
	if !scene.KnownFormat(b.Format) {
		return nil, fmt.Errorf("%w: buffer %d has the unknown pixel format %#x", scene.ErrMalformed, b.ID, b.Format)
	}
	if b.Kind == scene.DMABuf {
		if poison != "" {
			_ = unix.Kill(unix.Getpid(), unix.SIGSEGV)
			time.Sleep(time.Minute)
		}
		s.refused = s.importGPU(files, imports)
		return s, nil
	}
	if err := checkSealed(files[0], b.Size()); err != nil {
		return nil, fmt.Errorf("%w: buffer %d: %w", scene.ErrMalformed, b.ID, err)
	}
	return s, s.mapPlane(files[0])
}

func (s *surface) mapPlane(fd int) (err error) {
	if s.pixels, err = unix.Mmap(fd, 0, int(s.Size()), unix.PROT_READ, unix.MAP_SHARED); err != nil {
		return fmt.Errorf("map buffer %d of %d bytes: %w", s.ID, s.Size(), err)
	}
	return nil
}

func checkSealed(fd int, size int64) error {
	seals, err := unix.FcntlInt(uintptr(fd), unix.F_GET_SEALS, 0)
	if err != nil {
		return fmt.Errorf("its file takes no seals: %w", err)
	}
	if seals&unix.F_SEAL_SHRINK == 0 {
		return fmt.Errorf("its memory is not sealed against shrinking (seals %#x)", seals)
	}
	return checkSize(fd, size)
}

func checkSize(fd int, size int64) error {
	var stat unix.Stat_t
	if err := unix.Fstat(fd, &stat); err != nil {
		return fmt.Errorf("its file has no size: %w", err)
	}
	if stat.Size == 0 {
		// Before Linux 5.3 only seeking told the size of a dma-buf.
		stat.Size, _ = unix.Seek(fd, 0, unix.SEEK_END)
	}
	if stat.Size < size {
		return fmt.Errorf("its memory has %d bytes, its pixels need %d", stat.Size, size)
	}
	return nil
}

// Of linux/magic.h and linux/dma-buf.h.
const (
	dmabufMagic   = 0x444d4142
	dmabufSync    = 0x40086200 // DMA_BUF_IOCTL_SYNC
	dmabufRead    = 1
	dmabufSyncEnd = 4
)

// importGPU finds the path that reads GPU memory.
func (s *surface) importGPU(files []int, imports []media.Import) error {
	f := scene.Format{FourCC: s.Format, Modifier: s.Modifier}
	for _, i := range imports {
		if i.Path != media.ImportCPU && slices.Contains(i.Formats, f) {
			s.path = i.Path
			return s.keepFiles(files)
		}
	}
	return s.mapGPU(files)
}

// mapGPU maps GPU memory whose pixels lie in rows, a dma-buf or sealed memory
// that stands in for one.
func (s *surface) mapGPU(files []int) error {
	if s.Modifier != scene.ModifierLinear || len(files) != 1 {
		return fmt.Errorf("the processor cannot read %s in %d planes", scene.Format{FourCC: s.Format, Modifier: s.Modifier}, len(files))
	}
	if s.Planes[0].Stride < s.Width*scene.BytesPerPixel || s.Size() > maxGPUBytes {
		return fmt.Errorf("%d rows of %d bytes, %d pixels wide", s.Height, s.Planes[0].Stride, s.Width)
	}
	var fs unix.Statfs_t
	if err := unix.Fstatfs(files[0], &fs); err != nil {
		return fmt.Errorf("its file is of no kind: %w", err)
	}
	if fs.Type != dmabufMagic {
		if fs.Type != unix.TMPFS_MAGIC { // a hole in huge pages would kill this process
			return fmt.Errorf("its file is of the kind %#x", fs.Type)
		}
		if err := checkSealed(files[0], s.Size()); err != nil {
			return err
		}
		return s.mapPlane(files[0])
	}
	if err := checkSize(files[0], s.Size()); err != nil {
		return err
	}
	if err := s.mapPlane(files[0]); err != nil {
		return err
	}
	return s.keepFiles(files)
}

// keepFiles keeps the files open as long as the surface lives.
func (s *surface) keepFiles(files []int) error {
	for _, fd := range files {
		kept, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
		if err != nil {
			s.unmap()
			return fmt.Errorf("keep its files: %w", err)
		}
		s.files = append(s.files, kept)
	}
	return nil
}

// maxGPUBytes bounds the size of one GPU buffer.
const maxGPUBytes = 1 << 30

// errUndrawn means that the GPU did not finish a client's picture in time.
var errUndrawn = errors.New("the GPU has not drawn the picture yet")

// drawTimeout is how long a picture may be waited for. A client that hangs its
// GPU must not look like an encoder that hangs.
const drawTimeout = 250 * time.Millisecond

// begin waits until the GPU has drawn the pixels and makes them readable.
func (s *surface) begin() error {
	if len(s.files) == 0 {
		return nil
	}
	drawn := []unix.PollFd{{Fd: int32(s.files[0]), Events: unix.POLLIN}}
	for deadline := time.Now().Add(drawTimeout); ; {
		n, err := unix.Poll(drawn, int(max(0, time.Until(deadline)).Milliseconds()))
		if err == unix.EINTR {
			continue
		}
		if err == nil && n == 0 {
			return errUndrawn
		}
		if s.path != "" {
			return nil // the path does the rest
		}
		return s.sync(dmabufRead)
	}
}

// end says that they were read.
func (s *surface) end() {
	if len(s.files) > 0 && s.path == "" {
		_ = s.sync(dmabufRead | dmabufSyncEnd)
	}
}

func (s *surface) sync(flags uint64) error {
	for {
		_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(s.files[0]), dmabufSync, uintptr(unsafe.Pointer(&flags)))
		switch errno {
		case 0, unix.ENOTTY: // memory that stands in for a dma-buf
			return nil
		case unix.EINTR, unix.EAGAIN:
			continue
		}
		return fmt.Errorf("wait for buffer %d of the GPU: %w", s.ID, errno)
	}
}

// drop gives one hold back; the last one unmaps the pixels.
func (s *surface) drop() {
	if s.holds--; s.holds == 0 {
		s.unmap()
	}
}

func (s *surface) unmap() {
	if s.pixels != nil {
		_ = unix.Munmap(s.pixels)
		s.pixels = nil
	}
	for _, fd := range s.files {
		_ = unix.Close(fd)
	}
	s.files = nil
}
