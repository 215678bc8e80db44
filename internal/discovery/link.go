package discovery

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"path"
	"slices"
	"strings"
	"sync"
	"time"
)

// link is one interface and the sockets on it.
type link struct {
	iface    net.Interface
	prefixes []netip.Prefix
	conns    []*net.UDPConn // one per address family that works here
	readers  sync.WaitGroup

	// Of the responder's goroutine: when each kind was last multicast, and how
	// many unicast answers may still go out before the next second.
	told   map[kinds]time.Time
	bucket int
	filled time.Time
}

// addresses are those that this link's neighbours reach. One that is local to
// the link is of use only together with an interface, which clients do not
// keep: it is told only where there is no other.
func (l *link) addresses() []netip.Addr {
	var wide, local []netip.Addr
	for _, p := range l.prefixes {
		if a := p.Addr(); a.Is6() && a.IsLinkLocalUnicast() {
			local = append(local, a)
		} else {
			wide = append(wide, a)
		}
	}
	if len(wide) == 0 {
		return local
	}
	return wide
}

// near holds for sources on the link itself: nobody else is answered.
func (l *link) near(a netip.Addr) bool {
	a = a.Unmap()
	if a.IsLinkLocalUnicast() {
		return true
	}
	return slices.ContainsFunc(l.prefixes, func(p netip.Prefix) bool { return p.Contains(a.WithZone("")) })
}

// packet is a datagram and where it came in.
type packet struct {
	link *link
	conn *net.UDPConn
	from netip.AddrPort
	data []byte
}

// openLink joins the groups of an interface. It fails only when no family works.
func openLink(ctx context.Context, iface net.Interface, prefixes []netip.Prefix, port uint16, to chan<- packet) (*link, error) {
	l := &link{iface: iface, prefixes: prefixes, told: map[kinds]time.Time{}}
	var failed []error
	for _, group := range []netip.Addr{group4, group6} {
		i := slices.IndexFunc(prefixes, func(p netip.Prefix) bool { return p.Addr().Is4() == group.Is4() })
		if i < 0 {
			continue
		}
		conn, err := openSocket(iface, group, prefixes[i].Addr(), port)
		if err != nil {
			failed = append(failed, err)
			continue
		}
		l.conns = append(l.conns, conn)
		l.readers.Go(func() { l.read(ctx, conn, to) })
	}
	if len(l.conns) == 0 {
		return nil, errors.Join(failed...)
	}
	return l, nil
}

// read hands datagrams to the responder until the socket is closed.
func (l *link) read(ctx context.Context, conn *net.UDPConn, to chan<- packet) {
	buf := make([]byte, maxPacket)
	for {
		n, from, err := conn.ReadFromUDPAddrPort(buf)
		if errors.Is(err, net.ErrClosed) || ctx.Err() != nil {
			return
		}
		if err != nil {
			// The interface may be gone for now; the next look at them closes the link.
			select {
			case <-ctx.Done():
				return
			case <-time.After(time.Second):
			}
			continue
		}
		select {
		case to <- packet{l, conn, netip.AddrPortFrom(from.Addr().Unmap(), from.Port()), slices.Clone(buf[:n])}:
		case <-ctx.Done():
			return
		}
	}
}

func (l *link) close() {
	for _, c := range l.conns {
		_ = c.Close()
	}
}

// groupOf is where a socket's multicast goes.
func (l *link) groupOf(conn *net.UDPConn, port uint16) netip.AddrPort {
	if conn.LocalAddr().(*net.UDPAddr).IP.To4() != nil {
		return netip.AddrPortFrom(group4, port)
	}
	return netip.AddrPortFrom(group6.WithZone(l.iface.Name), port)
}

// virtual are the beginnings of the names of interfaces behind which there are
// only this machine's own containers and guests.
var virtual = []string{"docker", "br-", "veth", "virbr", "vnet", "cni", "podman", "flannel", "cali", "lxc", "lxdbr", "incusbr"}

// Chosen reports whether an interface is one to announce on. With wanted, a
// list of names in which * stands for any characters, only those are; without,
// every one that is up and has multicast, is not the loopback, leads to more
// than one neighbour, and is not a bridge of containers or guests.
func Chosen(iface net.Interface, wanted []string) bool {
	if iface.Flags&net.FlagUp == 0 {
		return false
	}
	if len(wanted) > 0 {
		return slices.ContainsFunc(wanted, func(pattern string) bool {
			ok, err := path.Match(pattern, iface.Name)
			return ok && err == nil
		})
	}
	if iface.Flags&net.FlagMulticast == 0 || iface.Flags&(net.FlagLoopback|net.FlagPointToPoint) != 0 {
		return false
	}
	return !slices.ContainsFunc(virtual, func(start string) bool { return strings.HasPrefix(iface.Name, start) })
}

// found is a chosen interface with its addresses.
type found struct {
	iface    net.Interface
	prefixes []netip.Prefix
}

// look finds the interfaces to announce on. With only, those that have this
// address, and no other address of them.
func look(wanted []string, only netip.Addr) ([]found, error) {
	ifaces, err := net.Interfaces()
	if err != nil {
		return nil, err
	}
	var all []found
	for _, iface := range ifaces {
		if !Chosen(iface, wanted) {
			continue
		}
		addrs, err := iface.Addrs()
		if err != nil {
			continue // it has just gone
		}
		f := found{iface: iface}
		for _, a := range addrs {
			prefix, err := netip.ParsePrefix(a.String())
			if err == nil && (!only.IsValid() || prefix.Addr() == only) {
				f.prefixes = append(f.prefixes, prefix)
			}
		}
		if len(f.prefixes) > 0 {
			all = append(all, f)
		}
	}
	return all, nil
}
