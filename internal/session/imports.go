package session

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/kennel-stream/kennel/internal/display"
	"github.com/kennel-stream/kennel/internal/media"
	"github.com/kennel-stream/kennel/internal/scene"
)

// GPUBuffers says whether apps may hand over what they drew in GPU memory.
type GPUBuffers string

const (
	// GPUBuffersAuto offers it on machines with a render node.
	GPUBuffersAuto GPUBuffers = "auto"
	// GPUBuffersOn offers it wherever a path works.
	GPUBuffersOn GPUBuffers = "on"
	// GPUBuffersOff has apps copy their pictures into shared memory.
	GPUBuffersOff GPUBuffers = "off"
)

// ImportState says how a path for GPU buffers does on this machine.
type ImportState struct {
	media.ImportPath
	// Tried tells whether it has been tried; until then it is not used.
	Tried bool `json:"tried"`
	// Works tells that it read GPU buffers; Reason why it did not, or was not
	// tried.
	Works  bool          `json:"works"`
	Reason string        `json:"reason,omitempty"`
	Took   time.Duration `json:"took_ns"`
	// Made says what it was tried with.
	Made string `json:"made,omitempty"`
	// Formats are the pixel formats that it read, each with its modifier.
	Formats []scene.Format `json:"-"`
}

// String is the path for people.
func (i ImportState) String() string {
	switch {
	case i.Works:
		return fmt.Sprintf("%s (works with %d formats of %s, %s)", i.Name, len(i.Formats), i.Made, i.Took.Round(time.Millisecond))
	case i.Reason != "":
		return fmt.Sprintf("%s: %s", i.Name, i.Reason)
	}
	return i.Name + " (not tried yet)"
}

// imports is what trying the paths for GPU buffers has shown.
type imports struct {
	mu   sync.Mutex // covers what follows
	list []ImportState
}

func newImports() *imports {
	i := &imports{}
	for _, path := range media.ImportPaths() {
		i.list = append(i.list, ImportState{ImportPath: path})
	}
	return i
}

// importTimeout bounds the trial of one path: its driver may hang.
const importTimeout = 20 * time.Second

// Imports lists the paths for GPU buffers, best first.
func (h *House) Imports() []ImportState {
	h.imports.mu.Lock()
	defer h.imports.mu.Unlock()
	return slices.Clone(h.imports.list)
}

// TryImports lets every path read GPU buffers, each in a process of its own.
// Sessions that are launched later offer what worked. Where nothing is to be
// offered, nothing is tried.
func (h *House) TryImports(ctx context.Context) {
	for i, state := range h.Imports() {
		begun := time.Now()
		switch {
		case h.o.GPUBuffers == GPUBuffersOff:
			state.Reason = "off, as configured"
		case h.o.GPUBuffers != GPUBuffersOn && h.node.Path == "":
			state.Reason = "not tried: there is no GPU (no /dev/dri/renderD*)"
		default:
			ready, err := h.tryImport(ctx, state.Name)
			if ctx.Err() != nil {
				return
			}
			state.Tried, state.Works, state.Took = true, err == nil, time.Since(begun)
			state.Made, state.Formats = ready.Element, ready.Formats
			if err != nil {
				state.Reason = err.Error()
			}
			h.o.Log.Info("way to read GPU buffers", "path", state.String())
		}
		h.imports.mu.Lock()
		h.imports.list[i] = state
		h.imports.mu.Unlock()
	}
}

func (h *House) tryImport(ctx context.Context, name string) (media.Ready, error) {
	ctx, cancel := context.WithTimeout(ctx, importTimeout)
	defer cancel()
	registry, err := h.spares.registry(ctx)
	if err != nil {
		return media.Ready{}, err
	}
	credential, err := h.ids.take()
	if err != nil {
		return media.Ready{}, err
	}
	defer h.ids.giveBack(credential)
	return media.TryImport(ctx, h.spawner, media.Options{
		Executable: h.o.MediaExecutable, RegistryFile: registry, Credential: credential, Env: h.markers("trial"),
	}, media.ImportTrial{Path: name, Node: h.node.Path})
}

// workingImports are the paths that encoders may use, best first.
func (h *House) workingImports() (paths []media.Import) {
	for _, i := range h.Imports() {
		if i.Works {
			paths = append(paths, media.Import{Path: i.Name, Formats: i.Formats})
		}
	}
	return paths
}

// gpuBuffers is what displays offer: all that a path reads, nil for nothing.
func (h *House) gpuBuffers() *display.DMABuf {
	offer := &display.DMABuf{Device: h.node.Device}
	for _, path := range h.workingImports() {
		for _, f := range path.Formats {
			if !slices.Contains(offer.Formats, f) {
				offer.Formats = append(offer.Formats, f)
			}
		}
	}
	if len(offer.Formats) == 0 {
		return nil
	}
	return offer
}
