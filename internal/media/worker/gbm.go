package worker

import (
	"fmt"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/kennel-stream/kennel/internal/scene"
)

// gbm holds the functions of gbm.h in use.
var gbm struct {
	createDevice, destroyDevice               uintptr
	create, createWithModifiers, destroy      uintptr
	mapBuffer, unmapBuffer                    uintptr
	planeCount, planeFD, planeStride, planeAt uintptr
	modifier                                  uintptr
}

func loadGBM() error {
	l := library{"libgbm.so.1", "libgbm1", map[string]*uintptr{
		"gbm_create_device": &gbm.createDevice, "gbm_device_destroy": &gbm.destroyDevice,
		"gbm_bo_create": &gbm.create, "gbm_bo_create_with_modifiers": &gbm.createWithModifiers, "gbm_bo_destroy": &gbm.destroy,
		"gbm_bo_map": &gbm.mapBuffer, "gbm_bo_unmap": &gbm.unmapBuffer,
		"gbm_bo_get_plane_count": &gbm.planeCount, "gbm_bo_get_fd_for_plane": &gbm.planeFD,
		"gbm_bo_get_stride_for_plane": &gbm.planeStride, "gbm_bo_get_offset": &gbm.planeAt, "gbm_bo_get_modifier": &gbm.modifier,
	}}
	return l.open()
}

// Flags of gbm.h.
const (
	gbmRendering     = 4
	gbmLinear        = 16
	gbmTransferWrite = 2
)

// newGBM makes buffers as clients on the GPU of a render node do.
func newGBM(node string) (*maker, error) {
	if err := loadGBM(); err != nil {
		return nil, err
	}
	file, err := os.OpenFile(node, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	device := call(gbm.createDevice, file.Fd())
	if device == 0 {
		_ = file.Close()
		return nil, fmt.Errorf("%s: libgbm has no driver for it", node)
	}
	return &maker{
		name: "buffers of " + node,
		make: func(f scene.Format, side int) (scene.Buffer, []int, error) { return makeGBM(device, f, side) },
		end: func() {
			call(gbm.destroyDevice, device)
			_ = file.Close()
		},
	}, nil
}

func makeGBM(device uintptr, f scene.Format, side int) (scene.Buffer, []int, error) {
	b := scene.Buffer{Kind: scene.DMABuf, Width: uint32(side), Height: uint32(side), Format: f.FourCC, Modifier: f.Modifier}
	modifiers := alloc(8)
	defer release(modifiers)
	*(*uint64)(modifiers) = f.Modifier
	bo := call(gbm.createWithModifiers, device, uintptr(side), uintptr(side), uintptr(f.FourCC), uintptr(modifiers), 1)
	if bo == 0 && f.Modifier == scene.ModifierLinear {
		bo = call(gbm.create, device, uintptr(side), uintptr(side), uintptr(f.FourCC), gbmRendering|gbmLinear)
	}
	if bo == 0 {
		return b, nil, fmt.Errorf("the driver makes no buffer of %s", f)
	}
	defer call(gbm.destroy, bo)
	if got := uint64(call(gbm.modifier, bo)); got != f.Modifier && got != scene.ModifierInvalid {
		return b, nil, fmt.Errorf("the driver made a buffer with the modifier %#x for %s", got, f)
	}
	if err := drawGBM(bo, f); err != nil {
		return b, nil, err
	}
	var files []int
	for plane := range min(uintptr(uint32(call(gbm.planeCount, bo))), scene.MaxPlanes) {
		fd := int(int32(call(gbm.planeFD, bo, plane)))
		if fd < 0 {
			closeAll(files)
			return b, nil, fmt.Errorf("the driver gives no descriptor for plane %d of %s", plane, f)
		}
		files = append(files, fd)
		b.Planes = append(b.Planes, scene.Plane{Offset: uint32(call(gbm.planeAt, bo, plane)), Stride: uint32(call(gbm.planeStride, bo, plane))})
	}
	return b, files, nil
}

// drawGBM draws the trial's picture; the driver lays it out.
func drawGBM(bo uintptr, f scene.Format) error {
	cells := alloc(16)
	defer release(cells)
	pixels := call(gbm.mapBuffer, bo, 0, 0, trialSize, trialSize, gbmTransferWrite, uintptr(cells), uintptr(cells)+8)
	if pixels == 0 {
		return fmt.Errorf("the driver maps no buffer of %s", f)
	}
	stride := int(*(*uint32)(cells))
	if stride >= 4*trialSize {
		drawTrial(unsafe.Slice((*byte)(pointer(pixels)), stride*(trialSize-1)+4*trialSize), stride, scene.RedFirst(f.FourCC))
	}
	call(gbm.unmapBuffer, bo, *(*uintptr)(unsafe.Add(cells, 8)))
	return nil
}

func closeAll(files []int) {
	for _, fd := range files {
		_ = unix.Close(fd)
	}
}
