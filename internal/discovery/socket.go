package discovery

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"

	"golang.org/x/sys/unix"
)

// DefaultPort is that of multicast DNS.
const DefaultPort = 5353

var (
	group4 = netip.AddrFrom4([4]byte{224, 0, 0, 251})
	group6 = netip.MustParseAddr("ff02::fb")
)

// openSocket makes a socket that hears one group on one interface and nothing
// else. Others of the machine may have the same port. It is made by hand,
// because package net binds to all addresses where a group is asked for.
// source is the address of the interface that IPv4 datagrams come from.
func openSocket(iface net.Interface, group, source netip.Addr, port uint16) (*net.UDPConn, error) {
	family := unix.AF_INET
	if group.Is6() {
		family = unix.AF_INET6
	}
	fd, err := unix.Socket(family, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("open a socket for %s: %w", group, err)
	}
	file := os.NewFile(uintptr(fd), "mdns")
	defer file.Close()
	err = errors.Join(
		unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1),
		unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEPORT, 1),
		join(fd, iface.Index, group, source),
	)
	if err != nil {
		return nil, fmt.Errorf("join %s on %s: %w", group, iface.Name, err)
	}
	var to unix.Sockaddr = &unix.SockaddrInet4{Port: int(port), Addr: group4.As4()}
	if group.Is6() {
		to = &unix.SockaddrInet6{Port: int(port), ZoneId: uint32(iface.Index), Addr: group.As16()}
	}
	if err := unix.Bind(fd, to); err != nil {
		return nil, fmt.Errorf("bind %s on %s to UDP port %d: %w", group, iface.Name, port, err)
	}
	conn, err := net.FilePacketConn(file)
	if err != nil {
		return nil, fmt.Errorf("use the socket for %s on %s: %w", group, iface.Name, err)
	}
	return conn.(*net.UDPConn), nil
}

// join also turns off what Linux does by default: to hand a socket the
// multicast of every interface on which anybody has joined the group.
func join(fd, index int, group, source netip.Addr) error {
	if group.Is4() {
		return errors.Join(
			unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_MULTICAST_ALL, 0),
			unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_MULTICAST_TTL, 255),
			unix.SetsockoptIPMreqn(fd, unix.IPPROTO_IP, unix.IP_MULTICAST_IF, &unix.IPMreqn{Address: source.As4(), Ifindex: int32(index)}),
			unix.SetsockoptIPMreqn(fd, unix.IPPROTO_IP, unix.IP_ADD_MEMBERSHIP, &unix.IPMreqn{Multiaddr: group.As4(), Ifindex: int32(index)}),
		)
	}
	return errors.Join(
		unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_MULTICAST_ALL, 0),
		unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_MULTICAST_HOPS, 255),
		unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_MULTICAST_IF, index),
		unix.SetsockoptIPv6Mreq(fd, unix.IPPROTO_IPV6, unix.IPV6_JOIN_GROUP, &unix.IPv6Mreq{Multiaddr: group.As16(), Interface: uint32(index)}),
	)
}
