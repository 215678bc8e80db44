package confine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kennel-stream/kennel/internal/ipc"
	"github.com/kennel-stream/kennel/internal/process"
)

// Cell is the PID namespace of one session's apps, with their mounts. Its first
// process, the keeper, is the kennel program: it starts the apps, reaps what
// they leave, and reports how each of them ended. When the keeper ends, the
// kernel kills every process of the cell. Methods may be called from many
// goroutines.
type Cell struct {
	keeper *process.Process
	conn   *ipc.Conn

	mu      sync.Mutex // covers what follows
	next    int
	apps    map[int]*App
	started map[int]chan startedMessage
	over    bool
}

// Messages between a host and a keeper.
const (
	msgReady   = iota + 1 // keeper: the mounts are made
	msgStart              // host: files are the plan, stdout, stderr, and the program where it is hidden
	msgStarted            // keeper
	msgSignal             // host
	msgExited             // keeper
)

type startMessage struct {
	ID     int  `json:"id"`
	Hidden bool `json:"hidden,omitempty"`
}

type startedMessage struct {
	ID    int    `json:"id"`
	PID   int    `json:"pid"`
	Error string `json:"error,omitempty"`
}

type signalMessage struct {
	ID     int            `json:"id"`
	Signal syscall.Signal `json:"signal"`
}

type exitedMessage struct {
	ID     int                `json:"id"`
	Status syscall.WaitStatus `json:"status"`
	User   time.Duration      `json:"user"`
	System time.Duration      `json:"system"`
}

// callTimeout bounds the wait for a keeper's answer, which needs no disk.
const callTimeout = 10 * time.Second

// OpenCell starts a keeper and waits until its mounts are made. spec has the
// group, the environment and the error output of the keeper. ctx bounds the
// start.
func OpenCell(ctx context.Context, spawner *process.Spawner, executable string, layout Layout, spec process.Spec) (*Cell, error) {
	raw, err := json.Marshal(layout)
	if err != nil {
		return nil, fmt.Errorf("start the keeper of the session's apps: %w", err)
	}
	conn, theirs, err := ipc.Pair()
	if err != nil {
		return nil, fmt.Errorf("start the keeper of the session's apps: %w", err)
	}
	spec.Name, spec.Path, spec.Args = "keeper", executable, []string{Verb}
	spec.Env = append(slices.Clip(spec.Env), cellVariable+"="+string(raw))
	spec.Files, spec.Namespaces = []*os.File{theirs}, namespaces(true)
	keeper, err := spawner.Start(ctx, spec)
	_ = theirs.Close()
	if err != nil {
		_ = conn.Close()
		return nil, fmt.Errorf("start the keeper of the session's apps: %w", err)
	}
	c := &Cell{keeper: keeper, conn: conn, apps: map[int]*App{}, started: map[int]chan startedMessage{}}
	if err := c.await(ctx); err != nil {
		keeper.Kill()
		_ = conn.Close()
		return nil, err
	}
	go c.listen()
	return c, nil
}

// await waits for the keeper's first message.
func (c *Cell) await(ctx context.Context) error {
	patience := callTimeout
	if until, ok := ctx.Deadline(); ok {
		patience = min(patience, time.Until(until))
	}
	m, err := c.conn.Receive(patience)
	if err != nil {
		return fmt.Errorf("the keeper of the session's apps does not start (see its output): %w", err)
	}
	m.CloseFiles()
	if m.Type != msgReady {
		return fmt.Errorf("the keeper of the session's apps says %d before it is ready", m.Type)
	}
	return nil
}

// Alive reports whether apps can be started.
func (c *Cell) Alive() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return !c.over
}

// Kill ends every process of the cell.
func (c *Cell) Kill() { c.keeper.Kill() }

// Done is closed when the keeper, and so every process of the cell, has ended.
func (c *Cell) Done() <-chan struct{} { return c.keeper.Done() }

// App is a process that a keeper has started.
type App struct {
	cell *Cell
	id   int
	name string
	done chan struct{}
	exit process.Exit // written before done is closed, read only after
}

// Start starts an app. spec has its environment, directory and output; its
// program, arguments and user are the plan's.
func (c *Cell) Start(plan Plan, spec process.Spec) (*App, error) {
	plan.Env, plan.Dir = spec.Env, spec.Dir
	files, err := plan.files(spec)
	defer func() {
		for _, f := range files {
			_ = f.Close()
		}
	}()
	if err != nil {
		return nil, err
	}
	app := &App{cell: c, name: spec.Name, done: make(chan struct{})}
	reply := make(chan startedMessage, 1)
	c.mu.Lock()
	if c.over {
		c.mu.Unlock()
		return nil, errors.New("the keeper of the session's apps has ended")
	}
	c.next++
	app.id = c.next
	c.apps[app.id], c.started[app.id] = app, reply
	c.mu.Unlock()
	fds := make([]int, len(files))
	for i, f := range files {
		fds[i] = int(f.Fd())
	}
	if err := c.conn.SendJSON(callTimeout, msgStart, startMessage{ID: app.id, Hidden: len(files) > 3}, fds...); err != nil {
		c.forget(app.id)
		return nil, fmt.Errorf("ask the keeper for %s: %w", plan.Path, err)
	}
	select {
	case got := <-reply:
		if got.Error != "" {
			c.forget(app.id)
			return nil, errors.New(got.Error)
		}
		return app, nil
	case <-c.keeper.Done():
		return nil, fmt.Errorf("the keeper of the session's apps ended (%s) while it started %s", c.keeper.Exit(), plan.Path)
	case <-time.After(callTimeout):
		c.keeper.Kill() // whether the app runs is unknown
		return nil, fmt.Errorf("the keeper of the session's apps did not start %s within %s", plan.Path, callTimeout)
	}
}

