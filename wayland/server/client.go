package server

import (
	"errors"
	"fmt"
	"io"

	"golang.org/x/sys/unix"

	"github.com/kennel-stream/kennel/wayland/wire"
)

// Errors of wl_display (wayland.xml wl_display.error).
const (
	ErrorInvalidObject  uint32 = 0
	ErrorInvalidMethod  uint32 = 1
	ErrorNoMemory       uint32 = 2
	ErrorImplementation uint32 = 3
)

// Client is one connection.
type Client struct {
	display *Display
	conn    *wire.Conn
	cred    *unix.Ucred
	objects objectMap
	request Request // reused for each request
	onEnd   []func()

	doomed bool   // no further requests are handled, no events queued
	gone   bool   // destroyed
	reason string // why it was disconnected

	dirty   bool // in Display.dirty
	blocked bool // a waiter holds the writing half of conn

	registries []*registry

	// The reader goroutine owns the reading half of conn; while it waits for
	// resume (capacity 1), process does. done is closed by destroy.
	readErr error
	resume  chan struct{}
	done    chan struct{}
}

func newClient(d *Display, conn *wire.Conn, cred *unix.Ucred) *Client {
	c := &Client{display: d, conn: conn, cred: cred, resume: make(chan struct{}, 1), done: make(chan struct{})}
	c.objects.init(&displayObject{})
	c.objects.client[wire.DisplayID].Base().setup(c, wire.DisplayID, 1, displayInterface)
	return c
}

// Display returns the display that the client is connected to.
func (c *Client) Display() *Display { return c.display }

// Credentials returns who connected, nil if the kernel did not tell.
func (c *Client) Credentials() *unix.Ucred { return c.cred }

// Alive reports whether the client is still served.
func (c *Client) Alive() bool { return !c.doomed }

// Reason says why the client was or is being disconnected, "" if it is not.
func (c *Client) Reason() string { return c.reason }

// Objects returns how many objects the client has.
func (c *Client) Objects() int { return c.objects.count }

// OnDestroy has f called on the loop when the client is gone, after its
// resources were destroyed.
func (c *Client) OnDestroy(f func()) { c.onEnd = append(c.onEnd, f) }

// Disconnect ends the client once the current batch of work is done. None of
// its further requests are handled and nothing is sent to it any more, except
// what is queued already.
func (c *Client) Disconnect(reason string) {
	if c.doomed {
		return
	}
	c.doomed, c.reason = true, reason
	c.display.doomed = append(c.display.doomed, c)
}

// PostError sends a protocol error about obj (nil for the wl_display) and
// disconnects the client. Only the first error of a client is sent.
func (c *Client) PostError(obj *Resource, code uint32, message string) {
	if c.doomed {
		return
	}
	id, name := uint32(wire.DisplayID), displayInterface.Name
	if obj != nil {
		id, name = obj.id, obj.iface.Name
	}
	const longest = 1024 // bytes; clients print it
	if len(message) > longest {
		message = message[:longest]
	}
	c.conn.Begin(wire.DisplayID, displayError)
	c.conn.Uint(id)
	c.conn.Uint(code)
	c.conn.String(message)
	_ = c.conn.End() // a full queue: it does not read it anyway
	c.Disconnect(fmt.Sprintf("protocol error %d on %s#%d: %s", code, name, id, message))
}

// PostNoMemory posts wl_display.error no_memory, with a message that says
// what there was too much of.
func (c *Client) PostNoMemory(message string) { c.PostError(nil, ErrorNoMemory, message) }

// PostImplementationError posts wl_display.error implementation.
func (c *Client) PostImplementationError(message string) {
	c.PostError(nil, ErrorImplementation, message)
}

// read fills the buffer and has the loop process it, in turns.
func (c *Client) read() {
	defer c.conn.ReleaseRead()
	for {
		c.readErr = c.conn.Fill()
		select {
		case c.display.requests <- c:
		case <-c.done:
			return
		}
		select {
		case <-c.resume:
		case <-c.done:
			return
		}
	}
}

// process handles the requests that were read.
func (c *Client) process() {
	for !c.doomed {
		m, ok, err := c.conn.Next()
		if err != nil {
			c.PostError(nil, ErrorInvalidMethod, err.Error())
			return
		}
		if !ok {
			break
		}
		c.dispatch(m)
	}
	switch {
	case c.doomed:
	case c.readErr == nil:
		c.resume <- struct{}{}
	case errors.Is(c.readErr, io.EOF):
		c.Disconnect("closed by the client")
	case errors.Is(c.readErr, wire.ErrTooManyFDs):
		c.PostError(nil, ErrorImplementation, c.readErr.Error())
	default:
		c.Disconnect(c.readErr.Error())
	}
}

// changed notes that events wait to be sent.
func (c *Client) changed() {
	if !c.dirty {
		c.dirty = true
		c.display.dirty = append(c.display.dirty, c)
	}
}

// flush sends what is queued. If the socket is full, a waiter takes over the
// writing half until it is not.
func (c *Client) flush() {
	if c.gone || c.blocked {
		return
	}
	pending, err := c.conn.Flush()
	if err != nil {
		c.Disconnect(err.Error())
		return
	}
	if !pending {
		return
	}
	c.blocked = true
	c.display.workers.Go(func() {
		_ = c.conn.WaitWritable() // an error comes up again when flushing
		select {
		case c.display.writable <- c:
		case <-c.done:
		}
	})
}

// unblocked takes the writing half back from the waiter.
func (c *Client) unblocked() {
	c.blocked = false
	c.flush()
}

// destroy ends a client: its resources in the order of their ids, as
// libwayland does, then its own callbacks.
func (c *Client) destroy() {
	c.flush()
	c.gone = true
	close(c.done)
	_ = c.conn.Shutdown()
	c.conn.ReleaseWrite()
	delete(c.display.clients, c)
	c.objects.each(func(o Object) { o.Base().destroy() })
	for _, f := range c.onEnd {
		f()
	}
}
