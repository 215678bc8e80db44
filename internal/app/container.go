package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kennel-stream/kennel/internal/engine"
	"github.com/kennel-stream/kennel/internal/evidence"
	"github.com/kennel-stream/kennel/internal/process"
)

const (
	// pullPatience is how long a launch waits for an image that has to be
	// fetched: a name that is wrong is told at once, what takes longer is told by
	// the card.
	pullPatience = 2 * time.Second
	// removeTimeout bounds the removal of a container whose app has ended.
	removeTimeout = 20 * time.Second
	// killPatience is how long after SIGKILL the engine may take to notice.
	killPatience = 3 * time.Second
)

// container is an app in a container.
type container struct {
	runner *Containers
	spec   Spec
	place  Place
	want   engine.Spec
	engine *engine.Engine
	output *os.File // closed by live

	life context.Context // ends when nobody waits for the container any more
	end  context.CancelFunc

	done chan struct{} // closed when the app has ended; result is read only after
	gone chan struct{} // closed when the container is removed, or owed
	// result is written before done is closed.
	result Result

	mu       sync.Mutex // covers what follows
	id       string     // "" before it is created
	unsure   bool       // whether the engine created it
	pid      int        // of its first process where this host sees it, else 0
	pidfd    int        // of that, -1 where it is not seen
	started  time.Time
	stopping bool
	early    bool     // it counted as started before it was
	steps    []string // what the start took, as pairs of name and value
	polite   string   // the signal that asks it to end
}

var _ Running = (*container)(nil)

// Start implements Runner. An image that is not there is fetched: the app counts
// as started while that goes on, and the player is told how far it is.
func (r *Containers) Start(ctx context.Context, spec Spec, place Place) (Running, error) {
	want, err := r.engineSpec(spec, place)
	if err != nil {
		return nil, err
	}
	e, err := r.connect(ctx)
	if err != nil {
		return nil, err
	}
	if err := r.suit(ctx, e, &want, place); err != nil {
		_ = e.Close()
		return nil, err
	}
	c := &container{
		runner: r, spec: spec, place: place, want: want, engine: e, pidfd: -1, done: make(chan struct{}), gone: make(chan struct{}),
	}
	if c.output, err = duplicate(place.Output); err != nil {
		_ = e.Close()
		return nil, err
	}
	r.remember(place.Session)
	c.life, c.end = context.WithCancel(context.WithoutCancel(ctx))
	began, fetching := make(chan error, 1), make(chan struct{})
	go c.live(began, fetching)
	var patience <-chan time.Time
	for {
		select {
		case err := <-began:
			if err != nil {
				<-c.gone
				return nil, err
			}
			return c, nil
		case <-fetching:
			fetching, patience = nil, time.After(pullPatience)
		case <-patience:
			c.mu.Lock()
			c.early = true
			c.mu.Unlock()
			return c, nil
		case <-ctx.Done():
			stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), removeTimeout)
			defer cancel()
			c.Stop(stop, 0)
			return nil, evidence.Errorf(evidence.Deadline, "app %q: its container did not start in time: %w", spec.Title, ctx.Err()).WithFault(evidence.FaultAppStart)
		}
	}
}

// duplicate is for an owner that lives longer than the caller's file.
func duplicate(f *os.File) (*os.File, error) {
	if f == nil {
		return nil, nil
	}
	fd, err := unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		return nil, fmt.Errorf("keep the app's output: %w", err)
	}
	return os.NewFile(uintptr(fd), f.Name()), nil
}

// live is the container's whole life; it alone changes it, but for signals.
func (c *container) live(began chan<- error, fetching chan<- struct{}) {
	defer close(c.gone)
	defer func() { _ = c.engine.Close() }()
	defer c.end()
	err := c.begin(fetching)
	if err != nil {
		c.result = Result{Exit: c.exit(-1), Fault: evidence.FaultOf(err), Why: err.Error()}
	}
	began <- err
	if err == nil {
		leave := c.enterPads()
		logs := c.follow(time.Time{})
		c.result = c.await(logs)
		leave()
		c.result.Ran = time.Since(c.started)
	}
	if c.output != nil {
		_ = c.output.Close()
	}
	close(c.done)
	c.remove()
}

// begin fetches the image where that is needed, and creates and starts the container.
func (c *container) begin(fetching chan<- struct{}) error {
	if err := c.fetch(fetching); err != nil {
		return err
	}
	create := time.Now()
	id, err := c.engine.Create(c.life, c.want)
	c.mu.Lock()
	c.id, c.unsure = id, err != nil && !engine.Refused(err)
	c.mu.Unlock()
	if err != nil {
		return c.refused(err)
	}
	start := time.Now()
	if err := c.engine.Run(c.life, id); err != nil {
		return c.refused(err)
	}
	c.mu.Lock()
	c.started = start
	c.steps = []string{"container", c.want.Name, "create", millis(start.Sub(create)), "start", millis(time.Since(start))}
	early := c.early
	c.mu.Unlock()
	if early {
		c.note(c.steps...)
	}
	if d, err := c.engine.Inspect(c.life, engine.Container{ID: id, Name: c.want.Name}); err == nil {
		c.see(d)
	}
	return nil
}

func millis(d time.Duration) string { return fmt.Sprintf("%.1fms", float64(d.Microseconds())/1000) }

// Steps tells what the start was made of, as pairs of name and value, once it is over.
func (c *container) Steps() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.steps
}

