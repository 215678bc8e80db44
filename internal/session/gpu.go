package session

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/kennel-stream/kennel/internal/media"
	"github.com/kennel-stream/kennel/internal/meter"
)

// firstReading bounds the meter's start, in which a driver may load.
const firstReading = 10 * time.Second

// gpus are the machine's GPUs as their meter shows them, on a machine that has
// any.
type gpus struct {
	meter meter.GPUMeter
	house *House

	mu      sync.Mutex // covers what follows
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
	lost := g.house.dark(media.GPUMeterName)
	return g.reading, g.known && !lost
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
	h.board.Watch(ctx, meter.Gauge{Name: media.GPUMeterName, Read: h.gpus.read, Every: gaugeEvery, Deadline: gaugeDeadline})
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
		if media.EncoderOf(s.Encoder()).GPU == media.GPUMeterName {
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

// Meters tells how the meters do, and what NVIDIA's GPUs hold; nil where there
// is none, or nothing is known of it.
func (h *House) Meters() ([]meter.Reading, *meter.GPUs) {
	if reading, ok := h.gpus.newest(); ok && h.board.Watched(media.GPUMeterName) {
		return h.board.Readings(), &reading
	}
	return h.board.Readings(), nil
}

// gpuMemory is what some processes hold on the GPUs now. ok is false where there
// is no GPU.
func (h *House) gpuMemory(ctx context.Context, pids []int) (v meter.Value, ok bool) {
	return h.gpuMemoryOf(ctx, h.readGPUs(ctx), pids)
}

// readGPUs takes a reading of NVIDIA's devices now: nil on a machine without,
// one without devices where nothing is known.
func (h *House) readGPUs(ctx context.Context) *meter.GPUs {
	if !h.board.Watched(media.GPUMeterName) {
		return nil
	}
	if h.dark(media.GPUMeterName) {
		return &meter.GPUs{}
	}
	reading, err := meter.Ask(ctx, h.board, media.GPUMeterName, h.gpus.meter.Read)
	if err != nil {
		return &meter.GPUs{}
	}
	return &reading
}

// gpuMemoryOf is what some processes hold by NVML, and by what other drivers
// tell of their files: a machine may have GPUs of both kinds.
func (h *House) gpuMemoryOf(ctx context.Context, reading *meter.GPUs, pids []int) (v meter.Value, ok bool) {
	v = meter.Exactly(0)
	switch {
	case reading == nil:
	case len(reading.Devices) == 0:
		v, ok = meter.Value{}, true
	default:
		v, ok = reading.Of(pids), true
	}
	if len(h.drm.Nodes) == 0 {
		return v, ok
	}
	if h.dark(media.DRMMeterName) {
		return meter.Value{}, true
	}
	more, err := meter.Ask(ctx, h.board, media.DRMMeterName, func(context.Context) (meter.Value, error) { return h.drm.Of(pids) })
	if err != nil {
		return meter.Value{}, true
	}
	return v.Add(more), true
}
