package session

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kennel-stream/kennel/internal/media"
	"github.com/kennel-stream/kennel/internal/process"
)

var errSparesClosed = errors.New("the host is shutting down")

// warm is a media worker that has initialised GStreamer and waits for work.
type warm struct {
	worker *media.Worker
	// output is the read end of what the worker prints; nobody reads it until
	// a session takes the worker.
	output     *os.File
	credential *process.Credential
}

// spares keeps one warm media worker ready, so that neither a launch nor a
// failover waits for GStreamer.
type spares struct {
	house *House
	ctx   context.Context // ends with close; bounds the start of workers
	stop  context.CancelFunc
	work  sync.WaitGroup
	// trials counts the workers that are thrown away after a trial.
	trials atomic.Int32

	mu       sync.Mutex // covers what follows
	ready    *warm
	building bool
	failures int
}

// workerStart bounds the start of one worker: a plugin that hangs at load must
// not hold a launch for longer than a client waits.
const workerStart = 8 * time.Second

func newSpares(h *House) *spares {
	ctx, stop := context.WithCancel(context.Background())
	return &spares{house: h, ctx: ctx, stop: stop}
}

// claim hands out the spare, or starts a worker when there is none. The caller
// owns it and calls retire in the end. A new spare is not begun here: the
// machine is busy with the launch that claimed this one (see replenish).
func (p *spares) claim(ctx context.Context) (*warm, error) {
	p.mu.Lock()
	w := p.ready
	p.ready = nil
	p.mu.Unlock()
	if w.fit() {
		return w, nil
	}
	if w != nil {
		go p.retire(w) // as in build; it may take its time
	}
	return p.start(ctx)
}

// fit tells whether the worker is there and can be expected to work.
func (w *warm) fit() bool {
	if w == nil || !w.worker.Process().Alive() {
		return false
	}
	a, ok := w.worker.Process().Activity()
	return ok && !a.Stopped
}

// replenish starts a spare in the background, unless there is one.
func (p *spares) replenish() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ready != nil || p.building || p.ctx.Err() != nil {
		return
	}
	p.building = true
	p.work.Go(p.build)
}

func (p *spares) build() {
	w, err := p.start(p.ctx)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.building = false
	if err != nil {
		p.failures++
		p.house.o.Log.Error("could not start a spare media worker", "error", err, "failures", p.failures)
		return
	}
	p.failures = 0
	if p.ctx.Err() != nil {
		go p.retire(w)
		return
	}
	p.ready = w
}

func (p *spares) start(ctx context.Context) (*warm, error) {
	if p.ctx.Err() != nil {
		return nil, errSparesClosed
	}
	ctx, cancel := context.WithTimeout(ctx, workerStart)
	defer cancel()
	h := p.house
	registry, err := p.registry(ctx)
	if err != nil {
		return nil, err
	}
	credential, err := h.ids.take()
	if err != nil {
		return nil, fmt.Errorf("start media worker: %w", err)
	}
	r, out, err := os.Pipe()
	if err != nil {
		h.ids.giveBack(credential)
		return nil, fmt.Errorf("start media worker: %w", err)
	}
	defer out.Close()
	worker, err := media.Start(ctx, h.spawner, media.Options{
		Executable: h.o.MediaExecutable, RegistryFile: registry, Credential: credential,
		Env: h.markers("spare"), Stderr: out,
	})
	if err != nil {
		_ = r.Close()
		h.ids.giveBack(credential)
		return nil, fmt.Errorf("start media worker: %w", err)
	}
	h.rungs.installed(worker.Hello().Encoders)
	return &warm{worker: worker, output: r, credential: credential}, nil
}

// registry is the private GStreamer registry of this host's workers, made when
// it is missing: a worker never scans plugins by itself, which would fork.
func (p *spares) registry(ctx context.Context) (string, error) {
	file := p.house.o.Registry
	if err := media.EnsureRegistry(ctx, p.house.spawner, p.house.o.MediaExecutable, file); err != nil {
		return "", err
	}
	return file, nil
}

// retire ends a worker and gives back what it had.
func (p *spares) retire(w *warm) process.Exit {
	exit := w.worker.Kill()
	if w.output != nil {
		_ = w.output.Close()
	}
	p.house.ids.giveBack(w.credential)
	return exit
}

// rest reports that a spare stands ready and no worker is being started.
func (p *spares) rest() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.ready != nil && !p.building && p.trials.Load() == 0
}

// Failures counts the spares in a row that could not be started.
func (p *spares) Failures() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.failures
}

func (p *spares) close() {
	p.stop()
	p.work.Wait()
	p.mu.Lock()
	w := p.ready
	p.ready = nil
	p.mu.Unlock()
	if w != nil {
		p.retire(w)
	}
}
