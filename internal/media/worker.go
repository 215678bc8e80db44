package media

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"time"

	"github.com/kennel-stream/kennel/internal/ipc"
	"github.com/kennel-stream/kennel/internal/meter"
	"github.com/kennel-stream/kennel/internal/process"
)

// Errors that callers branch on.
var (
	// ErrGone means that the worker has ended or closed its link.
	ErrGone = errors.New("the media worker is gone")
	// ErrEncoderMissing means that the encoder is not installed: retrying is of
	// no use, the next rung of the ladder may be.
	ErrEncoderMissing = errors.New("the encoder is not installed")
	// ErrDecoderMissing means that no decoder is installed.
	ErrDecoderMissing = errors.New("no decoder is installed")
	// ErrBusy means that the worker has had its job already.
	ErrBusy = errors.New("the media worker has a job already")
)

// sendTimeout bounds every send: a worker reads its control link all the time,
// so that a full link means that it hangs.
const sendTimeout = 200 * time.Millisecond

// AudioArgument makes kennel-media a worker for sound.
const AudioArgument = "--audio"

// Options say how to start a worker.
type Options struct {
	// Executable is kennel-media; empty for the one beside this program, else
	// in PATH (see Find).
	Executable string
	// RegistryFile was made by EnsureRegistry; when empty the worker scans the
	// plugins by itself, which takes seconds.
	RegistryFile string
	// Audio makes it a worker for sound, which loads libopus and no GStreamer.
	Audio bool
	// GPUs makes it a meter of GPUs, which loads NVML alone; see GPUMeter.
	GPUs bool
	// Holder makes it one that takes GPU contexts, to measure what its death
	// gives back; see Hold.
	Holder bool
	// Env is the environment of the process; GStreamer's settings are added.
	Env        []string
	Credential *process.Credential
	Group      *process.Group
	// Stderr is /dev/null when nil.
	Stderr *os.File
}

// Worker is a running media worker. Its methods may be called from many
// goroutines.
type Worker struct {
	proc  *process.Process
	conn  *ipc.Conn
	hello Hello

	faults chan Fault      // closed by read, its only writer
	sounds chan Sound      // likewise
	ready  chan Ready      // likewise
	gpus   chan meter.GPUs // likewise
	ended  chan struct{}   // closed by read when it has taken in everything

	mu    sync.Mutex // covers what follows
	busy  bool
	stats Stats
	trail *os.File // of an encoding
}

// Find returns the path of kennel-media: beside the running program, else in PATH.
func Find() (string, error) {
	const name = "kennel-media"
	if self, err := os.Executable(); err == nil {
		path := filepath.Join(filepath.Dir(self), name)
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() {
			return path, nil
		}
	}
	path, err := exec.LookPath(name)
	if err != nil {
		return "", fmt.Errorf("find %s beside this program or in PATH, install it from the same release: %w", name, err)
	}
	return path, nil
}

// Start starts a worker and returns once it is warm. ctx bounds the start, not
// the life of the worker.
func Start(ctx context.Context, spawner *process.Spawner, o Options) (*Worker, error) {
	w, err := start(ctx, spawner, o)
	if err != nil {
		return nil, fmt.Errorf("start media worker: %w", err)
	}
	return w, nil
}

func start(ctx context.Context, spawner *process.Spawner, o Options) (*Worker, error) {
	w, err := spawn(ctx, spawner, o)
	if err != nil {
		return nil, err
	}
	if err := w.greet(ctx); err != nil {
		w.abandon()
		return nil, err
	}
	return w, nil
}

// spawn starts the process, which is to be greeted next.
func spawn(ctx context.Context, spawner *process.Spawner, o Options) (*Worker, error) {
	if o.Executable == "" {
		var err error
		if o.Executable, err = Find(); err != nil {
			return nil, err
		}
	}
	conn, child, err := ipc.Pair()
	if err != nil {
		return nil, err
	}
	defer func() { _ = child.Close() }()
	files, env := []*os.File{child}, o.Env
	var args []string
	if o.Audio {
		args = []string{AudioArgument}
	}
	if o.GPUs {
		args = []string{GPUArgument}
	}
	if o.Holder {
		args = []string{HolderArgument}
	}
	if o.RegistryFile != "" {
		registry, err := os.Open(o.RegistryFile)
		if err != nil {
			_ = conn.Close()
			return nil, err
		}
		defer func() { _ = registry.Close() }()
		files = append(files, registry)
		env = append(env[:len(env):len(env)], registryEnv(fmt.Sprintf("/proc/self/fd/%d", RegistryFD))...)
	}
	proc, err := spawner.Start(ctx, process.Spec{
		Name: "media", Path: o.Executable, Args: args, ByDescriptor: o.Credential != nil, Env: env, Dir: "/",
		Files: files, Stdout: o.Stderr, Stderr: o.Stderr, Credential: o.Credential, Group: o.Group,
	})
	// Or the end of a worker that dies at once would not be noticed.
	_ = child.Close()
	if err != nil {
		_ = conn.Close()
		return nil, err
	}
	return &Worker{proc: proc, conn: conn, faults: make(chan Fault, 16), sounds: make(chan Sound, 16), ready: make(chan Ready, 1), gpus: make(chan meter.GPUs, 1), ended: make(chan struct{})}, nil
}

