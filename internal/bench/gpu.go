package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/kennel-stream/kennel/internal/evidence"
	"github.com/kennel-stream/kennel/internal/media"
	"github.com/kennel-stream/kennel/internal/meter"
	"github.com/kennel-stream/kennel/internal/process"
)

// GPUOptions say how much.
type GPUOptions struct {
	// Cycles is how many workers take a GPU, one after another, 1 to 10000.
	Cycles int
	// Bytes is the memory that each takes beside its contexts.
	Bytes int64
	// Plant lets one process serve all cycles and give nothing back, as a host
	// does that rots; the run ends when the device is full.
	Plant bool
	// Executable is kennel-media; empty for the one beside this program.
	Executable string
	// Progress, if set, is told after every cycle.
	Progress func(done int)
}

// GPUCycle is the receipt of one worker.
type GPUCycle struct {
	// Took is what the worker held: GPU memory by its process id, and GPU files.
	Took meter.Usage `json:"took"`
	// Device is the memory in use on the device while the worker lived, after
	// its end, and the same by nvidia-smi, in MiB.
	During    int64 `json:"during_mib"`
	DuringSMI int64 `json:"during_smi_mib"`
	After     int64 `json:"after_mib"`
	AfterSMI  int64 `json:"after_smi_mib"`
	// ProcessSMI is what nvidia-smi tells of the worker, in MiB; -1 for nothing.
	ProcessSMI int64 `json:"process_smi_mib"`
	// Residue names what was not given back.
	Residue []string `json:"residue"`
	// Start is from the start of the process until it held everything, Back
	// from its end until the memory was back.
	Start time.Duration `json:"start_ns"`
	Back  time.Duration `json:"back_ns"`
}

// GPURun is what came of all cycles.
type GPURun struct {
	Driver  string      `json:"driver"`
	Device  string      `json:"device"`
	Total   int64       `json:"total_mib"`
	Before  int64       `json:"before_mib"`
	Cycles  []GPUCycle  `json:"cycles"`
	Trend   meter.Trend `json:"trend"` // of the device's memory after a cycle, in MiB
	Encoder bool        `json:"has_encoder"`
	// Mismatches count readings in which NVML and nvidia-smi differ by more than
	// rounding to MiB.
	Mismatches int `json:"mismatches"`
	// CaughtAt is the first cycle whose receipt names a residue, RisingAt the
	// first at which the trend is sure; 0 for never.
	CaughtAt int `json:"caught_at"`
	RisingAt int `json:"rising_at"`
	// Forecast is the cycle that was expected to fail, as told at RisingAt;
	// FailedAt is the one that did, and Failure says how.
	Forecast int    `json:"forecast"`
	FailedAt int    `json:"failed_at"`
	Failure  string `json:"failure,omitempty"`
}

// Rot names what cycles left behind, and where our own meter and nvidia-smi
// differ; nothing for processes that give everything back.
func (r *GPURun) Rot() []string {
	var rot []string
	if r.CaughtAt > 0 {
		rot = append(rot, fmt.Sprintf("cycle %d left %v", r.CaughtAt, r.Cycles[r.CaughtAt-1].Residue))
	}
	if r.RisingAt > 0 {
		rot = append(rot, fmt.Sprintf("the device's memory grows since cycle %d", r.RisingAt))
	}
	if r.Mismatches > 0 {
		rot = append(rot, fmt.Sprintf("%d readings in which NVML and nvidia-smi differ", r.Mismatches))
	}
	return rot
}

// A planted leak has to be found within so many cycles, and the cycle that fails
// to be foretold to within so many.
const (
	foundWithin    = 3
	foretoldWithin = 1
)

