package media

import (
	"context"
	"errors"
	"fmt"

	"github.com/kennel-stream/kennel/internal/evidence"
	"github.com/kennel-stream/kennel/internal/meter"
	"github.com/kennel-stream/kennel/internal/process"
)

// Messages of a meter of GPUs (Options.GPUs).
const (
	// MessageMeter asks for a reading.
	MessageMeter uint16 = 0x29
	// MessageGPUs carries a meter.GPUs, the good answer to MessageMeter.
	MessageGPUs uint16 = 0x35
	// MessageHold carries a Hold, for a holder of GPU contexts (Options.Holder).
	MessageHold uint16 = 0x2a
)

// Hold says what a holder is to take, beside a CUDA and an EGL context.
type Hold struct {
	// Bytes of device memory, above 0.
	Bytes int64
}

// GPUArgument makes kennel-media a meter of NVIDIA's devices, HolderArgument
// one that takes what an encoder on a GPU takes, and never gives it back.
const (
	GPUArgument    = "--gpu-meter"
	HolderArgument = "--gpu-holder"
)

// Hold lets a holder take another CUDA and EGL context and memory.
func (w *Worker) Hold(ctx context.Context, h Hold) error {
	if err := w.conn.SendJSON(sendTimeout, MessageHold, h); err != nil {
		return w.explain(ctx, err)
	}
	select {
	case _, ok := <-w.ready:
		if ok {
			return nil
		}
		return w.explain(ctx, ErrGone)
	case f, ok := <-w.faults:
		if ok {
			return f
		}
		return w.explain(ctx, ErrGone)
	case <-ctx.Done():
		return w.explain(ctx, ctx.Err())
	}
}

// ErrNoGPUDriver means that NVIDIA's management library is not here: there is
// nothing to measure.
var ErrNoGPUDriver = errors.New("NVIDIA's management library is not installed")

// GPUMeter reads NVIDIA's devices through NVML in a process of its own, since
// a call of that library may hang for ever or end the process. The process is
// killed when it does not answer; the next reading starts another, once it is
// gone: a driver that hangs may never let go of it.
type GPUMeter struct {
	spawner *process.Spawner
	options Options
	turn    chan struct{} // holds one token; whoever has it uses what follows
	worker  *Worker
	last    *process.Process // the killed one; nil once it is gone
}

// NewGPUMeter makes a meter; its process starts at the first reading.
func NewGPUMeter(spawner *process.Spawner, o Options) *GPUMeter {
	o.GPUs = true
	g := &GPUMeter{spawner: spawner, options: o, turn: make(chan struct{}, 1)}
	g.turn <- struct{}{}
	return g
}

// Read implements meter.GPUMeter. The error is ErrNoGPUDriver where there is
// nothing to measure.
func (g *GPUMeter) Read(ctx context.Context) (meter.GPUs, error) {
	select {
	case <-g.turn:
		defer func() { g.turn <- struct{}{} }()
	case <-ctx.Done():
		return meter.GPUs{}, fmt.Errorf("read the GPUs: another reading is under way: %w", ctx.Err())
	}
	reading, err := g.read(ctx)
	if err == nil {
		err = reading.Check()
	}
	if err != nil {
		g.end()
		return meter.GPUs{}, fmt.Errorf("read the GPUs: %w", err)
	}
	return reading, nil
}

func (g *GPUMeter) read(ctx context.Context) (meter.GPUs, error) {
	if g.worker == nil {
		if err := g.begin(ctx); err != nil {
			return meter.GPUs{}, err
		}
	}
	w := g.worker
	if err := w.conn.Send(sendTimeout, MessageMeter, nil); err != nil {
		return meter.GPUs{}, w.explain(ctx, err)
	}
	select {
	case reading, ok := <-w.gpus:
		if ok {
			return reading, nil
		}
		return meter.GPUs{}, w.explain(ctx, ErrGone)
	case f, ok := <-w.faults:
		if ok {
			return meter.GPUs{}, f
		}
		return meter.GPUs{}, w.explain(ctx, ErrGone)
	case <-ctx.Done():
		return meter.GPUs{}, w.explain(ctx, ctx.Err())
	}
}

// begin starts a process. On an error it is left to end.
func (g *GPUMeter) begin(ctx context.Context) error {
	if g.last != nil {
		select {
		case <-g.last.Done():
			g.last = nil
		case <-ctx.Done():
			return fmt.Errorf("process %d, which read them before, does not end though it was killed: the driver holds it, and no other is started until then (see the kernel's log): %w", g.last.PID(), ctx.Err())
		}
	}
	w, err := spawn(ctx, g.spawner, g.options)
	if err != nil {
		return err
	}
	g.worker = w
	err = w.greet(ctx)
	if fault, ok := errors.AsType[Fault](err); ok && fault.ID == evidence.FaultGPUMeterMissing {
		return fmt.Errorf("%w: %s", ErrNoGPUDriver, fault.Detail)
	}
	return err
}

// end kills the process, and does not wait for its end.
func (g *GPUMeter) end() {
	if g.worker != nil {
		g.worker.abandon()
		g.last, g.worker = g.worker.proc, nil
	}
}

// Close ends the meter's process. A reading that is under way is waited for; a
// process that a driver holds is not.
func (g *GPUMeter) Close() {
	<-g.turn
	g.end()
	if g.last != nil {
		g.last.End()
	}
	g.turn <- struct{}{}
}
