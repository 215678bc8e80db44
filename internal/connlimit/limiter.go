package connlimit

import (
	"container/list"
	"net/netip"
	"sync"
	"time"
)

// Limits bound the connections of all listeners of a Limiter.
type Limits struct {
	// Total bounds the connections at a time. Each listener may have half of them.
	Total int
	// PerAddress bounds those of one address. IPv4 addresses mapped into IPv6
	// equal IPv4 ones, and IPv6 addresses count by their /64.
	PerAddress int
	// Reserved are the places of Total that only expected addresses may take.
	Reserved int
	// FirstByte bounds the time from the connection to its first byte, Request the
	// time to the whole request.
	FirstByte, Request time.Duration
	// Expected is how long places are kept for an address after Expect.
	Expected time.Duration
}

// For derives limits from how many connections a process can afford.
func For(total int) Limits {
	return Limits{
		Total: total, PerAddress: max(total/8, 8), Reserved: total / 8,
		FirstByte: 2 * time.Second, Request: 10 * time.Second, Expected: 30 * time.Second,
	}
}

// maxExpected bounds the addresses that are expected at a time.
const maxExpected = 256

// Limiter bounds the connections of several listeners. Its methods may be called
// from several goroutines.
type Limiter struct {
	limits Limits
	report func(listener string, remote netip.AddrPort, why string)
	now    func() time.Time

	mu       sync.Mutex // covers what follows and the lists of every group
	all      group
	byAddr   map[netip.Prefix]*group
	expected map[netip.Prefix]time.Time // until when
}

// group is a set of connections that has a limit.
type group struct {
	count  int
	silent list.List // of *Conn, the oldest first
}

// New makes a Limiter. report, if not nil, is told of each connection that was
// closed by a limit or a deadline; it must not block.
func New(l Limits, report func(listener string, remote netip.AddrPort, why string)) *Limiter {
	if report == nil {
		report = func(string, netip.AddrPort, string) {}
	}
	return &Limiter{
		limits: l, report: report, now: time.Now,
		byAddr: map[netip.Prefix]*group{}, expected: map[netip.Prefix]time.Time{},
	}
}

// Network is the addresses that count as one with addr: the address itself for
// IPv4, also where it is mapped into IPv6, and the /64 for IPv6. It is the zero
// Prefix for the zero Addr, such as that of unix sockets.
func Network(addr netip.Addr) netip.Prefix {
	addr = addr.Unmap().WithZone("")
	bits := 64
	if addr.Is4() {
		bits = 32
	}
	p, err := addr.Prefix(bits)
	if err != nil {
		return netip.Prefix{}
	}
	return p
}

// Expect keeps places for an address for Limits.Expected.
func (l *Limiter) Expect(addr netip.Addr) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	for p, until := range l.expected {
		if !now.Before(until) {
			delete(l.expected, p)
		}
	}
	if len(l.expected) < maxExpected {
		l.expected[Network(addr)] = now.Add(l.limits.Expected)
	}
}

// isExpected needs the lock.
func (l *Limiter) isExpected(p netip.Prefix) bool {
	until, ok := l.expected[p]
	return ok && l.now().Before(until)
}

// Connections is how many connections are open.
func (l *Limiter) Connections() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.all.count
}

// admit counts a new connection. It returns the connections that had to make
// room, which the caller closes, and false if there is no room.
func (l *Limiter) admit(c *Conn) (evicted []*Conn, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	own := l.byAddr[c.network]
	if own == nil {
		own = &group{}
	}
	total, perListener := l.limits.Total, max(l.limits.Total/2, 1)
	expected := l.isExpected(c.network)
	if !expected {
		total -= l.limits.Reserved
		perListener -= l.limits.Reserved / 2
	}
	room := func(g *group, limit int) bool {
		for g.count >= limit {
			victim := l.victim(g, expected)
			if victim == nil {
				return false
			}
			l.forget(victim)
			evicted = append(evicted, victim)
		}
		return true
	}
	if !room(own, l.limits.PerAddress) || !room(&c.listener.group, perListener) || !room(&l.all, total) {
		return evicted, false
	}
	l.byAddr[c.network] = own
	c.own = own
	for _, g := range c.groups() {
		g.count++
	}
	l.rest(c)
	return evicted, true
}

// victim is the oldest silent connection of a group, but for those of expected
// addresses. A newcomer that is expected itself may displace those, too.
func (l *Limiter) victim(g *group, expected bool) *Conn {
	for e := g.silent.Front(); e != nil; e = e.Next() {
		if c := e.Value.(*Conn); !l.isExpected(c.network) {
			return c
		}
	}
	if e := g.silent.Front(); e != nil && expected {
		return e.Value.(*Conn)
	}
	return nil
}

// forget takes a connection out of all counts. It needs the lock, and reports
// false if that was done before.
func (l *Limiter) forget(c *Conn) bool {
	if c.own == nil {
		return false
	}
	l.speak(c)
	for _, g := range c.groups() {
		g.count--
	}
	if c.own.count == 0 {
		delete(l.byAddr, c.network)
	}
	c.own = nil
	return true
}

// rest makes a connection one that may be displaced, as the newest. It needs the
// lock.
func (l *Limiter) rest(c *Conn) {
	if c.own == nil || c.silent[0] != nil {
		return
	}
	for i, g := range c.groups() {
		c.silent[i] = g.silent.PushBack(c)
	}
}

// speak notes that a connection is silent no more. It needs the lock.
func (l *Limiter) speak(c *Conn) {
	if c.own == nil || c.silent[0] == nil {
		return
	}
	for i, g := range c.groups() {
		g.silent.Remove(c.silent[i])
		c.silent[i] = nil
	}
}
