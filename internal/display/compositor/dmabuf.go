package compositor

import (
	"encoding/binary"
	"fmt"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/kennel-stream/kennel/internal/display"
	"github.com/kennel-stream/kennel/internal/scene"
	wlserver "github.com/kennel-stream/kennel/wayland/protocol/server"
	"github.com/kennel-stream/kennel/wayland/server"
)

// Bounds of the GPU buffers that one client keeps open here.
const (
	maxDMABufs     = 256
	maxLoosePlanes = 256 // added to parameters that made no buffer yet
)

// dmabufOffer is what clients are told of GPU buffers (zwp_linux_dmabuf_v1).
type dmabufOffer struct {
	formats []scene.Format
	device  []byte // a dev_t
	table   int    // sealed file of pairs (zwp_linux_dmabuf_feedback_v1.format_table)
	indices []byte // of all pairs in it
}

// formatEntry is the size of a pair in the table: a format, padding, a modifier.
const formatEntry = 16

func newDMABufOffer(conf *display.DMABuf) (*dmabufOffer, error) {
	o := &dmabufOffer{device: binary.NativeEndian.AppendUint64(nil, conf.Device)}
	var table []byte
	for _, f := range conf.Formats {
		if !scene.KnownFormat(f.FourCC) || slices.Contains(o.formats, f) || len(o.formats) > 0xffff {
			continue
		}
		o.indices = binary.NativeEndian.AppendUint16(o.indices, uint16(len(o.formats)))
		o.formats = append(o.formats, f)
		table = binary.NativeEndian.AppendUint32(table, f.FourCC)
		table = binary.NativeEndian.AppendUint32(table, 0)
		table = binary.NativeEndian.AppendUint64(table, f.Modifier)
	}
	if len(o.formats) == 0 {
		return nil, nil
	}
	var err error
	o.table, err = sealedFile("kennel-formats", table)
	return o, err
}

// sealedFile is a file in memory that nobody can change any more.
func sealedFile(name string, data []byte) (int, error) {
	fd, err := unix.MemfdCreate(name, unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		return -1, fmt.Errorf("make %s file: %w", name, err)
	}
	if n, err := unix.Pwrite(fd, data, 0); err != nil || n != len(data) {
		_ = unix.Close(fd)
		return -1, fmt.Errorf("write %s file (%d of %d bytes): %w", name, n, len(data), err)
	}
	seals := unix.F_SEAL_SHRINK | unix.F_SEAL_GROW | unix.F_SEAL_WRITE | unix.F_SEAL_SEAL
	if _, err := unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, seals); err != nil {
		_ = unix.Close(fd)
		return -1, fmt.Errorf("seal %s file: %w", name, err)
	}
	return fd, nil
}

func (o *dmabufOffer) close() {
	if o != nil {
		_ = unix.Close(o.table)
	}
}

// has tells whether a pair was advertised.
func (o *dmabufOffer) has(f scene.Format) bool { return slices.Contains(o.formats, f) }

// hasFormat tells whether a format was advertised, with any modifier.
func (o *dmabufOffer) hasFormat(fourcc uint32) bool {
	return slices.ContainsFunc(o.formats, func(f scene.Format) bool { return f.FourCC == fourcc })
}

// bindDMABuf advertises formats to clients before version 4; later ones ask for
// feedback. Version 3 is told pairs, older ones only what needs no modifier.
func (c *compositor) bindDMABuf(wl *server.Client, r *wlserver.ZwpLinuxDmabufV1) {
	r.SetHandler(dmabuf{c.client(wl)})
	if r.Version() >= 4 {
		return
	}
	for _, f := range c.dmabuf.formats {
		switch {
		case r.Version() == 3:
			r.SendModifier(f.FourCC, uint32(f.Modifier>>32), uint32(f.Modifier))
		case f.Modifier == scene.ModifierInvalid:
			r.SendFormat(f.FourCC)
		}
	}
}

type dmabuf struct{ client *client }

// Destroy implements zwp_linux_dmabuf_v1.destroy.
func (d dmabuf) Destroy(*wlserver.ZwpLinuxDmabufV1) {}

// CreateParams implements zwp_linux_dmabuf_v1.create_params.
func (d dmabuf) CreateParams(_ *wlserver.ZwpLinuxDmabufV1, id *wlserver.ZwpLinuxBufferParamsV1) {
	p := &dmabufParams{client: d.client}
	id.SetHandler(p)
	id.OnDestroy(p.close)
}

// GetDefaultFeedback implements zwp_linux_dmabuf_v1.get_default_feedback.
func (d dmabuf) GetDefaultFeedback(_ *wlserver.ZwpLinuxDmabufV1, id *wlserver.ZwpLinuxDmabufFeedbackV1) {
	d.client.c.dmabuf.feedback(id)
}

// GetSurfaceFeedback implements zwp_linux_dmabuf_v1.get_surface_feedback: all
// surfaces go the same way.
func (d dmabuf) GetSurfaceFeedback(_ *wlserver.ZwpLinuxDmabufV1, id *wlserver.ZwpLinuxDmabufFeedbackV1, _ *wlserver.WlSurface) {
	d.client.c.dmabuf.feedback(id)
}

// feedback tells all there is in one tranche.
func (o *dmabufOffer) feedback(r *wlserver.ZwpLinuxDmabufFeedbackV1) {
	r.SetHandler(dmabufFeedback{})
	r.SendFormatTable(o.table, uint32(len(o.formats)*formatEntry))
	r.SendMainDevice(o.device)
	r.SendTrancheTargetDevice(o.device)
	r.SendTrancheFlags(0)
	r.SendTrancheFormats(o.indices)
	r.SendTrancheDone()
	r.SendDone()
}

type dmabufFeedback struct{}

// Destroy implements zwp_linux_dmabuf_feedback_v1.destroy.
func (dmabufFeedback) Destroy(*wlserver.ZwpLinuxDmabufFeedbackV1) {}
