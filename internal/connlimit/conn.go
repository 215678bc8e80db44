package connlimit

import (
	"container/list"
	"context"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

// Listener is a net.Listener whose connections count.
type Listener struct {
	net.Listener
	limiter *Limiter
	name    string
	group   group
}

// Listen counts the connections of a listener from now on. name is for reports.
func (l *Limiter) Listen(inner net.Listener, name string) *Listener {
	return &Listener{Listener: inner, limiter: l, name: name}
}

// Accept returns the next connection for which there is room. It closes others.
func (l *Listener) Accept() (net.Conn, error) {
	for {
		inner, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if c, ok := l.admit(inner); ok {
			return c, nil
		}
	}
}

func (l *Listener) admit(inner net.Conn) (*Conn, bool) {
	c := &Conn{Conn: inner, listener: l, remote: remoteOf(inner)}
	c.network = Network(c.remote.Addr())
	evicted, ok := l.limiter.admit(c)
	for _, victim := range evicted {
		victim.end("made room for another connection")
	}
	if !ok {
		_ = inner.Close()
		l.limiter.report(l.name, c.remote, "no room for another connection")
		return nil, false
	}
	c.deadline(l.limiter.limits.FirstByte, "no byte in time")
	return c, true
}

func remoteOf(c net.Conn) netip.AddrPort {
	tcp, ok := c.RemoteAddr().(*net.TCPAddr)
	if !ok {
		return netip.AddrPort{}
	}
	a := tcp.AddrPort()
	return netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
}

// Conn is a connection that counts until it is closed.
type Conn struct {
	net.Conn
	listener *Listener
	remote   netip.AddrPort
	network  netip.Prefix
	first    sync.Once // the first byte
	closed   atomic.Bool

	timerMu sync.Mutex // covers timer, which closes the connection
	timer   *time.Timer

	// Under Limiter.mu:
	own    *group           // of its address; nil after it was forgotten
	silent [3]*list.Element // its places in groups while it is silent
}

// groups are all that the connection counts for.
func (c *Conn) groups() [3]*group {
	return [3]*group{&c.listener.limiter.all, &c.listener.group, c.own}
}

// deadline closes the connection after d unless it is put off; 0 puts it off for
// good.
func (c *Conn) deadline(d time.Duration, why string) {
	c.timerMu.Lock()
	defer c.timerMu.Unlock()
	if c.timer != nil {
		c.timer.Stop()
		c.timer = nil
	}
	if d > 0 && !c.closed.Load() {
		c.timer = time.AfterFunc(d, func() { c.end(why) })
	}
}

// end closes the connection for a reason of the Limiter's.
func (c *Conn) end(why string) {
	if c.Close() == nil {
		c.listener.limiter.report(c.listener.name, c.remote, why)
	}
}

// Read reads and notes the first byte.
func (c *Conn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if n > 0 {
		c.first.Do(func() { c.deadline(c.listener.limiter.limits.Request, "no whole request in time") })
	}
	return n, err
}

// Received notes that a whole request has come. The connection is not displaced
// from then on, and the server bounds its answer.
func (c *Conn) Received() {
	c.deadline(0, "")
	c.listener.limiter.mu.Lock()
	defer c.listener.limiter.mu.Unlock()
	c.listener.limiter.speak(c)
}

// Answered notes that the answer was made. The connection may be displaced again:
// it lingers until the client has read and closed, and a client that asks again
// and again would fill its places by that.
func (c *Conn) Answered() {
	c.listener.limiter.mu.Lock()
	defer c.listener.limiter.mu.Unlock()
	c.listener.limiter.rest(c)
}

// Close closes the connection, which does not count any more. It returns
// net.ErrClosed for one that is closed already.
func (c *Conn) Close() error {
	if !c.closed.CompareAndSwap(false, true) {
		return net.ErrClosed
	}
	c.deadline(0, "")
	l := c.listener.limiter
	l.mu.Lock()
	l.forget(c)
	l.mu.Unlock()
	_ = c.Conn.Close() // it is gone, whatever it says
	return nil
}

// CloseWrite ends one half of a TCP connection.
func (c *Conn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return c.Conn.Close()
}

// NetConn returns the connection below.
func (c *Conn) NetConn() net.Conn { return c.Conn }

type contextKey struct{}

// Serve lets an http.Server tell its Limiter of each request. The server's
// ConnContext must be unset.
func Serve(s *http.Server) {
	handler := s.Handler
	s.ConnContext = func(ctx context.Context, c net.Conn) context.Context {
		return context.WithValue(ctx, contextKey{}, connOf(c))
	}
	s.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if c, _ := r.Context().Value(contextKey{}).(*Conn); c != nil {
			c.Received()
			defer c.Answered()
		}
		handler.ServeHTTP(w, r)
	})
}

// connOf finds the Conn below TLS.
func connOf(c net.Conn) *Conn {
	for c != nil {
		if own, ok := c.(*Conn); ok {
			return own
		}
		below, ok := c.(interface{ NetConn() net.Conn })
		if !ok {
			return nil
		}
		c = below.NetConn()
	}
	return nil
}

// Answered tells the Limiter of a connection that its answer was made, if it has
// one.
func Answered(c net.Conn) {
	if own := connOf(c); own != nil {
		own.Answered()
	}
}

// Received tells the Limiter of a connection that a whole request has come, if it
// has one.
func Received(c net.Conn) {
	if own := connOf(c); own != nil {
		own.Received()
	}
}