// greet waits for the worker's hello, after which its messages are taken in.
func (w *Worker) greet(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() { _ = w.conn.Close() })
	m, err := w.conn.Receive(0)
	if !stop() && err == nil {
		err = ctx.Err()
	}
	if err != nil {
		return w.explain(ctx, err)
	}
	defer m.CloseFiles()
	var fault Fault
	if m.Type == MessageFault && m.Decode(&fault) == nil {
		return fault
	}
	if m.Type != MessageHello || m.Decode(&w.hello) != nil || w.hello.Version != Version {
		return fmt.Errorf("media worker said %#x (version %d) where hello %d was due: install kennel and kennel-media of one release", m.Type, w.hello.Version, Version)
	}
	go w.read()
	return nil
}

// explain prefers the deadline or the process's own end to a broken link.
func (w *Worker) explain(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("the media worker did not answer in time: %w", ctx.Err())
	}
	select {
	case <-w.proc.Done():
		return fmt.Errorf("%w: %s", ErrGone, w.proc.Exit())
	case <-time.After(sendTimeout):
	}
	return err
}

// read takes in messages until the link ends, which closes the channels.
func (w *Worker) read() {
	defer close(w.ended)
	defer close(w.faults)
	defer close(w.sounds)
	defer close(w.ready)
	defer close(w.gpus)
	for {
		m, err := w.conn.Receive(0)
		if err != nil {
			return
		}
		m.CloseFiles()
		w.take(&m)
	}
}

func (w *Worker) take(m *ipc.Message) {
	switch m.Type {
	case MessageReady:
		var r Ready
		if m.Decode(&r) == nil {
			offer(w.ready, r)
		}
	case MessageFault:
		var f Fault
		if m.Decode(&f) == nil {
			offer(w.faults, f)
		}
	case MessageSound:
		var s Sound
		if m.Decode(&s) == nil {
			offer(w.sounds, s)
		}
	case MessageGPUs:
		var g meter.GPUs
		if m.Decode(&g) == nil {
			offer(w.gpus, g)
		}
	case MessageStats:
		var s Stats
		if m.Decode(&s) == nil {
			w.mu.Lock()
			w.stats = s
			w.mu.Unlock()
		}
	}
}

// offer drops v when nobody takes it: a worker must never wait for the host.
func offer[T any](ch chan T, v T) {
	select {
	case ch <- v:
	default:
	}
}

// begin sends the worker its one job and waits for Ready.
func (w *Worker) begin(ctx context.Context, typ uint16, spec any, files ...*os.File) (Ready, error) {
	w.mu.Lock()
	busy := w.busy
	w.busy = true
	w.mu.Unlock()
	if busy {
		return Ready{}, ErrBusy
	}
	fds := make([]int, len(files))
	for i, f := range files {
		fds[i] = int(f.Fd())
	}
	if err := w.conn.SendJSON(sendTimeout, typ, spec, fds...); err != nil {
		return Ready{}, w.explain(ctx, err)
	}
	for {
		select {
		case r, ok := <-w.ready:
			if ok {
				return r, nil
			}
			if f, ok := <-w.faults; ok {
				return Ready{}, refusal(f)
			}
			return Ready{}, w.explain(ctx, ErrGone)
		case f, ok := <-w.faults:
			if ok {
				return Ready{}, refusal(f)
			}
			return Ready{}, w.explain(ctx, ErrGone)
		case <-ctx.Done():
			return Ready{}, w.explain(ctx, ctx.Err())
		}
	}
}

// Hello returns what the worker said of itself.
func (w *Worker) Hello() Hello { return w.hello }

// Process is the worker's process.
func (w *Worker) Process() *process.Process { return w.proc }

// abandon kills the worker and does not wait for its end.
func (w *Worker) abandon() {
	w.proc.Kill()
	_ = w.conn.Close()
}

// Kill ends the worker and returns how it ended; see process.End.
func (w *Worker) Kill() process.Exit {
	exit := w.proc.End()
	_ = w.conn.Close()
	w.closeTrail()
	return exit
}
