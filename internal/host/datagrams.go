package host

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kennel-stream/kennel/moonlight/rtp"
)

const (
	// maxSegments is how many datagrams one batch may hold (UDP_MAX_SEGMENTS of
	// the kernel), maxSegmented how many bytes.
	maxSegments  = 64
	maxSegmented = 65000
	// pacedRate spreads a large frame in bytes per second: 80 % of 1 Gbit/s, as
	// a client's receive buffer holds about 2000 packets.
	pacedRate = 100_000_000
)

// datagrams is an unconnected UDP socket that the streams of all clients send
// from, each through a burst of its own.
type datagrams struct {
	raw syscall.RawConn
	six bool // the socket is of IPv6, and takes IPv4 addresses as mapped ones
}

func newDatagrams(conn *net.UDPConn) (*datagrams, error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return nil, fmt.Errorf("send from %s: %w", conn.LocalAddr(), err)
	}
	d := &datagrams{raw: raw}
	var local unix.Sockaddr
	err = errors.Join(raw.Control(func(fd uintptr) { local, err = unix.Getsockname(int(fd)) }), err)
	if err != nil {
		return nil, fmt.Errorf("send from %s: %w", conn.LocalAddr(), err)
	}
	_, d.six = local.(*unix.SockaddrInet6)
	return d, nil
}

// sendFrame sends the datagrams of one frame, and paces what is longer than
// maxSegmented. A client whose port is closed is no error: the control link
// tells when it is gone.
func (b *burst) sendFrame(frame rtp.Batch, to netip.AddrPort) error {
	if err := b.begin(to); err != nil {
		return err
	}
	p := pacer{began: time.Now()}
	for i := range frame.Blocks {
		data, parity := frame.Block(i)
		limit := batchLimit(frame.Stride(), len(parity)/frame.Stride())
		for _, run := range [...][]byte{data, parity} {
			if err := b.sendRun(run, frame.Stride(), limit, &p); err != nil {
				return err
			}
		}
	}
	return b.flush()
}

// batchLimit is how many bytes of a block one batch may hold. Some links drop a
// batch as a whole. The block survives that if no batch has more packets than
// the block has parity, and none has data and parity.
func batchLimit(stride, parity int) int {
	limit := min(maxSegments, maxSegmented/stride)
	if parity > 0 {
		limit = min(limit, parity)
	}
	return max(limit, 1) * stride
}

// sendRun adds datagrams in batches of at most limit bytes, which never hold
// anything else.
func (b *burst) sendRun(run []byte, stride, limit int, p *pacer) error {
	for len(run) > 0 {
		batch := run[:min(limit, len(run))]
		run = run[len(batch):]
		if p.full(len(batch)) {
			if err := b.flush(); err != nil {
				return err
			}
			p.pause()
		}
		if err := b.add(batch, stride); err != nil {
			return err
		}
	}
	return nil
}

// pacer spreads the bytes of one frame.
type pacer struct {
	began         time.Time
	sent, pending int
}

// full reports whether a pause is due before n more bytes; else it counts them.
func (p *pacer) full(n int) bool {
	full := p.pending > 0 && p.pending+n > maxSegmented
	if full {
		p.sent, p.pending = p.sent+p.pending, 0
	}
	p.pending += n
	return full
}

// pause sleeps until what was sent fits the rate.
func (p *pacer) pause() {
	time.Sleep(time.Duration(p.sent)*time.Second/pacedRate - time.Since(p.began))
}

// sendAll sends some datagrams of any lengths, each for itself.
func (b *burst) sendAll(list [][]byte, to netip.AddrPort) error {
	if err := b.begin(to); err != nil {
		return err
	}
	for _, d := range list {
		if err := b.add(d, len(d)); err != nil {
			return err
		}
	}
	return b.flush()
}

// refused reports errors that an earlier datagram's ICMP answer left on the
// socket, or that pass by themselves.
func refused(err error) bool {
	return errors.Is(err, unix.ECONNREFUSED) || errors.Is(err, unix.EHOSTUNREACH) || errors.Is(err, unix.ENOBUFS)
}

// unsegmented reports errors by which a kernel, a device or a route refuses
// segmentation offload.
func unsegmented(err error) bool {
	return errors.Is(err, unix.EIO) || errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOPROTOOPT) || errors.Is(err, unix.EOPNOTSUPP)
}
