package worker

import (
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/kennel-stream/kennel/internal/scene"
)

// surface is an announced buffer, mapped for reading. It is counted: one hold
// is the announcement's, the others are those of scenes.
type surface struct {
	scene.Buffer
	pixels []byte
	holds  int
}

// mapSurface maps the pixels of a buffer. It refuses memory that its owner
// could still shrink: a read beyond the new end would kill this process.
func mapSurface(b scene.Buffer, files []int) (*surface, error) {
	if b.Kind != scene.Shm {
		return nil, fmt.Errorf("%w: buffer %d is GPU memory, which a software encoder cannot read", scene.ErrMalformed, b.ID)
	}
	if b.Format != scene.FormatXRGB8888 {
		return nil, fmt.Errorf("%w: buffer %d has pixel format %#x, want XRGB8888 (%#x)", scene.ErrMalformed, b.ID, b.Format, scene.FormatXRGB8888)
	}
	if len(files) != 1 {
		return nil, fmt.Errorf("%w: buffer %d came with %d files, want 1", scene.ErrMalformed, b.ID, len(files))
	}
	if err := checkSealed(files[0], b.Size()); err != nil {
		return nil, fmt.Errorf("%w: buffer %d: %w", scene.ErrMalformed, b.ID, err)
	}
	pixels, err := unix.Mmap(files[0], 0, int(b.Size()), unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		return nil, fmt.Errorf("map buffer %d of %d bytes: %w", b.ID, b.Size(), err)
	}
	return &surface{Buffer: b, pixels: pixels, holds: 1}, nil
}

func checkSealed(fd int, size int64) error {
	seals, err := unix.FcntlInt(uintptr(fd), unix.F_GET_SEALS, 0)
	if err != nil {
		return fmt.Errorf("its file takes no seals: %w", err)
	}
	if seals&unix.F_SEAL_SHRINK == 0 {
		return fmt.Errorf("its memory is not sealed against shrinking (seals %#x)", seals)
	}
	var stat unix.Stat_t
	if err := unix.Fstat(fd, &stat); err != nil {
		return fmt.Errorf("its file has no size: %w", err)
	}
	if stat.Size < size {
		return fmt.Errorf("its memory has %d bytes, its pixels need %d", stat.Size, size)
	}
	return nil
}

// drop gives one hold back; the last one unmaps the pixels.
func (s *surface) drop() {
	if s.holds--; s.holds == 0 {
		_ = unix.Munmap(s.pixels)
		s.pixels = nil
	}
}
