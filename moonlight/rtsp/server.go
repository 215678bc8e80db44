package rtsp

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"
)

// Limits of a Server that are 0 take these values.
const (
	DefaultMaxMessage     = 64 << 10
	DefaultReadTimeout    = 10 * time.Second
	DefaultHandlerTimeout = 10 * time.Second
)

// Server answers requests, one per connection. Its fields must not change once
// Serve runs. The zero value serves nothing: Handler is needed.
type Server struct {
	// Keys returns the launches whose clients may come, newest first is best. It
	// is called for each encrypted request, from several goroutines. If nil, no
	// encrypted request is understood.
	Keys func() []Candidate
	// Handler answers a request. It runs in a goroutine of the connection, and
	// ctx ends at HandlerTimeout and with Serve. The answer needs no CSeq; nil
	// becomes status 500. A client gives up after 15 s.
	Handler func(ctx context.Context, r *Request) *Response
	// Report, if not nil, is told why a connection ended without an answer from
	// the Handler. Connections that were closed without a byte, as clients do to
	// probe the port, are not reported.
	Report func(remote netip.AddrPort, err error)

	// Received, if not nil, is told of each connection whose whole request has
	// come. The Server does not bound the connections at a time: that is for the
	// listener, which may also displace those that have sent nothing yet.
	Received func(net.Conn)
	// Answered, if not nil, is told when the answer is written. The connection then
	// lingers for up to a second, until the client has closed.
	Answered func(net.Conn)

	// MaxMessage bounds a request in bytes.
	MaxMessage int
	// ReadTimeout bounds the time until the whole request is there, and once
	// more the time until the answer is taken.
	ReadTimeout time.Duration
	// HandlerTimeout bounds the context of a Handler.
	HandlerTimeout time.Duration

	keys keyring
}

// NoAnswer is what a Handler returns for a request that is a stranger's: the
// connection is closed without a word, so that it learns nothing.
var NoAnswer = &Response{}

// Serve takes connections from l until ctx ends or l fails for good. It closes l
// and all connections, waits for all Handlers, and returns nil if ctx ended.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	if s.Handler == nil {
		_ = l.Close()
		return errors.New("rtsp server: no handler is set")
	}
	ctx, cancel := context.WithCancel(ctx)
	stopClosing := context.AfterFunc(ctx, func() { _ = l.Close() })
	var conns sync.WaitGroup
	defer func() {
		cancel()
		stopClosing()
		_ = l.Close()
		conns.Wait()
	}()
	for {
		conn, err := s.accept(ctx, l)
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return fmt.Errorf("rtsp server on %s: accept: %w", l.Addr(), err)
		}
		conns.Go(func() { s.serveConn(ctx, conn) })
	}
}

// accept tries again while the failure is one that passes, such as no free file
// descriptors.
func (s *Server) accept(ctx context.Context, l net.Listener) (net.Conn, error) {
	for wait := 5 * time.Millisecond; ; wait = min(2*wait, time.Second) {
		conn, err := l.Accept()
		var passing interface{ Temporary() bool }
		if err == nil || !errors.As(err, &passing) || !passing.Temporary() {
			return conn, err
		}
		s.report(netip.AddrPort{}, fmt.Errorf("accept: %w", err))
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(wait):
		}
	}
}

func (s *Server) report(remote netip.AddrPort, err error) {
	if s.Report != nil && err != nil {
		s.Report(remote, err)
	}
}

// addrPort returns a TCP address without the wrapping of IPv4 in IPv6.
func addrPort(a net.Addr) netip.AddrPort {
	tcp, ok := a.(*net.TCPAddr)
	if !ok {
		return netip.AddrPort{}
	}
	ap := tcp.AddrPort()
	return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
}

func orDefault[T int | time.Duration](value, standard T) T {
	if value <= 0 {
		return standard
	}
	return value
}
