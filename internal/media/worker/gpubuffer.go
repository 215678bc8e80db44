package worker

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/kennel-stream/kennel/internal/display/pixel"
	"github.com/kennel-stream/kennel/internal/scene"
)

// trialSize is the width and height of the buffers that paths are tried with.
const trialSize = 64

// maker makes GPU buffers that show the trial's picture.
type maker struct {
	// name says what they are, in a report.
	name     string
	standsIn bool // for GPU buffers, which no GPU imports
	// make returns a square buffer, at least trialSize wide, with the trial's
	// picture in its upper left corner.
	make func(f scene.Format, side int) (scene.Buffer, []int, error)
	end  func()
}

// newMaker finds what makes buffers here: the GPU of a render node, as clients
// do it, else the kernel, else nothing but memory that stands in for them.
func newMaker(node string) *maker {
	if node != "" {
		if m, err := newGBM(node); err == nil {
			return m
		}
	}
	for _, kernel := range []struct {
		name  string
		alloc func(size int) (int, error)
	}{{"/dev/udmabuf", allocUdmabuf}, {"/dev/dma_heap/system", allocHeap}} {
		if fd, err := kernel.alloc(4096); err == nil {
			_ = unix.Close(fd)
			return &maker{name: "buffers of " + kernel.name, make: linearMaker(kernel.alloc), end: func() {}}
		}
	}
	return &maker{name: "shared memory, as no GPU buffers can be made here", standsIn: true, make: linearMaker(allocStandIn), end: func() {}}
}

// trialWord is the pixel of the trial's picture at a place, blue first.
func trialWord(x, y int) uint32 {
	return 0xff000000 | uint32(x*4&0xff)<<16 | uint32(y*4&0xff)<<8 | uint32((x^y)&1)*0xff
}

// drawTrial draws the trial's picture.
func drawTrial(pixels []byte, stride int, redFirst bool) {
	for y := range trialSize {
		row := pixels[y*stride:][:4*trialSize]
		for x := range trialSize {
			binary.LittleEndian.PutUint32(row[4*x:], trialWord(x, y))
		}
		if redFirst {
			pixel.SwapRedBlue(row)
		}
	}
}

var errTrialPicture = errors.New("the picture came out otherwise")

// checkTrial compares what was read, blue first, with what was drawn.
func checkTrial(img *pixel.Image) error {
	for y := range int32(trialSize) {
		row := img.Row(y, 0, trialSize)
		for x := range trialSize {
			got, want := binary.LittleEndian.Uint32(row[4*x:]), trialWord(x, int(y))
			for shift := 0; shift < 24; shift += 8 {
				// Shaders and converters round.
				if d := int(got>>shift&0xff) - int(want>>shift&0xff); d < -3 || d > 3 {
					return fmt.Errorf("%w: %06x at %d,%d, want %06x", errTrialPicture, got&0xffffff, x, y, want&0xffffff)
				}
			}
		}
	}
	return nil
}

// linearMaker makes linear buffers in memory that alloc returns.
func linearMaker(alloc func(size int) (int, error)) func(scene.Format, int) (scene.Buffer, []int, error) {
	return func(f scene.Format, side int) (scene.Buffer, []int, error) {
		stride := 4*side + 256 // which GPUs like
		b := scene.Buffer{
			Kind: scene.DMABuf, Width: uint32(side), Height: uint32(side), Format: f.FourCC, Modifier: f.Modifier,
			Planes: []scene.Plane{{Stride: uint32(stride)}},
		}
		if f.Modifier != scene.ModifierLinear {
			return b, nil, fmt.Errorf("no buffer with the modifier %#x can be made without a GPU", f.Modifier)
		}
		size := (stride*side + 4095) &^ 4095
		fd, err := alloc(size)
		if err != nil {
			return b, nil, err
		}
		pixels, err := unix.Mmap(fd, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
		if err != nil {
			_ = unix.Close(fd)
			return b, nil, fmt.Errorf("map a GPU buffer: %w", err)
		}
		drawTrial(pixels, stride, scene.RedFirst(f.FourCC))
		_ = unix.Munmap(pixels)
		return b, []int{fd}, nil
	}
}

func allocStandIn(size int) (int, error) {
	fd, err := unix.MemfdCreate("kennel-trial", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		return -1, err
	}
	if err = unix.Ftruncate(fd, int64(size)); err == nil {
		_, err = unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, unix.F_SEAL_SHRINK)
	}
	if err != nil {
		_ = unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

// Of linux/udmabuf.h and linux/dma-heap.h.
const (
	udmabufCreate = 0x40187542
	dmaHeapAlloc  = 0xc0184800
)

// allocUdmabuf makes a dma-buf of ordinary memory.
func allocUdmabuf(size int) (int, error) {
	device, err := os.OpenFile("/dev/udmabuf", os.O_RDWR, 0)
	if err != nil {
		return -1, err
	}
	defer device.Close()
	memory, err := allocStandIn(size)
	if err != nil {
		return -1, err
	}
	defer unix.Close(memory)
	const closeOnExec = 1 // UDMABUF_FLAGS_CLOEXEC
	request := struct {
		memfd, flags uint32
		offset, size uint64
	}{uint32(memory), closeOnExec, 0, uint64(size)}
	fd, _, errno := unix.Syscall(unix.SYS_IOCTL, device.Fd(), udmabufCreate, uintptr(unsafe.Pointer(&request)))
	if errno != 0 {
		return -1, fmt.Errorf("make a dma-buf by /dev/udmabuf: %w", errno)
	}
	return int(fd), nil
}

// allocHeap makes a dma-buf by the kernel's heap.
func allocHeap(size int) (int, error) {
	device, err := os.OpenFile("/dev/dma_heap/system", os.O_RDWR, 0)
	if err != nil {
		return -1, err
	}
	defer device.Close()
	request := struct {
		size        uint64
		fd, fdFlags uint32
		heapFlags   uint64
	}{size: uint64(size), fdFlags: unix.O_RDWR | unix.O_CLOEXEC}
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, device.Fd(), dmaHeapAlloc, uintptr(unsafe.Pointer(&request))); errno != 0 {
		return -1, fmt.Errorf("make a dma-buf by /dev/dma_heap/system: %w", errno)
	}
	return int(request.fd), nil
}