// Missed names what the receipts and the trend did not tell of a planted leak;
// nothing where they told all.
func (r *GPURun) Missed() []string {
	var missed []string
	if r.CaughtAt == 0 || r.CaughtAt > foundWithin {
		missed = append(missed, fmt.Sprintf("no receipt of the first %d cycles names a residue", foundWithin))
	}
	if r.RisingAt == 0 || r.RisingAt > foundWithin {
		missed = append(missed, fmt.Sprintf("the trend is not sure after %d cycles", foundWithin))
	}
	switch {
	case r.FailedAt == 0:
		missed = append(missed, "no cycle failed, so that the forecast is not proven: plant more cycles, or more memory in each")
	case max(r.Forecast-r.FailedAt, r.FailedAt-r.Forecast) > foretoldWithin:
		missed = append(missed, fmt.Sprintf("cycle %d failed, not cycle %d as was foretold: %s", r.FailedAt, r.Forecast, r.Failure))
	}
	if r.Mismatches > 0 {
		missed = append(missed, fmt.Sprintf("%d readings in which NVML and nvidia-smi differ", r.Mismatches))
	}
	return missed
}

const (
	gpuDeadline = 20 * time.Second
	// settleTime bounds the wait until a driver has taken memory back.
	settleTime = 3 * time.Second
	mebibyte   = 1 << 20
)

// gpuRun is a run in progress.
type gpuRun struct {
	o       GPUOptions
	spawner *process.Spawner
	meter   *media.GPUMeter
	holder  *media.Worker // the one that serves all cycles, of a planted leak
	files   int64         // GPU files that this side had before
	result  GPURun
}

// RunGPU lets processes take CUDA and EGL contexts and be killed, and measures
// what comes back. It wants an NVIDIA GPU, and nobody else on it.
func RunGPU(ctx context.Context, o GPUOptions) (*GPURun, error) {
	if o.Cycles < 1 || o.Cycles > 10000 || o.Bytes < 1 {
		return nil, evidence.Errorf(evidence.Invalid, "1 to 10000 cycles of 1 byte or more, not %d of %d", o.Cycles, o.Bytes)
	}
	spawner := process.NewSpawner()
	defer spawner.Close()
	options := media.Options{Executable: o.Executable, Env: os.Environ()}
	r := &gpuRun{o: o, spawner: spawner, meter: media.NewGPUMeter(spawner, options)}
	defer r.meter.Close()
	first, err := r.read(ctx)
	if err != nil {
		return nil, evidence.Errorf(evidence.Unavailable, "%w", err)
	}
	if len(first.Devices) == 0 {
		return nil, evidence.Errorf(evidence.Unavailable, "the driver %s tells of no device", first.Driver)
	}
	d := first.Devices[0]
	r.result = GPURun{Driver: first.Driver, Device: d.Name, Total: d.Total.N / mebibyte, Before: d.Used.N / mebibyte, Encoder: d.HasEncoder}
	for i := range o.Cycles {
		more, err := r.cycle(ctx, i+1)
		if err != nil {
			return nil, err
		}
		if !more {
			break
		}
		if o.Progress != nil {
			o.Progress(i + 1)
		}
	}
	if r.holder != nil {
		r.holder.Kill()
	}
	return &r.result, nil
}

func (r *gpuRun) read(ctx context.Context) (meter.GPUs, error) {
	ctx, cancel := context.WithTimeout(ctx, gpuDeadline)
	defer cancel()
	return r.meter.Read(ctx)
}

// cycle is one session of a GPU; more is false when the device is full.
func (r *gpuRun) cycle(ctx context.Context, n int) (more bool, err error) {
	before, err := r.read(ctx)
	if err != nil {
		return false, err
	}
	began := time.Now()
	w, err := r.worker(ctx)
	if err != nil {
		return false, fmt.Errorf("start a worker on the GPU: %w", err)
	}
	limited, cancel := context.WithTimeout(ctx, gpuDeadline)
	defer cancel()
	if err := w.Hold(limited, media.Hold{Bytes: r.o.Bytes}); err != nil {
		var fault media.Fault
		if r.o.Plant && errors.As(err, &fault) && n > 1 {
			r.result.FailedAt, r.result.Failure = n, fault.Detail
			return false, nil
		}
		return false, fmt.Errorf("take the GPU: %w", err)
	}
	c := GPUCycle{Start: time.Since(began), Residue: []string{}}
	if err := r.look(ctx, w.Process().PID(), &c); err != nil {
		return false, err
	}
	if !r.o.Plant {
		w.Kill()
	}
	if err := r.lookAgain(ctx, before.Devices[0].Used.N, w.Process().PID(), &c); err != nil {
		return false, err
	}
	r.book(n, c)
	return true, nil
}

