package session

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kennel-stream/kennel/internal/media"
	"github.com/kennel-stream/kennel/internal/scene"
)

// TestGPUBuffersAreOfferedWhereTheyCanBeRead: the processor's path works with
// memory that stands in for GPU buffers; those of GPUs need a GPU.
func TestGPUBuffersAreOfferedWhereTheyCanBeRead(t *testing.T) {
	o := options(t)
	o.GPUBuffers = GPUBuffersOn
	h := open(t, o)
	if h.gpuBuffers() != nil {
		t.Error("GPU buffers are offered before any way to read them was tried")
	}
	h.TryImports(t.Context())
	cpu := media.Import{}
	for _, i := range h.Imports() {
		if !i.Tried || !i.Works && i.Reason == "" {
			t.Errorf("%s: tried %t, works %t, reason %q", i.Name, i.Tried, i.Works, i.Reason)
		}
		t.Log(i)
	}
	for _, i := range h.workingImports() {
		if i.Path == media.ImportCPU {
			cpu = i
		}
	}
	if h.node.Path != "" {
		t.Skip("this machine has a GPU: what it reads is its own affair")
	}
	want := []scene.Format{{FourCC: scene.FormatXRGB8888}, {FourCC: scene.FormatARGB8888}, {FourCC: scene.FormatXBGR8888}, {FourCC: scene.FormatABGR8888}}
	if diff := cmp.Diff(want, cpu.Formats); diff != "" {
		t.Error(diff)
	}
	if offer := h.gpuBuffers(); offer == nil || cmp.Diff(want, offer.Formats) != "" {
		t.Errorf("offered: %+v", offer)
	}
}

func TestGPUBuffersThatAreNotWanted(t *testing.T) {
	o := options(t)
	for _, wanted := range []GPUBuffers{GPUBuffersOff, GPUBuffersAuto} {
		o.GPUBuffers = wanted
		h := open(t, o)
		h.node = media.RenderNode{}
		h.TryImports(t.Context())
		for _, i := range h.Imports() {
			if i.Tried || i.Works || i.Reason == "" {
				t.Errorf("%s: %s: %+v", wanted, i.Name, i)
			}
		}
		if h.gpuBuffers() != nil {
			t.Errorf("%s: GPU buffers are offered", wanted)
		}
	}
}

// TestSessionsMayUseTheGPU by the group of its render node, unless that is root's.
func TestSessionsMayUseTheGPU(t *testing.T) {
	ids := &userIDs{first: 100, count: 1, used: map[uint32]bool{}, groups: renderGroups(media.RenderNode{Group: 107})}
	c, err := ids.take()
	if err != nil || c.UID != 100 || cmp.Diff([]uint32{107}, c.Groups) != "" {
		t.Errorf("%+v, %v", c, err)
	}
	if groups := renderGroups(media.RenderNode{Path: "/dev/dri/renderD128"}); groups != nil {
		t.Errorf("groups %v of a node of root's group", groups)
	}
}
