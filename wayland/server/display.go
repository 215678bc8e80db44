// Package server is the server side of Wayland: it accepts clients, keeps
// their objects, decodes their requests and queues events for them. The typed
// objects of the protocols are generated (package wlserver in
// wayland/protocol/server).
//
// Everything runs on one goroutine, the loop of Display.Serve. Methods of
// Display, Client, Resource and the generated types may only be called on it,
// except for Display.Do and Adopt and, before Serve, the setup of globals.
package server

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kennel-stream/kennel/wayland/wire"
)

// Defaults of Options.
const (
	DefaultMaxClients = 256
	DefaultMaxObjects = 65536
	DefaultOutBuffer  = 1 << 20
)

// Options configures a Display. Zero values take the defaults.
type Options struct {
	// MaxClients bounds the connections; further ones are turned away.
	MaxClients int
	// MaxObjects bounds the objects of each client, which is disconnected
	// with wl_display.error no_memory when it makes more.
	MaxObjects int
	// OutBuffer bounds the bytes queued for each client, which is
	// disconnected when it does not read them.
	OutBuffer int
	// Authorize, if set, decides on a new connection. It runs on the loop.
	Authorize func(cred *unix.Ucred) error
}

// Display is the server side of one Wayland display.
type Display struct {
	options Options

	// All of the following belong to the loop.
	globals  []*Global // by name - 1
	clients  map[*Client]struct{}
	doomed   []*Client // to be destroyed after the current batch
	dirty    []*Client // with events that wait to be flushed
	serial   uint32
	idle     func()
	serving  bool
	arrivals chan *net.UnixConn // from the acceptor; not closed
	requests chan *Client       // from the readers of clients; not closed
	writable chan *Client       // from the waiters of clients; not closed
	spare    []func()           // becomes tasks
	quit     chan struct{}      // closed when the loop has ended
	workers  sync.WaitGroup     // acceptor, readers and waiters; Serve waits for them

	// mu covers what was given to Do and Adopt. The wake channel (capacity 1)
	// tells the loop that there is some; it is not closed.
	mu      sync.Mutex
	tasks   []func()
	adopted []*net.UnixConn
	ended   bool
	wake    chan struct{}
}

// NewDisplay returns a display without globals.
func NewDisplay(o Options) *Display {
	if o.MaxClients <= 0 {
		o.MaxClients = DefaultMaxClients
	}
	if o.MaxObjects <= 0 {
		o.MaxObjects = DefaultMaxObjects
	}
	if o.OutBuffer <= 0 {
		o.OutBuffer = DefaultOutBuffer
	}
	return &Display{
		options: o, clients: map[*Client]struct{}{},
		arrivals: make(chan *net.UnixConn), requests: make(chan *Client), writable: make(chan *Client),
		quit: make(chan struct{}), wake: make(chan struct{}, 1),
	}
}

// NextSerial returns a new serial number for events, never 0.
func (d *Display) NextSerial() uint32 {
	if d.serial++; d.serial == 0 {
		d.serial = 1
	}
	return d.serial
}

// Serial returns the newest serial number.
func (d *Display) Serial() uint32 { return d.serial }

// OnIdle has f called on the loop after each batch of work, before events are
// flushed to clients.
func (d *Display) OnIdle(f func()) { d.idle = f }

// Do runs f on the loop, later. It may be called from any goroutine and does
// not block. It is false when the display has ended and f will not run;
// functions that wait when it ends are dropped.
func (d *Display) Do(f func()) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.ended {
		return false
	}
	d.tasks = append(d.tasks, f)
	d.wakeLocked()
	return true
}

// Adopt makes a client of a connected socket, as if it had been accepted. It
// may be called from any goroutine; the socket is the display's from now on.
func (d *Display) Adopt(sock *net.UnixConn) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.ended {
		_ = sock.Close()
		return
	}
	d.adopted = append(d.adopted, sock)
	d.wakeLocked()
}

// wakeLocked has the loop look at tasks and adopted; mu is held.
func (d *Display) wakeLocked() {
	select {
	case d.wake <- struct{}{}:
	default:
	}
}

// Serve accepts clients on listener and runs the loop until ctx ends, which
// it returns the error of, or the listener fails. The listener, which may be
// nil, stays open. A display serves once.
func (d *Display) Serve(ctx context.Context, listener *net.UnixListener) error {
	if d.serving {
		return errors.New("serve wayland display: it has served already")
	}
	d.serving = true
	failed := make(chan error, 1)
	if listener != nil {
		stop := context.AfterFunc(ctx, func() { _ = listener.SetDeadline(time.Unix(1, 0)) })
		defer stop()
		d.workers.Go(func() { failed <- d.accept(listener) })
	}
	err := d.loop(ctx, failed)
	d.end()
	if listener != nil {
		_ = listener.SetDeadline(time.Unix(1, 0)) // ends the acceptor
	}
	d.workers.Wait()
	if listener != nil {
		_ = listener.SetDeadline(time.Time{})
	}
	return err
}

// end disconnects all and refuses further work.
func (d *Display) end() {
	d.mu.Lock()
	for _, sock := range d.adopted {
		_ = sock.Close()
	}
	d.ended, d.tasks, d.adopted = true, nil, nil
	d.mu.Unlock()
	for c := range d.clients {
		c.Disconnect("the display has ended")
	}
	d.reap()
	close(d.quit)
}

// accept takes connections until the loop ends.
func (d *Display) accept(listener *net.UnixListener) error {
	const backOff = 100 * time.Millisecond // out of descriptors, most likely
	for {
		sock, err := listener.AcceptUnix()
		switch {
		case err == nil:
		case errors.Is(err, net.ErrClosed):
			return fmt.Errorf("accept wayland clients: %w", err)
		default:
			select {
			case <-d.quit:
				return nil
			case <-time.After(backOff):
				continue
			}
		}
		select {
		case d.arrivals <- sock:
		case <-d.quit:
			_ = sock.Close()
			return nil
		}
	}
}

// admit makes a client of a connection, or turns it away.
func (d *Display) admit(sock *net.UnixConn) {
	conn, err := wire.NewConn(sock, d.options.OutBuffer)
	if err != nil {
		_ = sock.Close()
		return
	}
	cred, err := conn.Credentials()
	if err == nil && d.options.Authorize != nil {
		err = d.options.Authorize(cred)
	}
	c := newClient(d, conn, cred)
	d.clients[c] = struct{}{}
	switch {
	case err != nil:
		c.PostError(nil, ErrorImplementation, err.Error())
	case len(d.clients) > d.options.MaxClients:
		c.PostNoMemory("the display serves no more clients")
	}
	d.workers.Go(c.read)
}
