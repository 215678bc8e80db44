package host

import (
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strconv"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// quietConn is a UDP socket for small packets that come all the time, such as
// pings. Its calls bypass Go's scheduler as those of a burst do. One goroutine
// reads at a time, and one writes.
type quietConn struct {
	*net.UDPConn
	raw syscall.RawConn
	out *burst

	attempt func(fd uintptr) bool // receiveOnce, kept so that a read does not allocate
	buffer  []byte                // for attempt
	length  int                   // what it read
	errno   syscall.Errno
	from    unix.RawSockaddrInet6 // or of IPv4, which is shorter
	zone    struct {              // the name of the last link-local sender's interface
		index uint32
		name  string
	}
}

func newQuietConn(conn *net.UDPConn) (*quietConn, error) {
	d, err := newDatagrams(conn)
	if err != nil {
		return nil, err
	}
	c := &quietConn{UDPConn: conn, raw: d.raw, out: newBurst(d)}
	c.attempt = c.receiveOnce
	return c, nil
}

// newBurst returns a burst that sends from the same socket.
func (c *quietConn) newBurst() *burst { return newBurst(c.out.datagrams) }

// WriteToUDPAddrPort sends one datagram. One that the other machine refuses is
// no error.
func (c *quietConn) WriteToUDPAddrPort(p []byte, to netip.AddrPort) (int, error) {
	if len(p) == 0 {
		return 0, io.ErrShortWrite
	}
	if err := c.out.begin(to); err != nil {
		return 0, err
	}
	if err := c.out.add(p, len(p)); err != nil {
		return 0, err
	}
	return len(p), c.out.flush()
}

// ReadFromUDPAddrPort receives one datagram, cut to the length of p.
func (c *quietConn) ReadFromUDPAddrPort(p []byte) (int, netip.AddrPort, error) {
	if len(p) == 0 {
		return 0, netip.AddrPort{}, io.ErrShortBuffer
	}
	c.buffer, c.length, c.errno = p, 0, 0
	if err := c.raw.Read(c.attempt); err != nil {
		return 0, netip.AddrPort{}, fmt.Errorf("receive: %w", err)
	}
	if c.errno != 0 {
		return 0, netip.AddrPort{}, fmt.Errorf("receive: %w", c.errno)
	}
	return c.length, c.sender(), nil
}

// receiveOnce reports false when there is nothing yet.
func (c *quietConn) receiveOnce(fd uintptr) bool {
	for {
		size := uint32(unsafe.Sizeof(c.from))
		n, _, errno := unix.RawSyscall6(unix.SYS_RECVFROM, fd, uintptr(unsafe.Pointer(&c.buffer[0])), uintptr(len(c.buffer)), 0,
			uintptr(unsafe.Pointer(&c.from)), uintptr(unsafe.Pointer(&size)))
		switch errno {
		case 0:
			c.length = int(n)
		case unix.EINTR:
			continue
		case unix.EAGAIN:
			return false
		default:
			c.errno = errno
		}
		return true
	}
}

// sender is where the last datagram came from, as net.UDPConn tells it.
func (c *quietConn) sender() netip.AddrPort {
	port := binary.BigEndian.Uint16((*[2]byte)(unsafe.Pointer(&c.from.Port))[:])
	if c.from.Family == unix.AF_INET {
		four := (*unix.RawSockaddrInet4)(unsafe.Pointer(&c.from))
		return netip.AddrPortFrom(netip.AddrFrom4(four.Addr), port)
	}
	addr := netip.AddrFrom16(c.from.Addr)
	if c.from.Scope_id != 0 {
		addr = addr.WithZone(c.zoneName(c.from.Scope_id))
	}
	return netip.AddrPortFrom(addr, port)
}

func (c *quietConn) zoneName(index uint32) string {
	if c.zone.index != index {
		c.zone.index, c.zone.name = index, strconv.FormatUint(uint64(index), 10)
		if i, err := net.InterfaceByIndex(int(index)); err == nil {
			c.zone.name = i.Name
		}
	}
	return c.zone.name
}
