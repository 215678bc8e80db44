package compositor

import (
	"errors"
	"fmt"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/kennel-stream/kennel/internal/display/pixel"
	"github.com/kennel-stream/kennel/internal/display/region"
)

var (
	// errShortPool means that a pool's file ends before the pixels that it
	// was said to hold, or cannot be read.
	errShortPool = errors.New("the shm pool's file does not hold the buffer's pixels")
	// errPoolFile means that the pool is on no file system that we read from.
	errPoolFile = errors.New("the shm pool must be a regular file in memory or on a local disk")
)

// localFileSystems are those whose reads cannot be held up by the client: no
// network, no FUSE, no /proc.
var localFileSystems = map[int64]bool{
	unix.TMPFS_MAGIC: true, unix.RAMFS_MAGIC: true, unix.HUGETLBFS_MAGIC: true,
	unix.EXT4_SUPER_MAGIC: true, unix.XFS_SUPER_MAGIC: true, unix.BTRFS_SUPER_MAGIC: true,
	unix.OVERLAYFS_SUPER_MAGIC: true, unix.F2FS_SUPER_MAGIC: true, 0x2fc12fc1: true, // zfs
}

// poolFile is a client's shared memory. It is never mapped: a client may
// shrink it at any time, which a read survives. It is closed when its wl_shm_pool
// and all wl_buffers made from it are gone.
type poolFile struct {
	fd      int
	size    int64
	refs    int
	onClose func()
	scatter *scatter // made when it is first needed
}

// openPool takes over fd; it is closed in every case of an error.
func openPool(fd int, size int32) (*poolFile, error) {
	if err := checkPool(fd); err != nil {
		_ = unix.Close(fd)
		return nil, err
	}
	return &poolFile{fd: fd, size: int64(size), refs: 1}, nil
}

func checkPool(fd int) error {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return fmt.Errorf("%w: %w", errPoolFile, err)
	}
	var fs unix.Statfs_t
	if err := unix.Fstatfs(fd, &fs); err != nil {
		return fmt.Errorf("%w: %w", errPoolFile, err)
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG || !localFileSystems[fs.Type] {
		return fmt.Errorf("%w (mode %#o, file system %#x)", errPoolFile, st.Mode, fs.Type)
	}
	return nil
}

func (p *poolFile) ref() *poolFile {
	p.refs++
	return p
}

func (p *poolFile) unref() {
	if p.refs--; p.refs == 0 {
		_ = unix.Close(p.fd)
		if p.onClose != nil {
			p.onClose()
		}
	}
}

// layout is where a buffer's pixels lie in its pool.
type layout struct {
	offset int64
	stride int
	width  int
	height int
}

// fits reports whether the pixels lie in a pool of size bytes.
func (l layout) fits(size int64) bool {
	return l.offset >= 0 && l.width > 0 && l.height > 0 && l.stride >= 4*l.width &&
		l.offset <= size && int64(l.stride)*int64(l.height) <= size-l.offset
}

// read copies the pixels of r from the pool into the same place of dst.
func (p *poolFile) read(l layout, dst *pixel.Image, r region.Rect) error {
	r = r.Intersect(dst.Bounds()).Intersect(region.Rect{X1: int32(l.width), Y1: int32(l.height)})
	if r.Empty() {
		return nil
	}
	if int(r.Width())*4 == l.stride && l.stride == dst.Stride {
		rows := dst.Pix[int(r.Y0)*dst.Stride : int(r.Y1)*dst.Stride]
		return p.readAt(rows, l.offset+int64(r.Y0)*int64(l.stride))
	}
	at := l.offset + int64(r.Y0)*int64(l.stride) + 4*int64(r.X0)
	if gap := l.stride - 4*int(r.Width()); gap <= maxGap {
		return p.readRows(dst, r, at, gap)
	}
	for y := r.Y0; y < r.Y1; y++ {
		if err := p.readAt(dst.Row(y, r.X0, r.X1), at); err != nil {
			return err
		}
		at += int64(l.stride)
	}
	return nil
}

const (
	// maxGap is up to how many bytes between two rows it is cheaper to read
	// them as well than to make a system call for each row.
	maxGap = 2048
	// maxVectors is IOV_MAX.
	maxVectors = 1024
)

// scatter is scratch space of readRows.
type scatter struct {
	vectors [maxVectors]unix.Iovec
	gap     [maxGap]byte
}

// readRows reads the rows of r, which lie gap bytes apart from offset at on,
// many at a time, and throws the gaps away.
func (p *poolFile) readRows(dst *pixel.Image, r region.Rect, at int64, gap int) error {
	if p.scatter == nil {
		p.scatter = new(scatter)
	}
	width := 4 * int(r.Width())
	for y := r.Y0; y < r.Y1; {
		n, want := 0, 0
		first := y
		for ; y < r.Y1 && n+2 <= maxVectors; y++ {
			row := dst.Row(y, r.X0, r.X1)
			p.scatter.vectors[n].Base = &row[0]
			p.scatter.vectors[n].SetLen(width)
			n, want = n+1, want+width
			if gap > 0 && y+1 < r.Y1 {
				p.scatter.vectors[n].Base = &p.scatter.gap[0]
				p.scatter.vectors[n].SetLen(gap)
				n, want = n+1, want+gap
			}
		}
		if got := preadv(p.fd, p.scatter.vectors[:n], at); got != want {
			// Short: row by row tells whether by a signal or by a short file.
			for ; first < y; first++ {
				if err := p.readAt(dst.Row(first, r.X0, r.X1), at); err != nil {
					return err
				}
				at += int64(width + gap)
			}
			continue
		}
		at += int64(y-first) * int64(width+gap)
	}
	return nil
}

// preadv is preadv(2) without the allocations of unix.Preadv; it returns the
// bytes read, or -1.
func preadv(fd int, vectors []unix.Iovec, at int64) int {
	n, _, errno := unix.Syscall6(unix.SYS_PREADV, uintptr(fd), uintptr(unsafe.Pointer(&vectors[0])), uintptr(len(vectors)), uintptr(at), uintptr(at>>32), 0)
	runtime.KeepAlive(vectors)
	if errno != 0 {
		return -1
	}
	return int(n)
}

func (p *poolFile) readAt(b []byte, at int64) error {
	for len(b) > 0 {
		n, err := unix.Pread(p.fd, b, at)
		switch {
		case err == unix.EINTR:
			continue
		case err != nil:
			return fmt.Errorf("%w: read at %d: %w", errShortPool, at, err)
		case n == 0:
			return fmt.Errorf("%w: it ends before byte %d", errShortPool, at)
		}
		b, at = b[n:], at+int64(n)
	}
	return nil
}
