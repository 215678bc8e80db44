package session

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/kennel-stream/kennel/internal/evidence"
	"github.com/kennel-stream/kennel/internal/media"
	"github.com/kennel-stream/kennel/internal/meter"
)

const (
	// gaugeEvery and gaugeDeadline find a meter that hangs within 5 s.
	gaugeEvery    = 2 * time.Second
	gaugeDeadline = 2 * time.Second
	// firstReading bounds the meter's start, in which a driver may load.
	firstReading = 10 * time.Second
)

// gpus are the machine's GPUs as their meter shows them, on a machine that has
// any.
type gpus struct {
	meter meter.GPUMeter
	house *House

	mu      sync.Mutex // covers what follows
	board   *meter.Board
	reading meter.GPUs
	known   bool // reading is the newest that returned, and not of before a failure
	pages   gpuPages
}

func newGPUs(h *House) *gpus {
	g := &gpus{meter: h.o.GPUMeter, house: h, pages: gpuPages{}}
	if g.meter == nil {
		g.meter = media.NewGPUMeter(h.spawner, media.Options{Executable: h.o.MediaExecutable, Env: h.markers("meter")})
	}
	return g
}

// read takes a reading and keeps it.
func (g *gpus) read(ctx context.Context) error {
	g.house.countGPUFiles()
	quiet := len(g.house.everybody()) == 0
	reading, err := g.meter.Read(ctx)
	if err == nil {
		g.house.noteHolders(reading)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if err == nil && quiet {
		g.pages.see(reading)
	}
	g.known = err == nil
	if err == nil {
		g.reading = reading
	}
	return err
}

// newest is the newest reading; ok is false where nothing is known.
func (g *gpus) newest() (meter.GPUs, bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	// A reading that does not return leaves the one before.
	lost := g.board != nil && g.board.Dark(media.GPUMeterName)
	return g.reading, g.known && !lost
}

func (g *gpus) readings() []meter.Reading {
	g.mu.Lock()
	board := g.board
	g.mu.Unlock()
	if board == nil {
		return []meter.Reading{}
	}
	return board.Readings()
}

// WatchGPUs reads the machine's GPUs until ctx ends. Where there is no driver
// it returns at once.
func (h *House) WatchGPUs(ctx context.Context) {
	if c, ok := h.gpus.meter.(interface{ Close() }); ok {
		defer c.Close()
	}
	first, cancel := context.WithTimeout(ctx, firstReading)
	err := h.gpus.read(first)
	cancel()
	if ctx.Err() != nil || errors.Is(err, media.ErrNoGPUDriver) {
		return
	}
	if reading, ok := h.gpus.newest(); ok {
		for _, d := range reading.Devices {
			h.o.Log.Info("GPU", "name", d.Name, "driver", reading.Driver, "memory", d.Total.String(), "in_use", d.Used.String())
		}
	}
	board := meter.NewBoard(ctx, []meter.Gauge{{Name: media.GPUMeterName, Read: h.gpus.read, Every: gaugeEvery, Deadline: gaugeDeadline}}, h.meterChanged)
	h.gpus.mu.Lock()
	h.gpus.board = board
	h.gpus.mu.Unlock()
	<-ctx.Done()
	board.Close()
}

// meterChanged tells of a meter that went dark or came back.
func (h *House) meterChanged(r meter.Reading) {
	e := evidence.Event{Version: evidence.EventVersion, Mono: evidence.Monotonic(), Wall: time.Now().UTC(), Boot: evidence.BootID(), Stage: evidence.StageVideoPipeline, Kind: evidence.Note, Attrs: map[string]string{"meter": r.Name}}
	if r.Dark {
		e.Fault, e.Attrs["error"] = evidence.FaultMeterDark, r.Error
	} else {
		e.Attrs["state"] = "answers again"
	}
	h.o.Event(e)
}

// dark tells whether a GPU's meter is dark. A machine without one has none.
func (h *House) dark(gauge string) bool {
	if gauge == "" {
		return false
	}
	h.gpus.mu.Lock()
	board := h.gpus.board
	h.gpus.mu.Unlock()
	return board != nil && board.Dark(gauge)
}

// encodersTaken tells whether limits leave room for one more encoder on an
// NVIDIA GPU: by its driver's count or by ours, whichever is more.
func (h *House) encodersTaken() bool {
	limit := h.limits().NVENCSessions
	if limit <= 0 {
		return false
	}
	n := int64(0)
	for _, s := range h.everybody() {
		if media.EncoderOf(s.Encoder()).GPU != "" {
			n++
		}
	}
	if reading, ok := h.gpus.newest(); ok {
		if told := reading.Usage()[meter.EncoderSessions]; told.Known {
			n = max(n, told.N)
		}
	}
	return n >= int64(limit)
}

// countGPUFiles keeps what every session has open of GPU devices.
func (h *House) countGPUFiles() {
	for _, s := range h.Sessions() {
		if s.State() == Launching {
			continue
		}
		files := meter.Live.Of(s.Processes())[meter.GPUFiles]
		s.gpuFiles.Store(files.N)
	}
}

// Meters tells how the meters do, and what the GPUs hold; nil where there is no
// GPU, or nothing is known of it.
func (h *House) Meters() ([]meter.Reading, *meter.GPUs) {
	if reading, ok := h.gpus.newest(); ok {
		return h.gpus.readings(), &reading
	}
	return h.gpus.readings(), nil
}

// gpuMemory is what some processes hold on the GPUs now. ok is false where there
// is no GPU.
func (h *House) gpuMemory(ctx context.Context, pids []int) (v meter.Value, ok bool) {
	return h.gpuMemoryOf(h.readGPUs(ctx), pids)
}

// readGPUs takes a reading of NVIDIA's devices now: nil on a machine without,
// one without devices where nothing is known.
func (h *House) readGPUs(ctx context.Context) *meter.GPUs {
	h.gpus.mu.Lock()
	watched := h.gpus.board != nil
	h.gpus.mu.Unlock()
	if !watched {
		return nil
	}
	if h.dark(media.GPUMeterName) {
		return &meter.GPUs{}
	}
	ctx, cancel := context.WithTimeout(ctx, gaugeDeadline)
	defer cancel()
	reading, err := h.gpus.meter.Read(ctx)
	if err != nil {
		return &meter.GPUs{}
	}
	return &reading
}

// gpuMemoryOf is what some processes hold, by NVML or by what other drivers
// tell of their files.
func (h *House) gpuMemoryOf(reading *meter.GPUs, pids []int) (v meter.Value, ok bool) {
	switch {
	case reading == nil:
		return meter.Live.DRM(pids)
	case len(reading.Devices) == 0:
		return meter.Value{}, true
	}
	return reading.Of(pids), true
}
