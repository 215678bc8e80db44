// Package output holds what a display shows: rings of sealed shared buffers,
// each of which knows what it misses of the newest picture, GPU buffers of
// clients, and the scene links that media processes read them through.
//
// Everything here belongs to one goroutine, the display's loop.
package output

import (
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/kennel-stream/kennel/internal/display/pixel"
	"github.com/kennel-stream/kennel/internal/display/region"
	"github.com/kennel-stream/kennel/internal/scene"
)

const (
	minBuffers = 4
	maxBuffers = 16
)

// Buffer is one picture of the ring.
type Buffer struct {
	// Image is XRGB8888, or ARGB8888 of an overlay.
	Image pixel.Image
	// Missing is where Image differs from the newest published picture.
	Missing region.Region

	source
}

// ring is a set of buffers of one size. A buffer may be drawn to when no sink
// holds it and it is not the newest one.
type ring struct {
	width, height int
	format        uint32
	buffers       []*Buffer
	newest        *Buffer
}

// grow adds a buffer that misses everything.
func (r *ring) grow(id uint32) (*Buffer, error) {
	b, err := newBuffer(r.width, r.height, r.format, id)
	if err != nil {
		return nil, err
	}
	r.buffers = append(r.buffers, b)
	return b, nil
}

// newBuffer makes a memfd of fixed size that only the mapping made here can
// ever write to.
func newBuffer(width, height int, format, id uint32) (*Buffer, error) {
	fd, err := unix.MemfdCreate("kennel-output", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		return nil, fmt.Errorf("make output buffer: %w", err)
	}
	size := 4 * width * height
	if err := unix.Ftruncate(fd, int64(size)); err != nil {
		_ = unix.Close(fd)
		return nil, fmt.Errorf("size output buffer to %d bytes: %w", size, err)
	}
	flags := unix.MAP_SHARED
	if format == scene.FormatXRGB8888 {
		flags |= unix.MAP_POPULATE // of an overlay, little is ever drawn to
	}
	pix, err := unix.Mmap(fd, 0, size, unix.PROT_READ|unix.PROT_WRITE, flags)
	if err != nil {
		_ = unix.Close(fd)
		return nil, fmt.Errorf("map output buffer of %d bytes: %w", size, err)
	}
	b := &Buffer{Image: pixel.Image{Pix: pix, Stride: 4 * width, Width: width, Height: height}, source: source{
		desc:  scene.Buffer{ID: id, Kind: scene.Shm, Width: uint32(width), Height: uint32(height), Format: format, Planes: []scene.Plane{{Stride: uint32(4 * width)}}},
		files: []int{fd},
	}}
	seals := unix.F_SEAL_SHRINK | unix.F_SEAL_GROW | unix.F_SEAL_FUTURE_WRITE | unix.F_SEAL_SEAL
	if _, err := unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, seals); err != nil {
		b.close()
		return nil, fmt.Errorf("seal output buffer: %w", err)
	}
	b.Missing.SetRect(b.Image.Bounds())
	return b, nil
}

func (b *Buffer) close() {
	_ = unix.Munmap(b.Image.Pix)
	_ = unix.Close(b.files[0])
	b.Image.Pix = nil
}

// free returns the buffer that misses the least and may be drawn to, growing
// the ring up to limit buffers, which id names. It is nil when there is none.
func (r *ring) free(limit int, id func() uint32) (*Buffer, error) {
	var best *Buffer
	for _, b := range r.buffers {
		if b.holds > 0 || b == r.newest {
			continue
		}
		if best == nil || b.Missing.Area() < best.Missing.Area() {
			best = b
		}
	}
	if best == nil && len(r.buffers) < min(max(limit, minBuffers), maxBuffers) {
		return r.grow(id())
	}
	return best, nil
}

// publish makes b, which shows everything, the newest picture; damage is how
// it differs from the one before.
func (r *ring) publish(b *Buffer, damage *region.Region) {
	for _, other := range r.buffers {
		if other != b {
			other.Missing.AddRegion(damage)
		}
	}
	b.Missing.Clear()
	r.newest = b
}

func (r *ring) close() {
	for _, b := range r.buffers {
		b.close()
	}
	r.buffers, r.newest = nil, nil
}
