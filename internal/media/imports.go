package media

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/kennel-stream/kennel/internal/process"
	"github.com/kennel-stream/kennel/internal/scene"
)

// ImportPath is a way by which the pixels of GPU buffers get into pictures.
type ImportPath struct {
	// Name is what reports call it.
	Name string `json:"name"`
	// GPUs says whose it serves.
	GPUs string `json:"gpus"`
	// Elements are those of GStreamer that it needs; none for the processor's.
	Elements []string `json:"-"`
	// Package is the Debian package that brings them.
	Package string `json:"-"`
	// Pipeline turns GPU buffers, which its element named head takes, into raw
	// pictures in main memory.
	Pipeline string `json:"-"`
}

// ImportCPU is the path without a GPU: linear buffers are mapped and read. It is
// the slowest one for buffers in a card's own memory.
const ImportCPU = "cpu"

var importPaths = []ImportPath{
	{
		Name: "va", GPUs: "Intel and AMD, by VA-API", Elements: []string{"vapostproc"}, Package: bad,
		Pipeline: "vapostproc name=head",
	},
	{
		Name: "gl", GPUs: "all with EGL and dma-buf import", Elements: []string{"glupload", "glcolorconvert", "gldownload"}, Package: "gstreamer1.0-gl",
		Pipeline: "glupload name=head ! glcolorconvert ! video/x-raw(memory:GLMemory),format=RGBA ! gldownload",
	},
	{
		Name: "cuda", GPUs: "NVIDIA, by EGL and CUDA", Elements: []string{"glupload", "glcolorconvert", "cudaupload", "cudadownload"}, Package: "gstreamer1.0-gl, " + bad,
		Pipeline: "glupload name=head ! glcolorconvert ! video/x-raw(memory:GLMemory),format=RGBA ! cudaupload ! cudadownload",
	},
	{Name: ImportCPU, GPUs: "all whose buffers may be mapped"},
}

// ImportPaths returns every known path, best first.
func ImportPaths() []ImportPath { return slices.Clone(importPaths) }

// ImportPathNamed returns the path of a name.
func ImportPathNamed(name string) (ImportPath, bool) {
	i := slices.IndexFunc(importPaths, func(p ImportPath) bool { return p.Name == name })
	if i < 0 {
		return ImportPath{}, false
	}
	return importPaths[i], true
}

// Import is a path that works, and what it takes.
type Import struct {
	// Path is the name of an ImportPath.
	Path    string
	Formats []scene.Format
}

// ImportTrial says what to try.
type ImportTrial struct {
	// Path is the name of an ImportPath.
	Path string
	// Node is the render node whose GPU makes the buffers; empty for none.
	Node string
}

// TryImport lets a path read GPU buffers in a worker that is thrown away, each
// pixel format with each modifier that it says it takes, and returns those that
// came out as they were drawn (Ready.Formats), and what the buffers were
// (Ready.Element). ctx bounds it.
func TryImport(ctx context.Context, spawner *process.Spawner, o Options, trial ImportTrial) (Ready, error) {
	w, err := Start(ctx, spawner, o)
	if err != nil {
		return Ready{}, err
	}
	defer w.Kill()
	ready, err := w.begin(ctx, MessageTryImport, trial)
	var refused Fault
	if errors.As(err, &refused) {
		return Ready{}, errors.New(refused.Detail) // a path that does not work is no fault
	}
	if err != nil {
		return Ready{}, fmt.Errorf("try to import: %w", err)
	}
	return ready, nil
}
