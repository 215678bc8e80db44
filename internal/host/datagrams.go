package host

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// maxSegments is how many datagrams one system call may carry (UDP_MAX_SEGMENTS
	// of the kernel), maxSegmented how many bytes.
	maxSegments  = 64
	maxSegmented = 65000
	// pacedRate spreads a large frame in bytes per second: 80 % of 1 Gbit/s, as
	// a client's receive buffer holds about 2000 packets.
	pacedRate = 100_000_000
)

// datagrams sends batches of equally long datagrams from one unconnected
// socket, with UDP generic segmentation offload where the kernel has it
// (udp(7) UDP_SEGMENT).
type datagrams struct {
	conn *net.UDPConn
	// plain is set once segmentation has been refused.
	plain atomic.Bool
}

// segmentControl is the control message for one stride.
func segmentControl(dst []byte, stride int) []byte {
	dst = dst[:unix.CmsgSpace(2)]
	clear(dst)
	binary.NativeEndian.PutUint64(dst[0:], uint64(unix.CmsgLen(2)))
	binary.NativeEndian.PutUint32(dst[8:], unix.IPPROTO_UDP)
	binary.NativeEndian.PutUint32(dst[12:], unix.UDP_SEGMENT)
	binary.NativeEndian.PutUint16(dst[16:], uint16(stride))
	return dst
}

// send sends a slab of datagrams of stride bytes each, pacing what is longer
// than one batch. It is called by one goroutine per stream. A client whose
// port is closed is no error: the control link tells when it is gone.
func (d *datagrams) send(slab []byte, stride int, to netip.AddrPort) error {
	if stride <= 0 || len(slab)%stride != 0 {
		return fmt.Errorf("send video: %d bytes are not datagrams of %d", len(slab), stride)
	}
	var control [32]byte
	perBatch := min(maxSegments, maxSegmented/stride) * stride
	began, sent := time.Now(), 0
	for len(slab) > 0 {
		batch := slab[:min(perBatch, len(slab))]
		if err := d.batch(batch, stride, to, control[:]); err != nil {
			return err
		}
		slab = slab[len(batch):]
		if sent += len(batch); len(slab) > 0 {
			time.Sleep(time.Duration(sent)*time.Second/pacedRate - time.Since(began))
		}
	}
	return nil
}

func (d *datagrams) batch(batch []byte, stride int, to netip.AddrPort, control []byte) error {
	if len(batch) > stride && !d.plain.Load() {
		_, _, err := d.conn.WriteMsgUDPAddrPort(batch, segmentControl(control, stride), to)
		switch {
		case err == nil || refused(err):
			return nil
		case errors.Is(err, unix.EIO), errors.Is(err, unix.EINVAL), errors.Is(err, unix.ENOPROTOOPT), errors.Is(err, unix.EOPNOTSUPP):
			d.plain.Store(true)
		default:
			return fmt.Errorf("send video: %w", err)
		}
	}
	for ; len(batch) > 0; batch = batch[stride:] {
		if _, err := d.conn.WriteToUDPAddrPort(batch[:stride], to); err != nil && !refused(err) {
			return fmt.Errorf("send video: %w", err)
		}
	}
	return nil
}

// refused reports errors that an earlier datagram's ICMP answer left on the
// socket, or that pass by themselves.
func refused(err error) bool {
	return errors.Is(err, unix.ECONNREFUSED) || errors.Is(err, unix.EHOSTUNREACH) || errors.Is(err, unix.ENOBUFS)
}