// files are the plan in memory, the app's output, and its program where the app
// cannot see it. The caller closes them, also after an error.
func (p Plan) files(spec process.Spec) (files []*os.File, err error) {
	raw, err := json.Marshal(p)
	if err != nil {
		return nil, fmt.Errorf("describe %s to the keeper: %w", p.Path, err)
	}
	fd, err := unix.MemfdCreate("plan", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("describe %s to the keeper: %w", p.Path, err)
	}
	memory := os.NewFile(uintptr(fd), "plan")
	files = append(files, memory)
	if _, err := memory.WriteAt(raw, 0); err != nil {
		return files, fmt.Errorf("describe %s to the keeper: %w", p.Path, err)
	}
	for _, out := range []*os.File{spec.Stdout, spec.Stderr} {
		f, err := duplicate(out)
		if err != nil {
			return files, err
		}
		files = append(files, f)
	}
	if p.Path == "" || !hidden(p.Hide, p.Path) {
		return files, nil
	}
	program, err := os.Open(p.Path)
	if err != nil {
		return files, fmt.Errorf("open %s: %w", p.Path, err)
	}
	return append(files, program), nil
}

// duplicate returns a file of its own for f, and /dev/null for nil.
func duplicate(f *os.File) (*os.File, error) {
	if f == nil {
		return os.OpenFile(os.DevNull, os.O_RDWR, 0)
	}
	fd, err := unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		return nil, fmt.Errorf("hand over the app's output: %w", err)
	}
	return os.NewFile(uintptr(fd), f.Name()), nil
}

// listen reads what the keeper reports until it ends; then every app has ended,
// too.
func (c *Cell) listen() {
	for {
		m, err := c.conn.Receive(0)
		if err != nil {
			break
		}
		m.CloseFiles()
		c.take(m)
	}
	c.mu.Lock()
	c.over = true
	c.mu.Unlock()
	c.keeper.Kill() // it may have closed its end only
	_ = c.conn.Close()
	exit := c.keeper.Exit()
	c.mu.Lock()
	defer c.mu.Unlock()
	for id, app := range c.apps {
		exit.Name = app.name
		app.exit = exit
		close(app.done)
		delete(c.apps, id)
	}
}

func (c *Cell) take(m ipc.Message) {
	switch m.Type {
	case msgStarted:
		var started startedMessage
		if m.Decode(&started) != nil {
			return
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		if reply := c.started[started.ID]; reply != nil {
			reply <- started
			delete(c.started, started.ID)
		}
	case msgExited:
		var exited exitedMessage
		if m.Decode(&exited) != nil {
			return
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		if app := c.apps[exited.ID]; app != nil {
			app.exit = exited.exit(app.name)
			close(app.done)
			delete(c.apps, exited.ID)
		}
	}
}

func (m exitedMessage) exit(name string) process.Exit {
	e := process.Exit{Name: name, Code: m.Status.ExitStatus(), At: time.Now(), User: m.User, System: m.System}
	if m.Status.Signaled() {
		e.Code, e.Signal, e.CoreDumped = -1, m.Status.Signal(), m.Status.CoreDump()
	}
	return e
}

// forget drops an app that was not started.
func (c *Cell) forget(id int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.apps, id)
	delete(c.started, id)
}

// Done is closed once the app has ended and Exit is known.
func (a *App) Done() <-chan struct{} { return a.done }

// Exit returns how the app ended. It blocks until then. Its PID is 0: the number
// in the cell means nothing outside.
func (a *App) Exit() process.Exit {
	<-a.done
	return a.exit
}

// Stop asks the app's process group to end with SIGTERM, and kills it when it
// has not ended within grace or before ctx ends. What SIGKILL does not end within
// process.KillTimeout is left to the end of the cell.
func (a *App) Stop(ctx context.Context, grace time.Duration) {
	a.signal(syscall.SIGTERM)
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case <-a.done:
	case <-timer.C:
	case <-ctx.Done():
	}
	// The group may live on without the app.
	a.signal(syscall.SIGKILL)
	select {
	case <-a.done:
	case <-time.After(process.KillTimeout):
	}
}

// signal sends a signal to the app's process group. An app that has ended is no
// error.
func (a *App) signal(sig syscall.Signal) {
	_ = a.cell.conn.SendJSON(callTimeout, msgSignal, signalMessage{ID: a.id, Signal: sig})
}
