package meter

import (
	"bufio"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"net/netip"
	"os"
	"strconv"
	"strings"
)

// What Targets calls sockets of the network. Those on which somebody may be
// heard are followed by their address.
const (
	// Listener and UDPSocket are bound to an address.
	Listener  = "TCP listener on "
	UDPSocket = "UDP socket on "
	// Multicast hears a group on one interface of the machine.
	Multicast = "multicast socket on "
	// Connection is one of TCP, by whomever it was made.
	Connection = "TCP connection"
	// NetworkSocket is any other: not bound yet, closed by its peer, or of the
	// kernel's own.
	NetworkSocket = "network socket"
)

// networkTables are the files of proc_pid_net(5) that list bound sockets.
var networkTables = []string{"tcp", "tcp6", "udp", "udp6"}

// networkSockets tells what those of the wanted sockets are that the tables of
// a process's network namespace list.
func (p Proc) networkSockets(pid int, wanted map[string]bool) (map[string]string, error) {
	found := map[string]string{}
	if len(wanted) == 0 {
		return found, nil
	}
	for _, table := range networkTables {
		err := p.readSockets(pid, table, func(inode, name string) {
			if wanted[inode] {
				found[inode] = name
			}
		})
		if err != nil && !gone(err) { // a kernel without IPv6 has no such table
			return nil, err
		}
	}
	return found, nil
}

func (p Proc) readSockets(pid int, table string, each func(inode, name string)) error {
	file, err := os.Open(p.path(pid, "net/"+table))
	if err != nil {
		return fmt.Errorf("list the %s sockets that process %d may have: %w", table, pid, err)
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	lines.Scan() // the head
	for lines.Scan() {
		if inode, name, err := parseSocket(table, lines.Text()); err == nil {
			each(inode, name)
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("list the %s sockets that process %d may have: %w", table, pid, err)
	}
	return nil
}

// parseSocket reads one line of a table.
func parseSocket(table, line string) (inode, name string, err error) {
	const listening = "0A"
	fields := strings.Fields(line)
	if len(fields) < 10 {
		return "", "", fmt.Errorf("a line of %s sockets with %d fields", table, len(fields))
	}
	inode = fields[9]
	tcp := strings.HasPrefix(table, "tcp")
	if tcp && fields[3] != listening {
		return inode, Connection, nil
	}
	at, err := parseAddress(fields[1])
	switch {
	case err != nil:
		return "", "", fmt.Errorf("a line of %s sockets: %w", table, err)
	case tcp:
		return inode, Listener + at.String(), nil
	case at.Addr().IsMulticast():
		return inode, Multicast + at.String(), nil
	}
	return inode, UDPSocket + at.String(), nil
}

// parseAddress reads an address as the kernel prints it: 32-bit words in the
// machine's byte order, then the port.
func parseAddress(text string) (netip.AddrPort, error) {
	address, port, _ := strings.Cut(text, ":")
	raw, err := hex.DecodeString(address)
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("%.80q is not an address: %w", text, err)
	}
	if len(raw) != 4 && len(raw) != 16 {
		return netip.AddrPort{}, fmt.Errorf("%.80q is an address of %d bytes", text, len(raw))
	}
	n, err := strconv.ParseUint(port, 16, 16)
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("%.80q has no port: %w", text, err)
	}
	for word := raw; len(word) > 0; word = word[4:] {
		binary.NativeEndian.PutUint32(word, binary.BigEndian.Uint32(word))
	}
	ip, _ := netip.AddrFromSlice(raw)
	return netip.AddrPortFrom(ip, uint16(n)), nil
}