func (r *gpuRun) worker(ctx context.Context) (*media.Worker, error) {
	if r.holder != nil {
		return r.holder, nil
	}
	ctx, cancel := context.WithTimeout(ctx, gpuDeadline)
	defer cancel()
	w, err := media.Start(ctx, r.spawner, media.Options{Executable: r.o.Executable, Holder: true, Env: os.Environ()})
	if err == nil && r.o.Plant {
		r.holder = w
	}
	return w, err
}

// look measures while the worker holds the GPU.
func (r *gpuRun) look(ctx context.Context, pid int, c *GPUCycle) error {
	now, err := r.read(ctx)
	if err != nil {
		return err
	}
	smi, err := askSMI(ctx, r.spawner)
	if err != nil {
		return err
	}
	c.Took = meter.Live.Of([]int{pid})
	c.Took[meter.GPUMemory] = now.Of([]int{pid})
	c.During, c.DuringSMI = nearest(now.Devices[0].Used), smi.used
	c.ProcessSMI = -1
	if mib, ok := smi.processes[pid]; ok {
		c.ProcessSMI = mib
	}
	return nil
}

// lookAgain measures after its end, and names what is left.
func (r *gpuRun) lookAgain(ctx context.Context, before int64, pid int, c *GPUCycle) error {
	ended := time.Now()
	var now meter.GPUs
	for {
		var err error
		if now, err = r.read(ctx); err != nil {
			return err
		}
		if c.Back = time.Since(ended); now.Devices[0].Used.N <= before || c.Back > settleTime || r.o.Plant {
			break
		}
	}
	smi, err := askSMI(ctx, r.spawner)
	if err != nil {
		return err
	}
	c.After, c.AfterSMI = nearest(now.Devices[0].Used), smi.used
	if mib := (now.Devices[0].Used.N - before) / mebibyte; mib > 0 {
		c.Residue = append(c.Residue, fmt.Sprintf("%d MiB of GPU memory", mib))
	}
	files := gpuFiles(os.Getpid())
	if r.o.Plant {
		files += gpuFiles(pid)
	}
	if more := files - r.files; more > 0 {
		c.Residue = append(c.Residue, fmt.Sprintf("%d open files of GPU devices", more))
		r.files = files
	}
	if slices.ContainsFunc(now.Devices[0].Processes, func(p meter.GPUProcess) bool { return p.PID == pid }) && !r.o.Plant {
		c.Residue = append(c.Residue, fmt.Sprintf("a context of process %d", pid))
	}
	return nil
}

// differ leaves room for how nvidia-smi rounds to MiB.
func differ(a, b int64) bool { return max(a-b, b-a) > 1 }

// nearest rounds to MiB.
func nearest(v meter.Value) int64 { return (v.N + mebibyte/2) / mebibyte }

func gpuFiles(pid int) int64 {
	files, err := meter.Live.OpenFiles(pid)
	if err != nil {
		return 0
	}
	return files[meter.GPUFiles].N
}

// book keeps a receipt and draws the line through all.
func (r *gpuRun) book(n int, c GPUCycle) {
	g := &r.result
	g.Cycles = append(g.Cycles, c)
	held := c.Took[meter.GPUMemory]
	if differ(c.During, c.DuringSMI) || differ(c.After, c.AfterSMI) || c.ProcessSMI >= 0 && (!held.Known || differ(nearest(held), c.ProcessSMI)) {
		g.Mismatches++
	}
	if len(c.Residue) > 0 && g.CaughtAt == 0 {
		g.CaughtAt = n
	}
	values := make([]meter.Value, len(g.Cycles))
	for i, c := range g.Cycles {
		values[i] = meter.Exactly(c.After)
	}
	g.Trend = meter.TrendOf(values)
	if left, ok := g.Trend.Exhausts(float64(g.Total)); ok && g.RisingAt == 0 {
		// The one after the last that fits.
		g.RisingAt, g.Forecast = n, n+left+1
	}
}
