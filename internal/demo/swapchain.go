package demo

import (
	"golang.org/x/sys/unix"

	wlclient "github.com/kennel-stream/kennel/wayland/protocol/client"
)

// maxBuffers is three: one that is shown, one that waits, and one to draw on.
const maxBuffers = 3

// buffer is a picture that the compositor may be reading.
type buffer struct {
	wl     *wlclient.WlBuffer
	memory *memory
	canvas canvas
	// moving is where it differs from the painter's background; all of it
	// before the first drawing.
	moving  []rect
	busy    bool // attached and not released yet
	retired bool // of an old size: it ends when it is released
}

// swapchain has the buffers of the window's size.
type swapchain struct {
	shm     *wlclient.WlShm
	dmabuf  *wlclient.ZwpLinuxDmabufV1 // nil for shared memory
	buffers []*buffer
}

// next returns a buffer that is free, nil if all are with the compositor.
func (s *swapchain) next(width, height int) (*buffer, error) {
	for _, b := range s.buffers {
		if !b.busy {
			return b, nil
		}
	}
	if len(s.buffers) >= maxBuffers {
		return nil, nil
	}
	b, err := s.add(width, height)
	if err != nil {
		return nil, err
	}
	s.buffers = append(s.buffers, b)
	return b, nil
}

func (s *swapchain) add(width, height int) (*buffer, error) {
	size := width * height * 4
	m, err := newMemory(size)
	if err != nil {
		return nil, err
	}
	defer m.closeFile() // the request has a duplicate
	b := &buffer{memory: m, canvas: canvas{m.pix, width, height}, moving: []rect{{0, 0, width, height}}}
	if s.dmabuf != nil {
		b.wl = s.share(m, width, height)
	} else {
		pool := s.shm.CreatePool(m.fd, int32(size))
		b.wl = pool.CreateBuffer(0, int32(width), int32(height), int32(width*4), wlclient.WlShmFormatXrgb8888)
		pool.Destroy()
	}
	b.wl.SetListener(wlclient.WlBufferListener{Release: func() {
		b.busy = false
		if b.retired {
			b.destroy()
		}
	}})
	return b, nil
}

// formatXRGB is DRM_FORMAT_XRGB8888.
const formatXRGB = 0x34325258

// share makes a GPU buffer of memory.
func (s *swapchain) share(m *memory, width, height int) *wlclient.WlBuffer {
	params := s.dmabuf.CreateParams()
	defer params.Destroy()
	fd := m.gpuFile()
	params.Add(fd, 0, 0, uint32(width*4), 0, 0)
	if fd != m.fd {
		_ = unix.Close(fd)
	}
	return params.CreateImmed(int32(width), int32(height), formatXRGB, 0)
}

// retire gives up all buffers: the size has changed.
func (s *swapchain) retire() {
	for _, b := range s.buffers {
		b.retired = true
		if !b.busy {
			b.destroy()
		}
	}
	s.buffers = nil
}

func (b *buffer) destroy() {
	b.wl.Destroy()
	b.memory.unmap()
}
