package compositor

import (
	"fmt"
	"math"

	"golang.org/x/sys/unix"

	"github.com/kennel-stream/kennel/internal/scene"
	wlserver "github.com/kennel-stream/kennel/wayland/protocol/server"
)

// dmabufParams is a zwp_linux_buffer_params_v1: planes that become a buffer.
type dmabufParams struct {
	client *client
	used   bool
	planes [scene.MaxPlanes]dmabufPlane
}

type dmabufPlane struct {
	set bool
	fd  int
	scene.Plane
	modifier uint64
}

// close closes the planes that no buffer was made of.
func (p *dmabufParams) close() {
	for i := range p.planes {
		if plane := &p.planes[i]; plane.set {
			_ = unix.Close(plane.fd)
			p.client.loosePlanes--
			plane.set = false
		}
	}
}

// Destroy implements zwp_linux_buffer_params_v1.destroy.
func (p *dmabufParams) Destroy(*wlserver.ZwpLinuxBufferParamsV1) {}

// Add implements zwp_linux_buffer_params_v1.add.
func (p *dmabufParams) Add(r *wlserver.ZwpLinuxBufferParamsV1, fd int, index, offset, stride, modifierHi, modifierLo uint32) {
	switch {
	case p.used:
		r.PostError(wlserver.ZwpLinuxBufferParamsV1ErrorAlreadyUsed, "a buffer was already created of these parameters")
	case index >= scene.MaxPlanes:
		r.PostError(wlserver.ZwpLinuxBufferParamsV1ErrorPlaneIdx, "plane %d: there are at most %d", index, scene.MaxPlanes)
	case p.planes[index].set:
		r.PostError(wlserver.ZwpLinuxBufferParamsV1ErrorPlaneSet, "plane %d was added before", index)
	case p.client.loosePlanes >= maxLoosePlanes:
		p.client.wl.PostNoMemory("too many planes of GPU buffers that were not created")
	default:
		p.client.loosePlanes++
		p.planes[index] = dmabufPlane{
			set: true, fd: fd, Plane: scene.Plane{Offset: offset, Stride: stride},
			modifier: uint64(modifierHi)<<32 | uint64(modifierLo),
		}
		return
	}
	_ = unix.Close(fd)
}

// Create implements zwp_linux_buffer_params_v1.create.
func (p *dmabufParams) Create(r *wlserver.ZwpLinuxBufferParamsV1, width, height int32, format uint32, flags wlserver.ZwpLinuxBufferParamsV1Flags) {
	desc, fault := p.describe(r, width, height, format)
	if fault != nil {
		fault.post(r)
		return
	}
	if err := p.importable(r, &desc, flags); err != nil {
		p.close()
		r.SendFailed()
		return
	}
	b := wlserver.NewWlBuffer(p.client.wl, 1)
	p.create(b, &desc)
	r.SendCreated(b)
}

// CreateImmed implements zwp_linux_buffer_params_v1.create_immed.
func (p *dmabufParams) CreateImmed(r *wlserver.ZwpLinuxBufferParamsV1, id *wlserver.WlBuffer, width, height int32, format uint32, flags wlserver.ZwpLinuxBufferParamsV1Flags) {
	desc, fault := p.describe(r, width, height, format)
	if fault == nil {
		if err := p.importable(r, &desc, flags); err != nil {
			fault = &paramsFault{wlserver.ZwpLinuxBufferParamsV1ErrorInvalidWlBuffer, err.Error()}
		}
	}
	if fault != nil {
		fault.post(r)
		return
	}
	p.create(id, &desc)
}

// paramsFault is a protocol error of zwp_linux_buffer_params_v1.
type paramsFault struct {
	code uint32
	text string
}

func (f *paramsFault) post(r *wlserver.ZwpLinuxBufferParamsV1) { r.PostError(f.code, "%s", f.text) }

