package compositor

import (
	"golang.org/x/sys/unix"

	"github.com/kennel-stream/kennel/internal/display/output"
	"github.com/kennel-stream/kennel/internal/display/pixel"
	"github.com/kennel-stream/kennel/internal/display/region"
	wlserver "github.com/kennel-stream/kennel/wayland/protocol/server"
	"github.com/kennel-stream/kennel/wayland/server"
)

// shmFormats are the formats that are advertised: those of four bytes.
var shmFormats = []wlserver.WlShmFormat{
	wlserver.WlShmFormatArgb8888, wlserver.WlShmFormatXrgb8888,
	wlserver.WlShmFormatAbgr8888, wlserver.WlShmFormatXbgr8888,
}

func (c *compositor) bindShm(wl *server.Client, r *wlserver.WlShm) {
	cl := c.client(wl)
	cl.shm = r
	r.SetHandler(shm{cl})
	for _, f := range shmFormats {
		r.SendFormat(f)
	}
}

type shm struct{ client *client }

// CreatePool implements wl_shm.create_pool.
func (h shm) CreatePool(r *wlserver.WlShm, id *wlserver.WlShmPool, fd int, size int32) {
	if size <= 0 {
		_ = unix.Close(fd)
		r.PostError(wlserver.WlShmErrorInvalidStride, "pool of %d bytes", size)
		return
	}
	if h.client.pools >= maxPools {
		_ = unix.Close(fd)
		h.client.wl.PostNoMemory("too many shm pools")
		return
	}
	file, err := openPool(fd, size)
	if err != nil {
		r.PostError(wlserver.WlShmErrorInvalidFd, "%v", err)
		return
	}
	h.client.pools++
	file.onClose = func() { h.client.pools-- }
	id.SetHandler(&pool{client: h.client, file: file})
	id.OnDestroy(file.unref)
}

// Release implements wl_shm.release.
func (h shm) Release(*wlserver.WlShm) {}

type pool struct {
	client *client
	file   *poolFile
}

// CreateBuffer implements wl_shm_pool.create_buffer.
func (p *pool) CreateBuffer(r *wlserver.WlShmPool, id *wlserver.WlBuffer, offset, width, height, stride int32, format wlserver.WlShmFormat) {
	b := &buffer{res: id, client: p.client, file: p.file, layout: layout{int64(offset), int(stride), int(width), int(height)}}
	switch format {
	case wlserver.WlShmFormatArgb8888:
	case wlserver.WlShmFormatXrgb8888:
		b.noAlpha = true
	case wlserver.WlShmFormatAbgr8888:
		b.swap = true
	case wlserver.WlShmFormatXbgr8888:
		b.swap, b.noAlpha = true, true
	default:
		r.PostError(wlserver.WlShmErrorInvalidFormat, "format %#x was not advertised", uint32(format))
		return
	}
	if !b.layout.fits(p.file.size) {
		r.PostError(wlserver.WlShmErrorInvalidStride, "buffer of %dx%d, stride %d at %d does not fit a pool of %d bytes", width, height, stride, offset, p.file.size)
		return
	}
	p.file.ref()
	b.refs = 1
	id.SetHandler(b)
	id.OnDestroy(func() {
		b.gone = true
		b.unref()
	})
}

// Resize implements wl_shm_pool.resize: a pool only grows.
func (p *pool) Resize(r *wlserver.WlShmPool, size int32) {
	if int64(size) < p.file.size {
		r.PostError(wlserver.WlShmErrorInvalidFd, "pool of %d bytes cannot shrink to %d", p.file.size, size)
		return
	}
	p.file.size = int64(size)
}

// Destroy implements wl_shm_pool.destroy; its buffers live on.
func (p *pool) Destroy(*wlserver.WlShmPool) {}

// buffer is a wl_buffer. It is counted: a commit may still need it after the
// client destroyed the resource.
type buffer struct {
	res     *wlserver.WlBuffer
	client  *client
	file    *poolFile      // nil for GPU memory
	shared  *output.Shared // nil for shared memory
	refused bool           // left out of the picture, as whoever reads it dies
	layout  layout         // of GPU memory, the size only
	noAlpha bool
	swap    bool // red and blue
	gone    bool
	refs    int
}

// Destroy implements wl_buffer.destroy.
func (b *buffer) Destroy(*wlserver.WlBuffer) {}

func (b *buffer) ref() *buffer {
	b.refs++
	return b
}

func (b *buffer) unref() {
	if b.refs--; b.refs > 0 {
		return
	}
	switch {
	case b.shared == nil:
		b.file.unref()
	case !b.shared.Held(): // else idle does it
		b.closeShared()
	}
}

// release tells the client that it may draw to the buffer again, and ends a
// ref. GPU memory that is still read is released when that ends (idle).
func (b *buffer) release() {
	if !b.gone && (b.shared == nil || !b.shared.Held()) {
		b.res.SendRelease()
	}
	b.unref()
}

// read copies the pixels of r to dst as ARGB.
func (b *buffer) read(dst *pixel.Image, r region.Rect) error {
	if err := b.file.read(b.layout, dst, r); err != nil {
		return err
	}
	if b.swap {
		r = r.Intersect(dst.Bounds())
		for y := r.Y0; y < r.Y1; y++ {
			pixel.SwapRedBlue(dst.Row(y, r.X0, r.X1))
		}
	}
	return nil
}
