package host

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// maxMessages is how many batches one system call takes; more take several.
const maxMessages = 64

// piece is one datagram, or a batch of datagrams of stride bytes each.
type piece struct {
	data   []byte
	stride int
}

// message is the kernel's struct mmsghdr.
type message struct {
	header unix.Msghdr
	sent   uint32
}

// burst sends the datagrams of one stream with as few system calls as possible:
// batches by UDP segmentation offload where the kernel has it (udp(7)
// UDP_SEGMENT), and many batches by sendmmsg(2). It is used by one goroutine,
// and allocates nothing after its first use.
//
// The calls bypass Go's scheduler, as none of them blocks: each that does not
// wakes the runtime's monitor thread, which costs more than an audio packet.
type burst struct {
	datagrams *datagrams
	// plain is set once segmentation has been refused on the way to this client.
	plain bool

	to   netip.AddrPort // what name is made from
	name struct {
		four   unix.RawSockaddrInet4
		six    unix.RawSockaddrInet6
		length uint32
	}

	pieces   [maxMessages]piece
	vectors  [maxMessages]unix.Iovec
	controls [maxMessages][4]uint64 // each the control message of a stride, aligned
	messages [maxMessages]message
	count    int // pieces
	done     int // pieces that are sent

	attempt func(fd uintptr) bool // sendOnce, kept so that a flush does not allocate
	errno   syscall.Errno
}

func newBurst(d *datagrams) *burst {
	b := &burst{datagrams: d}
	b.attempt = b.sendOnce
	return b
}

// begin sets where the datagrams go that are added next.
func (b *burst) begin(to netip.AddrPort) error {
	b.count, b.done = 0, 0
	if to == b.to {
		return nil
	}
	addr := to.Addr().Unmap()
	switch {
	case b.datagrams.six:
		b.name.six = unix.RawSockaddrInet6{Family: unix.AF_INET6, Addr: to.Addr().As16(), Scope_id: zoneIndex(to.Addr().Zone())}
		putPort(&b.name.six.Port, to.Port())
		b.name.length = unix.SizeofSockaddrInet6
	case addr.Is4():
		b.name.four = unix.RawSockaddrInet4{Family: unix.AF_INET, Addr: addr.As4()}
		putPort(&b.name.four.Port, to.Port())
		b.name.length = unix.SizeofSockaddrInet4
	default:
		return fmt.Errorf("send to %s from a socket of IPv4", to)
	}
	b.to = to
	return nil
}

// putPort writes a port in network byte order.
func putPort(field *uint16, port uint16) {
	binary.BigEndian.PutUint16((*[2]byte)(unsafe.Pointer(field))[:], port)
}

// zoneIndex is the interface of a link-local address, 0 for no or an unknown one.
func zoneIndex(zone string) uint32 {
	if n, err := strconv.ParseUint(zone, 10, 32); err == nil {
		return uint32(n)
	}
	if i, err := net.InterfaceByName(zone); zone != "" && err == nil {
		return uint32(i.Index)
	}
	return 0
}

// add takes one batch of datagrams of stride bytes, which must stay as they are
// until the next flush. At most maxSegments fit.
func (b *burst) add(data []byte, stride int) error {
	if stride <= 0 || len(data)%stride != 0 {
		return fmt.Errorf("send: %d bytes are not datagrams of %d", len(data), stride)
	}
	for b.plain && len(data) > stride {
		if err := b.put(piece{data[:stride], stride}); err != nil {
			return err
		}
		data = data[stride:]
	}
	return b.put(piece{data, stride})
}

func (b *burst) put(p piece) error {
	if b.count == maxMessages {
		if err := b.flush(); err != nil {
			return err
		}
	}
	i := b.count
	b.count++
	b.pieces[i] = p
	b.vectors[i].Base = &p.data[0]
	b.vectors[i].SetLen(len(p.data))
	h := &b.messages[i].header
	*h = unix.Msghdr{Namelen: b.name.length, Iov: &b.vectors[i]}
	h.SetIovlen(1)
	h.Name = (*byte)(unsafe.Pointer(&b.name.four))
	if b.datagrams.six {
		h.Name = (*byte)(unsafe.Pointer(&b.name.six))
	}
	if len(p.data) > p.stride {
		h.Control = (*byte)(unsafe.Pointer(&b.controls[i][0]))
		h.SetControllen(unix.CmsgSpace(2))
		c := (*unix.Cmsghdr)(unsafe.Pointer(h.Control))
		c.Level, c.Type = unix.IPPROTO_UDP, unix.UDP_SEGMENT
		c.SetLen(unix.CmsgLen(2))
		*(*uint16)(unsafe.Add(unsafe.Pointer(c), unix.CmsgLen(0))) = uint16(p.stride)
	}
	return nil
}

// flush sends what was added. Datagrams that the client's machine refuses are
// dropped without an error.
func (b *burst) flush() error {
	for b.done < b.count {
		b.errno = 0
		if err := b.datagrams.raw.Write(b.attempt); err != nil {
			return fmt.Errorf("send to %s: %w", b.to, err)
		}
		if b.errno == 0 {
			break
		}
		switch failed := b.pieces[b.done]; {
		case refused(b.errno):
			b.done++
		case len(failed.data) > failed.stride && unsegmented(b.errno):
			b.plain = true
			return b.again()
		default:
			return fmt.Errorf("send to %s: %w", b.to, b.errno)
		}
	}
	b.count, b.done = 0, 0
	return nil
}

// again sends what is not sent yet, without segmentation. It happens once.
func (b *burst) again() error {
	rest := slices.Clone(b.pieces[b.done:b.count])
	b.count, b.done = 0, 0
	for _, p := range rest {
		if err := b.add(p.data, p.stride); err != nil {
			return err
		}
	}
	return b.flush()
}

// sendOnce sends until everything is sent, something fails, or the socket's
// buffer is full; only then it reports false.
func (b *burst) sendOnce(fd uintptr) bool {
	for b.done < b.count {
		first := unsafe.Pointer(&b.messages[b.done])
		n, _, errno := unix.RawSyscall6(unix.SYS_SENDMMSG, fd, uintptr(first), uintptr(b.count-b.done), 0, 0, 0)
		switch errno {
		case 0:
			b.done += int(n)
		case unix.EINTR:
		case unix.EAGAIN:
			return false
		default:
			b.errno = errno
			return true
		}
	}
	return true
}
