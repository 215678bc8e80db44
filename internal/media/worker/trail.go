package worker

import (
	"fmt"
	"os"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/kennel-stream/kennel/internal/media"
)

// trail is where the process notes what it is doing, in memory that outlives
// it. It is written without a system call.
type trail [media.TrailWords]atomic.Uint64

// openTrail maps the memory that the parent passed. It stays mapped: the
// process has one job.
func openTrail(f *os.File) (*trail, error) {
	if err := checkSealed(int(f.Fd()), int64(unsafe.Sizeof(trail{}))); err != nil {
		return nil, fmt.Errorf("the memory for what is being done cannot be used, install kennel and kennel-media of one release: %w", err)
	}
	memory, err := unix.Mmap(int(f.Fd()), 0, int(unsafe.Sizeof(trail{})), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return nil, fmt.Errorf("map the memory for what is being done: %w", err)
	}
	return (*trail)(unsafe.Pointer(&memory[0])), nil
}

func (t *trail) beat() { t[media.TrailBeat].Store(uint64(monotonic())) }

// busy says that the encoder has a picture, or has given it back.
func (t *trail) busy(has bool) {
	since := uint64(0)
	if has {
		since = uint64(monotonic())
	}
	t[media.TrailBusy].Store(since)
}

func (t *trail) scene() { t[media.TrailScenes].Add(1) }

// buffer says that a GPU buffer is being read or mapped, which may be the last
// thing that the process does; done that it was not.
func (t *trail) buffer(word int, id uint32) {
	if t != nil {
		t[word].Store(uint64(id) + 1)
	}
}

func (t *trail) done(word int) {
	if t != nil {
		t[word].Store(0)
	}
}