// describe checks what a client must know by itself.
func (p *dmabufParams) describe(r *wlserver.ZwpLinuxBufferParamsV1, width, height int32, format uint32) (scene.Buffer, *paramsFault) {
	wrong := func(code uint32, text string, args ...any) (scene.Buffer, *paramsFault) {
		return scene.Buffer{}, &paramsFault{code, fmt.Sprintf(text, args...)}
	}
	if p.used {
		return wrong(wlserver.ZwpLinuxBufferParamsV1ErrorAlreadyUsed, "a buffer was already created of these parameters")
	}
	p.used = true
	first := &p.planes[0]
	if !first.set {
		return wrong(wlserver.ZwpLinuxBufferParamsV1ErrorIncomplete, "plane 0 was not added")
	}
	offer := p.client.c.dmabuf
	pair := scene.Format{FourCC: format, Modifier: first.modifier}
	if !offer.hasFormat(format) || r.Version() >= 4 && !offer.has(pair) {
		return wrong(wlserver.ZwpLinuxBufferParamsV1ErrorInvalidFormat, "%s was not advertised", pair)
	}
	if width < 1 || height < 1 {
		return wrong(wlserver.ZwpLinuxBufferParamsV1ErrorInvalidDimensions, "buffer of %dx%d", width, height)
	}
	desc := scene.Buffer{Kind: scene.DMABuf, Width: uint32(width), Height: uint32(height), Format: format, Modifier: first.modifier}
	for i, plane := range p.planes {
		switch {
		case !plane.set:
			continue
		case i != len(desc.Planes):
			return wrong(wlserver.ZwpLinuxBufferParamsV1ErrorIncomplete, "plane %d was added, plane %d was not", i, len(desc.Planes))
		case plane.modifier != first.modifier:
			return wrong(wlserver.ZwpLinuxBufferParamsV1ErrorInvalidFormat, "planes with modifiers %#x and %#x", first.modifier, plane.modifier)
		}
		desc.Planes = append(desc.Planes, plane.Plane)
	}
	// The known formats have one plane; modifiers of drivers add their own.
	if desc.Modifier == scene.ModifierLinear && len(desc.Planes) != 1 {
		return wrong(wlserver.ZwpLinuxBufferParamsV1ErrorIncomplete, "%d planes, %s has 1", len(desc.Planes), pair)
	}
	if text := p.outside(&desc); text != "" {
		return wrong(wlserver.ZwpLinuxBufferParamsV1ErrorOutOfBounds, "%s", text)
	}
	return desc, nil
}

// outside says how planes do not lie in their files; empty when they do.
func (p *dmabufParams) outside(desc *scene.Buffer) string {
	for i, plane := range desc.Planes {
		if plane.Stride == 0 {
			return fmt.Sprintf("plane %d has a stride of 0", i)
		}
		if desc.Modifier == scene.ModifierLinear && int64(plane.Stride) < int64(desc.Width)*scene.BytesPerPixel {
			return fmt.Sprintf("stride %d for a width of %d", plane.Stride, desc.Width)
		}
		end := uint64(plane.Offset) + uint64(plane.Stride)
		if i == 0 {
			// How many rows the further ones have is known to drivers only.
			end = uint64(plane.Offset) + uint64(plane.Stride)*uint64(desc.Height)
		}
		if end > math.MaxUint32 {
			return fmt.Sprintf("plane %d ends at %d", i, end)
		}
		if size, ok := fileSize(p.planes[i].fd); ok && end > uint64(size) {
			return fmt.Sprintf("plane %d ends at %d of %d bytes", i, end, size)
		}
	}
	return ""
}

// importable checks what may differ from machine to machine.
func (p *dmabufParams) importable(r *wlserver.ZwpLinuxBufferParamsV1, desc *scene.Buffer, flags wlserver.ZwpLinuxBufferParamsV1Flags) error {
	pair := scene.Format{FourCC: desc.Format, Modifier: desc.Modifier}
	switch {
	case flags != 0:
		return fmt.Errorf("interlaced or inverted buffers (flags %#x) are not shown", uint32(flags))
	case desc.Width > scene.MaxDimension || desc.Height > scene.MaxDimension:
		return fmt.Errorf("a buffer of %dx%d is larger than a display serves", desc.Width, desc.Height)
	case !p.client.c.dmabuf.has(pair):
		return fmt.Errorf("%s was not advertised", pair)
	case p.client.dmabufs >= maxDMABufs:
		return fmt.Errorf("more than %d GPU buffers", maxDMABufs)
	}
	for i := range desc.Planes {
		if err := checkGPUFile(p.planes[i].fd); err != nil {
			return fmt.Errorf("plane %d: %w", i, err)
		}
	}
	return nil
}

// create makes the buffer, which takes over the planes.
func (p *dmabufParams) create(id *wlserver.WlBuffer, desc *scene.Buffer) {
	var files []int
	for i := range desc.Planes {
		files = append(files, p.planes[i].fd)
		p.planes[i].set = false
		p.client.loosePlanes--
	}
	newSharedBuffer(p.client, id, desc, files)
}
