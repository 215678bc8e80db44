package web

import (
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/kennel-stream/kennel/internal/meter"
)

// TestTheWholeProgramIsResident: code that runs for the first time is no growth.
func TestTheWholeProgramIsResident(t *testing.T) {
	page, err := unix.Mmap(-1, 0, os.Getpagesize(), unix.PROT_READ, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Munmap(page)
	if err := unix.Madvise(page, unix.MADV_POPULATE_READ); err != nil {
		t.Skipf("this kernel cannot read a program in, which takes Linux 5.14: %v", err)
	}
	wholeProgram()
	var size int64
	for _, m := range programMaps() {
		size += int64(m.to - m.from)
	}
	_, file := meter.Live.Resident(os.Getpid())
	if size < 1<<20 || !file.Known || file.N < size {
		t.Errorf("%d bytes of the program are mapped, and %s of files are resident", size, file)
	}
}
