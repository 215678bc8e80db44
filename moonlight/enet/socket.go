package enet

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"
)

// datagram is one that the reader has read.
type datagram struct {
	from   netip.AddrPort
	length int
	buffer [maximumMTU]byte
}

// reader reads a socket on a goroutine of its own. It fills datagrams from free
// and hands them over by full; who takes one puts it back. Both have room for
// all datagrams there are, so that putting back never waits.
type reader struct {
	conn       net.PacketConn
	free, full chan *datagram
	failed     chan error
	quit       chan struct{} // closed by stop
	ended      sync.WaitGroup
}

const (
	readerDatagrams = 2 * batch
	// maximumReadErrors in a row mean that the socket is broken.
	maximumReadErrors = 64
)

func startReader(conn net.PacketConn) *reader {
	r := &reader{
		conn:   conn,
		free:   make(chan *datagram, readerDatagrams),
		full:   make(chan *datagram, readerDatagrams),
		failed: make(chan error, 1),
		quit:   make(chan struct{}),
	}
	all := make([]datagram, readerDatagrams)
	for i := range all {
		r.free <- &all[i]
	}
	r.ended.Add(1)
	go r.run()
	return r
}

func (r *reader) run() {
	defer r.ended.Done()
	for errorsInRow := 0; ; {
		var d *datagram
		select {
		case d = <-r.free:
		case <-r.quit:
			return
		}
		var err error
		if d.length, d.from, err = readFrom(r.conn, d.buffer[:]); err == nil {
			errorsInRow = 0
			r.full <- d
			continue
		}
		r.free <- d
		select {
		case <-r.quit: // stop has set a deadline
			return
		default:
		}
		errorsInRow++
		if errors.Is(err, net.ErrClosed) || errors.Is(err, os.ErrDeadlineExceeded) || errorsInRow == maximumReadErrors {
			r.failed <- err
			return
		}
	}
}

// stop ends the goroutine and leaves the socket as it was.
func (r *reader) stop() {
	close(r.quit)
	r.conn.SetReadDeadline(time.Unix(1, 0)) // fails only on a closed socket, which ends reads too
	r.ended.Wait()
	r.conn.SetReadDeadline(time.Time{})
}

// addrPortConn is a *net.UDPConn, or one that works like it.
type addrPortConn interface {
	ReadFromUDPAddrPort(p []byte) (int, netip.AddrPort, error)
	WriteToUDPAddrPort(p []byte, to netip.AddrPort) (int, error)
}

// readFrom reads without allocating where the socket can.
func readFrom(conn net.PacketConn, buffer []byte) (int, netip.AddrPort, error) {
	if udp, ok := conn.(addrPortConn); ok {
		n, from, err := udp.ReadFromUDPAddrPort(buffer)
		return n, netip.AddrPortFrom(from.Addr().Unmap(), from.Port()), err
	}
	n, from, err := conn.ReadFrom(buffer)
	if err != nil {
		return 0, netip.AddrPort{}, err
	}
	address, ok := from.(*net.UDPAddr)
	if !ok {
		return 0, netip.AddrPort{}, fmt.Errorf("datagram from %v, which is not a UDP address", from)
	}
	at := address.AddrPort()
	return n, netip.AddrPortFrom(at.Addr().Unmap(), at.Port()), nil
}

func writeTo(conn net.PacketConn, datagram []byte, to netip.AddrPort) error {
	if udp, ok := conn.(addrPortConn); ok {
		_, err := udp.WriteToUDPAddrPort(datagram, to)
		return err
	}
	_, err := conn.WriteTo(datagram, net.UDPAddrFromAddrPort(to))
	return err
}