// fetch makes sure that the engine has the image.
func (c *container) fetch(fetching chan<- struct{}) error {
	image, pull := c.want.Image, c.spec.Runner.Container.Pull
	if pull != "always" {
		there, err := c.engine.HasImage(c.life, image)
		switch {
		case err != nil:
			return evidence.Errorf(evidence.Unavailable, "app %q: %w", c.spec.Title, err).WithFault(evidence.FaultEngine)
		case there:
			return nil
		case pull == "never":
			return evidence.Errorf(evidence.Unavailable, "the image %s of app %q is not on this host, and is not to be fetched: docker pull %s", image, c.spec.Title, image).WithFault(evidence.FaultImageMissing)
		}
	}
	close(fetching)
	c.note("fetching", image)
	err := c.engine.Pull(c.life, image, func(p engine.Progress) {
		c.tell(fmt.Sprintf("The image of %s is being fetched: %s.", c.spec.Title, p))
	})
	if err == nil {
		c.tell("")
		return nil
	}
	if there, have := c.engine.HasImage(c.life, image); pull == "always" && have == nil && there {
		c.note("warning", "an older image is used: "+err.Error())
		return nil
	}
	return evidence.Errorf(evidence.Unavailable, "the image %s of app %q could not be fetched: %w", image, c.spec.Title, err).WithFault(evidence.FaultImageMissing)
}

func (c *container) tell(text string) {
	if c.place.Tell != nil {
		c.place.Tell(text)
	}
}

func (c *container) note(pairs ...string) {
	if c.place.Note != nil {
		c.place.Note(pairs...)
	}
}

// refused names why a container could not be created or started.
func (c *container) refused(err error) error {
	fault, text := evidence.FaultAppStart, err.Error()
	switch {
	case errors.Is(err, context.Canceled):
	case strings.Contains(text, "executable file not found"), strings.Contains(text, "no such file or directory: unknown"):
		fault = evidence.FaultAppNotFound
	case strings.Contains(text, "could not select device driver"):
		err = fmt.Errorf("%w: install nvidia-container-toolkit and restart Docker, or mount a volume with the driver at %s", err, driverVolume)
	case engine.NotFound(err) && strings.Contains(text, "image"):
		fault = evidence.FaultImageMissing
	}
	return evidence.Errorf(evidence.Unavailable, "app %q: %w", c.spec.Title, err).WithFault(fault)
}

// Done implements Running.
func (c *container) Done() <-chan struct{} { return c.done }

// Result implements Running.
func (c *container) Result() Result {
	<-c.done
	return c.result
}

// Stop implements Running. It returns when the container is removed, or its
// removal is owed.
func (c *container) Stop(ctx context.Context, grace time.Duration) {
	c.mu.Lock()
	c.stopping = true
	id := c.id
	c.mu.Unlock()
	if id == "" {
		c.end()
	} else if !c.ended(ctx, 0) {
		if grace > 0 {
			c.signal(ctx, c.stopSignal())
		}
		if !c.ended(ctx, grace) {
			c.signal(ctx, "KILL")
			if !c.ended(ctx, killPatience) {
				c.end()
			}
		}
	}
	select {
	case <-c.gone:
	case <-ctx.Done():
	}
}

// ended waits for the app's end.
func (c *container) ended(ctx context.Context, wait time.Duration) bool {
	if wait == 0 {
		select {
		case <-c.done:
			return true
		default:
			return false
		}
	}
	t := time.NewTimer(wait)
	defer t.Stop()
	select {
	case <-c.done:
		return true
	case <-t.C:
	case <-ctx.Done():
	}
	return false
}

// stopSignal is what the image, or base_create_json, wants to be asked with.
func (c *container) stopSignal() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return cmp.Or(c.polite, "TERM")
}

// signal reaches the container's first process by the engine, or without it.
func (c *container) signal(ctx context.Context, name string) {
	c.mu.Lock()
	id, pidfd := c.id, c.pidfd
	c.mu.Unlock()
	if c.engine.Signal(ctx, id, name) != nil && pidfd >= 0 {
		_ = unix.PidfdSendSignal(pidfd, signalNumber(name), nil, 0)
	}
}

// signalNumber reads a signal as images name it, such as SIGINT or 15; what only
// the engine knows is SIGTERM.
func signalNumber(name string) syscall.Signal {
	if n, err := strconv.Atoi(name); err == nil && n > 0 && n <= 64 {
		return syscall.Signal(n)
	}
	return cmp.Or(unix.SignalNum("SIG"+strings.TrimPrefix(strings.ToUpper(name), "SIG")), unix.SIGTERM)
}

// remove takes the container from the engine. Where that does not answer, it is
// done later.
func (c *container) remove() {
	c.mu.Lock()
	id, pidfd, unsure := c.id, c.pidfd, c.unsure
	c.pidfd = -1
	c.mu.Unlock()
	if pidfd >= 0 {
		_ = unix.Close(pidfd)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(c.life), removeTimeout)
	defer cancel()
	if id == "" && !unsure {
		return
	}
	d := debt{id: id, session: c.place.Session}
	if id == "" {
		// The engine may have created it while we gave up, or be about to.
		d.name, d.until = c.want.Name, time.Now().Add(lateCreate)
	}
	c.runner.owe(d)
	gone, err := c.runner.pay(ctx, c.engine, d)
	if err != nil {
		c.note("warning", "its container is removed later: "+err.Error())
	} else if gone {
		c.runner.paid(d)
	}
}

// exit is how the first process ended, by the engine's status; -1 for unknown.
func (c *container) exit(status int) process.Exit {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := process.Exit{PID: c.pid, Name: "app", Code: status, At: time.Now()}
	// As a shell tells it: the init of a container has no other way.
	if n := status - 128; n > 0 && n <= 64 {
		e.Code, e.Signal = -1, syscall.Signal(n)
	}
	return e
}
