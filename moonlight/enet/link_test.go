package enet

import (
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"
)

// network joins sockets in this process, and loses, doubles and reorders what
// they send. The same seed does the same to the same sequence of datagrams.
type network struct {
	mu                    sync.Mutex // covers everything below
	random                *rand.Rand
	loss, double, reorder float64
	dark                  bool // loses everything
	sockets               map[netip.AddrPort]*socket
	held                  []flying // overtaken by what is sent next
	sent, lost            int
}

type flying struct {
	data     []byte
	from, to netip.AddrPort
}

func newNetwork(seed uint64) *network {
	return &network{random: rand.New(rand.NewPCG(seed, 1)), sockets: map[netip.AddrPort]*socket{}}
}

// socket is a net.PacketConn on a network.
type socket struct {
	net      *network
	addr     netip.AddrPort
	arrived  chan flying
	deadline chan struct{} // closed while the deadline lies in the past
	closed   chan struct{}
	mu       sync.Mutex // covers deadline and addr
}

func (n *network) listen(addr string) *socket {
	s := &socket{
		net: n, addr: netip.MustParseAddrPort(addr), arrived: make(chan flying, 4096),
		deadline: make(chan struct{}), closed: make(chan struct{}),
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.sockets[s.addr] = s
	return s
}

// move gives the socket another address, as a NAT does.
func (s *socket) move(addr string) {
	to := netip.MustParseAddrPort(addr)
	s.net.mu.Lock()
	defer s.net.mu.Unlock()
	delete(s.net.sockets, s.addr)
	s.addr = to
	s.net.sockets[to] = s
}

func (n *network) setDark(dark bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.dark = dark
}

func (n *network) counts() (lost, sent int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.lost, n.sent
}

func (s *socket) WriteTo(data []byte, to net.Addr) (int, error) {
	n := s.net
	n.mu.Lock()
	defer n.mu.Unlock()
	n.sent++
	if n.dark || n.random.Float64() < n.loss {
		n.lost++
		return len(data), nil
	}
	f := flying{append([]byte(nil), data...), s.addr, to.(*net.UDPAddr).AddrPort()}
	if n.random.Float64() < n.reorder {
		n.held = append(n.held, f)
		return len(data), nil
	}
	n.arrive(f)
	if n.random.Float64() < n.double {
		n.arrive(f)
	}
	for _, late := range n.held {
		n.arrive(late)
	}
	n.held = n.held[:0]
	return len(data), nil
}

func (n *network) arrive(f flying) {
	if s := n.sockets[f.to]; s != nil {
		select {
		case s.arrived <- f:
		default: // like a full socket buffer
		}
	}
}

func (s *socket) ReadFrom(buffer []byte) (int, net.Addr, error) {
	s.mu.Lock()
	deadline := s.deadline
	s.mu.Unlock()
	select {
	case f := <-s.arrived:
		return copy(buffer, f.data), net.UDPAddrFromAddrPort(f.from), nil
	case <-deadline:
		return 0, nil, os.ErrDeadlineExceeded
	case <-s.closed:
		return 0, nil, net.ErrClosed
	}
}

func (s *socket) SetReadDeadline(t time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case <-s.deadline:
		s.deadline = make(chan struct{})
	default:
	}
	if !t.IsZero() && !t.After(time.Now()) {
		close(s.deadline)
	}
	return nil
}

func (s *socket) Close() error                       { close(s.closed); return nil }
func (s *socket) LocalAddr() net.Addr                { return net.UDPAddrFromAddrPort(s.addr) }
func (s *socket) SetDeadline(t time.Time) error      { return s.SetReadDeadline(t) }
func (s *socket) SetWriteDeadline(t time.Time) error { return nil }
