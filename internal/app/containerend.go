package app

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kennel-stream/kennel/internal/engine"
	"github.com/kennel-stream/kennel/internal/evidence"
	"github.com/kennel-stream/kennel/internal/process"
)

const (
	// lookEvery is how often a container is looked at whose engine is lost, and
	// askEvery how many looks later the engine is asked again.
	lookEvery = 200 * time.Millisecond
	askEvery  = 5
	// engineEnds is how long after a container that it stopped an engine that is
	// ending may still answer.
	engineEnds = time.Second
	// lastLines is how long the end of the output may take to arrive.
	lastLines = time.Second
)

// see notes what the engine tells of a container that runs, and holds on to its
// first process where it is one of this host's, so that its
// end is known without the engine too.
func (c *container) see(d engine.Details) {
	c.mu.Lock()
	c.polite = d.StopSignal
	c.mu.Unlock()
	pid := d.PID
	if pid <= 0 {
		return
	}
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return
	}
	// The engine may count in another namespace of process ids.
	env, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "environ"))
	if err != nil || !bytes.Contains(env, []byte(process.SessionMarker+"="+c.place.Session)) {
		_ = unix.Close(fd)
		return
	}
	c.mu.Lock()
	c.pid, c.pidfd = pid, fd
	c.mu.Unlock()
	// An engine that takes no parent for it has it in a group of its own.
	c.place.Group.Adopt(pid, c.id)
}

// dead tells whether the first process has ended, as far as this host sees it.
func (c *container) dead() bool {
	c.mu.Lock()
	fd := c.pidfd
	c.mu.Unlock()
	if fd < 0 {
		return false
	}
	n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 0)
	return err == nil && n > 0
}

// follow copies what the container writes. The channel is closed at its end.
func (c *container) follow(since time.Time) <-chan struct{} {
	over := make(chan struct{})
	if c.output == nil {
		close(over)
		return over
	}
	go func() {
		defer close(over)
		logs, err := c.engine.Logs(c.life, engine.Details{Container: engine.Container{ID: c.id, Name: c.want.Name}}, engine.LogOptions{Follow: true, Plain: true, Since: since})
		if err != nil {
			c.note("warning", err.Error())
			return
		}
		defer func() { _ = logs.Close() }()
		_, _ = io.Copy(c.output, logs)
	}()
	return over
}

// await returns how the container ended. While the engine is lost the app goes
// on: only its log pauses.
func (c *container) await(logs <-chan struct{}) Result {
	for {
		status, err := c.wait()
		if err == nil {
			c.drain(logs)
			// An engine that was lost and came back has no part in a later end.
			return c.judge(status, false)
		}
		if c.life.Err() != nil {
			return Result{Exit: c.exit(-1)}
		}
		since := time.Now()
		hung := errors.Is(err, errHung)
		if !hung {
			c.note("warning", "the container engine is lost; the app goes on without it: "+err.Error())
		}
		if result, over := c.outlive(hung); over {
			c.drain(logs)
			return result
		}
		c.note("engine", "it answers again", "after", time.Since(since).Round(time.Millisecond).String())
		c.drain(logs)
		logs = c.follow(since)
	}
}

var errHung = errors.New("the container's first process has ended, which the engine does not tell")

// wait returns the exit status that the engine tells. One that hangs does not
// keep the end of an app that this host sees itself.
func (c *container) wait() (status int, err error) {
	ctx, cancel := context.WithCancelCause(c.life)
	defer cancel(nil)
	go func() {
		tick := time.NewTicker(lookEvery)
		defer tick.Stop()
		for !c.dead() {
			select {
			case <-tick.C:
			case <-ctx.Done():
				return
			}
		}
		select {
		case <-time.After(engineTimeout):
			cancel(errHung)
		case <-ctx.Done():
		}
	}()
	status, err = c.engine.Wait(ctx, c.id)
	if cause := context.Cause(ctx); err != nil && errors.Is(cause, errHung) {
		err = cause
	}
	return status, err
}

func (c *container) drain(logs <-chan struct{}) {
	select {
	case <-logs:
	case <-time.After(lastLines):
	}
}

// outlive waits for the engine to answer again, or for the app's end. hung tells
// that the engine was there all the time.
func (c *container) outlive(hung bool) (result Result, over bool) {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for n := 1; ; n++ {
		select {
		case <-tick.C:
		case <-c.life.Done():
			return Result{Exit: c.exit(-1)}, true
		}
		dead := c.dead()
		if !dead && n%askEvery != 0 {
			continue
		}
		d, err := c.engine.Inspect(c.life, engine.Container{ID: c.id, Name: c.want.Name})
		switch {
		case err == nil && d.State == "running" && !dead:
			return Result{}, false
		case err == nil && d.State != "running":
			return c.judge(d.ExitCode, !hung), true
		case engine.NotFound(err):
			return c.removed(-1), true
		case dead && hung:
			return c.untold(), true
		case dead:
			return c.withEngine(-1), true
		}
	}
}

// untold is for an app that ended while its engine hung.
func (c *container) untold() Result {
	r := Result{Exit: c.exit(-1)}
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.stopping {
		r.Fault, r.Why = evidence.FaultEngine, "it ended, and the container engine does not answer how"
	}
	return r
}

// withEngine is for an app that ended together with its engine.
func (c *container) withEngine(status int) Result {
	r := Result{Exit: c.exit(status)}
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.stopping {
		r.Fault, r.Why = evidence.FaultEngineRestarted, "the container engine was stopped or restarted, and ended it"
	}
	return r
}

// removed is for an app whose container somebody else has stopped or removed.
func (c *container) removed(status int) Result {
	r := Result{Exit: c.exit(status)}
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.stopping {
		r.Fault, r.Why = evidence.FaultContainerStopped, "its container was stopped from outside"
	}
	return r
}

// engineGoes tells whether the engine is just ending: it stops all containers
// while it still answers.
func (c *container) engineGoes(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, engineEnds)
	defer cancel()
	tick := time.NewTicker(engineEnds / 10)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			// One that ends takes no new connection, but serves the old ones.
			e, err := c.runner.connect(ctx)
			if err != nil {
				return ctx.Err() == nil
			}
			_ = e.Close()
		case <-ctx.Done():
			return false
		}
	}
}

// judge names what is known of a container's end beyond its status.
func (c *container) judge(status int, lost bool) Result {
	r := Result{Exit: c.exit(status)}
	c.mu.Lock()
	stopping, started := c.stopping, c.started
	c.mu.Unlock()
	if stopping {
		return r
	}
	ctx, cancel := context.WithTimeout(c.life, engineTimeout)
	defer cancel()
	d, err := c.engine.Inspect(ctx, engine.Container{ID: c.id, Name: c.want.Name})
	if lost || err != nil && !engine.NotFound(err) {
		return c.withEngine(status)
	}
	death, _ := c.engine.Death(ctx, c.id, started.Add(-time.Second))
	switch {
	case (d.OOMKilled || death.OOM) && status != 0:
		r.Fault = evidence.FaultAppOOM
		r.Why = "it needed more memory than there is for it"
		if mib := c.spec.Runner.Container.MemoryMiB; mib > 0 {
			r.Why = fmt.Sprintf("it needed more than its %d MiB of memory", mib)
		}
	case (death.Stopped || engine.NotFound(err)) && c.engineGoes(ctx):
		return c.withEngine(status)
	case death.Stopped || engine.NotFound(err):
		return c.removed(status)
	case status == 126 || status == 127:
		r.Fault = evidence.FaultAppNotFound
	}
	return r
}
