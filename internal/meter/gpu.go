package meter

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// GPU is one device, as its driver's management library tells it.
type GPU struct {
	Index int    `json:"index"`
	Name  string `json:"name"`
	UUID  string `json:"uuid"`
	// Total and Used are in bytes; what the driver keeps for itself is in neither.
	Total Value `json:"memory_total"`
	Used  Value `json:"memory_used"`
	// EncoderSessions counts open NVENC sessions; unknown where the driver counts
	// none, which HasEncoder tells. It does so also for chips without NVENC (H200).
	EncoderSessions Value `json:"encoder_sessions"`
	HasEncoder      bool  `json:"has_encoder"`
	// Processes are those with a context; nil with ProcessesKnown false where
	// the driver does not say.
	Processes      []GPUProcess `json:"processes"`
	ProcessesKnown bool         `json:"processes_known"`
}

// GPUProcess is a process that holds a context on a device.
type GPUProcess struct {
	PID int `json:"pid"`
	// Memory is in bytes; unknown where the driver does not say.
	Memory Value `json:"memory"`
}

// GPUs is one reading of all devices.
type GPUs struct {
	Driver  string    `json:"driver"`
	Devices []GPU     `json:"devices"`
	Taken   time.Time `json:"taken"`
}

// GPUMeter reads the devices. Read must return when ctx ends, whatever the
// driver does. Its errors mean that nothing is known.
type GPUMeter interface {
	Read(ctx context.Context) (GPUs, error)
}

// ErrImplausible means that a driver answers, but with what cannot be true.
var ErrImplausible = errors.New("the GPU driver answers with zeros")

// Check tells a reading that cannot be true. A driver's management library may
// die before the driver does; then every amount that it tells is 0.
func (g GPUs) Check() error {
	for _, d := range g.Devices {
		if d.Total.Known && d.Total.N == 0 {
			return fmt.Errorf("GPU %d: %w", d.Index, ErrImplausible)
		}
	}
	return nil
}

// Of sums what some processes hold on all devices. It is unknown where a
// driver does not tell its processes.
func (g GPUs) Of(pids []int) Value {
	wanted := make(map[int]bool, len(pids))
	for _, pid := range pids {
		wanted[pid] = true
	}
	sum := Exactly(0)
	for _, d := range g.Devices {
		if !d.ProcessesKnown {
			return Value{}
		}
		for _, p := range d.Processes {
			if wanted[p.PID] {
				sum = sum.Add(p.Memory)
			}
		}
	}
	return sum
}

// Unowned is the memory in use that belongs to no process which the driver
// lists; unknown where it does not tell of all.
func (d GPU) Unowned() Value {
	if !d.ProcessesKnown {
		return Value{}
	}
	rest := d.Used
	for _, p := range d.Processes {
		rest = rest.Sub(p.Memory)
	}
	return rest
}

// Usage is what is in use on all devices together.
func (g GPUs) Usage() Usage {
	u := Usage{GPUMemory: Exactly(0), GPUUnowned: Exactly(0)}
	for _, d := range g.Devices {
		u.Add(GPUMemory, d.Used)
		u.Add(GPUUnowned, d.Unowned())
		if d.HasEncoder {
			u.Add(EncoderSessions, d.EncoderSessions)
		}
	}
	return u
}

// Fullest is the device with the least room; false where none is known.
func (g GPUs) Fullest() (fullest GPU, known bool) {
	for _, d := range g.Devices {
		room := d.Total.Sub(d.Used)
		if room.Known && (!known || room.N < fullest.Total.N-fullest.Used.N) {
			fullest, known = d, true
		}
	}
	return fullest, known
}
