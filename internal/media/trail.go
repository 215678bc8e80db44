package media

import (
	"encoding/binary"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// Words of the memory in which an encoding's worker notes what it is doing.
// Each is 8 bytes in the machine's order, written at once.
const (
	// TrailBeat is the monotonic time at which the process last looked around.
	TrailBeat = iota
	// TrailBusy is the monotonic time since which the encoder has had a picture
	// that it has not given back; 0 for none.
	TrailBusy
	// TrailScenes counts the pictures that came from the display.
	TrailScenes
	// TrailReads is 1 and the id of the GPU buffer that is being read for a
	// picture, 0 for none; TrailMaps the one that is being made readable.
	TrailReads
	TrailMaps
	// TrailWords is how many there are.
	TrailWords
)

// Trail is what a worker was doing. It can be read while the worker hangs, and
// when it is dead: a crash in a driver leaves no time to report.
type Trail struct {
	// Beat and Busy are CLOCK_MONOTONIC in nanoseconds, 0 for never and for not.
	Beat, Busy int64
	Scenes     uint64

	reads, maps uint64
}

// Buffer is the GPU buffer of a client that the worker was reading, if it was.
func (t Trail) Buffer() (id uint32, ok bool) {
	for _, word := range []uint64{t.reads, t.maps} {
		if word != 0 {
			return uint32(word - 1), true
		}
	}
	return 0, false
}

// newTrail makes the memory; its size is sealed.
func newTrail() (*os.File, error) {
	fd, err := unix.MemfdCreate("kennel-trail", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		return nil, fmt.Errorf("make memory to share with a worker: %w", err)
	}
	f := os.NewFile(uintptr(fd), "trail")
	err = f.Truncate(8 * TrailWords)
	if err == nil {
		_, err = unix.FcntlInt(f.Fd(), unix.F_ADD_SEALS, unix.F_SEAL_SHRINK|unix.F_SEAL_GROW|unix.F_SEAL_SEAL)
	}
	if err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("make memory to share with a worker: %w", err)
	}
	return f, nil
}

// readTrail reads it without mapping it. It is empty when there is none.
func readTrail(f *os.File) Trail {
	var raw [8 * TrailWords]byte
	if f == nil {
		return Trail{}
	}
	if _, err := f.ReadAt(raw[:], 0); err != nil {
		return Trail{}
	}
	word := func(n int) uint64 { return binary.NativeEndian.Uint64(raw[8*n:]) }
	return Trail{Beat: int64(word(TrailBeat)), Busy: int64(word(TrailBusy)), Scenes: word(TrailScenes), reads: word(TrailReads), maps: word(TrailMaps)}
}

// keepTrail keeps the memory until Kill; false when there is one, of a job that
// the worker has already.
func (w *Worker) keepTrail(f *os.File) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.trail != nil {
		return false
	}
	w.trail = f
	return true
}

func (w *Worker) closeTrail() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.trail != nil {
		_ = w.trail.Close()
	}
}

// Trail tells what the worker of an encoding is doing, or was doing when it
// died; it is empty after Kill.
func (w *Worker) Trail() Trail {
	w.mu.Lock()
	defer w.mu.Unlock()
	return readTrail(w.trail)
}
