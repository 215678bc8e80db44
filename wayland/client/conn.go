package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kennel-stream/kennel/wayland/wire"
)

const (
	// writePatience is how long Flush waits for a compositor that does not read.
	writePatience = 10 * time.Second
	// lastWordPatience is how long to wait for the reason of a hang-up.
	lastWordPatience = time.Second
)

// Conn is a connection to a compositor.
type Conn struct {
	conn    *wire.Conn
	sock    *net.UnixConn
	objects objectMap
	display displayObject
	event   Event // reused for each event
	err     error // the first failure; the connection is over then

	wait time.Duration // writePatience, but in tests
}

// Connect connects to a display: an absolute path of a socket, or the name of
// one in $XDG_RUNTIME_DIR. For "" it takes WAYLAND_SOCKET or WAYLAND_DISPLAY
// from the environment, like libwayland.
func Connect(ctx context.Context, display string) (*Conn, error) {
	sock, err := dial(ctx, display)
	if err != nil {
		return nil, err
	}
	c, err := NewConn(sock)
	if err != nil {
		_ = sock.Close()
		return nil, err
	}
	return c, nil
}

// NewConn makes a client of a connected socket, which is its own from now on.
func NewConn(sock *net.UnixConn) (*Conn, error) {
	conn, err := wire.NewConn(sock, 0)
	if err != nil {
		return nil, err
	}
	c := &Conn{conn: conn, sock: sock, wait: writePatience}
	if _, err := c.objects.add(&c.display); err != nil {
		return nil, err
	}
	c.display.Proxy = Proxy{conn: c, iface: displayInterface, id: wire.DisplayID, version: 1}
	return c, nil
}

// Err returns why the connection is over, nil if it is not: a
// *ProtocolError, ErrClosed, or an error of the socket or of Close.
func (c *Conn) Err() error { return c.err }

// Close ends the connection. The compositor ends all of its objects.
func (c *Conn) Close() error {
	c.fail(net.ErrClosed)
	err := c.conn.Shutdown()
	c.conn.ReleaseRead()
	c.conn.ReleaseWrite()
	return err
}

// fail notes why the connection is over. Later requests are dropped.
func (c *Conn) fail(err error) {
	if c.err == nil {
		c.err = err
	}
}

// Flush writes the queued requests. It waits at most ten seconds for a
// compositor that does not read.
func (c *Conn) Flush() error {
	if c.err != nil {
		return c.err
	}
	pending, err := c.conn.Flush()
	for pending && err == nil {
		if err = c.sock.SetWriteDeadline(time.Now().Add(c.wait)); err != nil {
			break
		}
		if err = c.conn.WaitWritable(); err != nil {
			break
		}
		pending, err = c.conn.Flush()
	}
	switch {
	case err == nil:
		return nil
	case errors.Is(err, os.ErrDeadlineExceeded):
		c.fail(fmt.Errorf("send wayland requests: the compositor has read nothing for %v", c.wait))
	case errors.Is(err, unix.EPIPE) || errors.Is(err, unix.ECONNRESET):
		c.hearLastWord()
	default:
		c.fail(err)
	}
	return c.err
}

// hearLastWord reads what the compositor said before it hung up: most likely
// it is why.
func (c *Conn) hearLastWord() {
	_ = c.sock.SetReadDeadline(time.Now().Add(lastWordPatience))
	for c.err == nil {
		m, ok, err := c.conn.Next()
		switch {
		case err != nil:
			c.fail(err)
		case ok && m.Object == wire.DisplayID:
			c.dispatch(m)
		case !ok && c.conn.Fill() != nil:
			c.fail(ErrClosed)
		}
	}
}

// Dispatch flushes, waits until at least one event has come, and runs the
// listeners of all that have. It returns the error of ctx when that ends
// first; the connection stays usable.
func (c *Conn) Dispatch(ctx context.Context) error {
	for {
		n, err := c.DispatchPending()
		if n > 0 || err != nil {
			return err
		}
		if err := c.Flush(); err != nil {
			return err
		}
		if err := c.fill(ctx); err != nil {
			return err
		}
	}
}

// DispatchPending runs the listeners of the events that were read already, and
// returns their number. It does not block.
func (c *Conn) DispatchPending() (int, error) {
	for n := 0; ; n++ {
		if c.err != nil {
			return n, c.err
		}
		m, ok, err := c.conn.Next()
		if err != nil {
			c.fail(err)
		} else if !ok {
			return n, nil
		} else {
			c.dispatch(m)
		}
	}
}

// fill reads once, or until ctx ends.
func (c *Conn) fill(ctx context.Context) error {
	interrupted := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		_ = c.sock.SetReadDeadline(time.Unix(1, 0))
		close(interrupted)
	})
	err := c.conn.Fill()
	if !stop() {
		<-interrupted
		_ = c.sock.SetReadDeadline(time.Time{})
	}
	switch {
	case err == nil:
	case errors.Is(err, os.ErrDeadlineExceeded) && ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, io.EOF) || errors.Is(err, unix.ECONNRESET):
		c.fail(ErrClosed)
	default:
		c.fail(err)
	}
	return c.err
}

// Roundtrip waits until the compositor has handled all requests so far, and
// runs the listeners of what it sent meanwhile (wayland.xml wl_display.sync).
func (c *Conn) Roundtrip(ctx context.Context) error {
	done := &callback{}
	if err := c.sync(done); err != nil {
		return err
	}
	for !done.done {
		if err := c.Dispatch(ctx); err != nil {
			return err
		}
	}
	return nil
}
