package discovery

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"time"
)

// Service is what is announced.
type Service struct {
	// Instance is the name that people see; a dot in it becomes a hyphen, and
	// what passes 63 bytes is cut.
	Instance string
	// Type is the service's type, such as "_nvstream._tcp".
	Type string
	// Host is the label of a host name of the responder's own below .local, not
	// that of the machine.
	Host string
	Port uint16
	// TXT are the strings of the TXT record, at most 255 bytes each.
	TXT []string
}

// Options are what a Responder is made of.
type Options struct {
	Service Service
	// Interfaces are the names of those to announce on, with * for any
	// characters; none: those that Chosen takes by itself.
	Interfaces []string
	// Address limits the announcement to the interface that has it, and to this
	// address. The zero value: all addresses.
	Address netip.Addr
	// Port is 0 for DefaultPort.
	Port uint16
	// Report is told what happens, on the goroutine of Run. It may be nil.
	Report func(Event)
}

// Event is one thing that happened.
type Event struct {
	Kind EventKind
	// Name is the instance's present name, Interfaces those that it is
	// announced on.
	Name       string
	Interfaces []string
	// Err is why an interface cannot be used.
	Err error
}

// EventKind says what happened.
type EventKind int

// What can happen.
const (
	// Announced: the name is ours, on the named interfaces.
	Announced EventKind = iota
	// Renamed: another host has the name, so that the next one is tried.
	Renamed
	// NoInterface: there is no interface to announce on.
	NoInterface
	// LinkFailed: an interface cannot be used.
	LinkFailed
)

// Responder announces one service. Everything of it belongs to Run's goroutine.
type Responder struct {
	o       Options
	names   names
	attempt int
	links   []*link
	broken  map[string]bool // interfaces whose failure was reported
	empty   bool            // NoInterface was reported
	packets chan packet
	stage   stage
	timer   *time.Timer // of the next thing to send
	pending []pending
	clashes []time.Time // of conflicts, as far as they count
}

// New returns a responder; Run starts it.
func New(o Options) (*Responder, error) {
	if o.Port == 0 {
		o.Port = DefaultPort
	}
	if o.Service.Type == "" || o.Service.Port == 0 {
		return nil, errors.New("announce a service: it needs a type and a port")
	}
	for _, text := range o.Service.TXT {
		if len(text) > 255 {
			return nil, errors.New("announce a service: a string of its TXT record has more than 255 bytes")
		}
	}
	if o.Report == nil {
		o.Report = func(Event) {}
	}
	return &Responder{o: o, names: newNames(o.Service, 1), attempt: 1, broken: map[string]bool{}, packets: make(chan packet, 64)}, nil
}

// lookInterval is how soon a changed interface is noticed.
const lookInterval = 3 * time.Second

// Run announces until ctx ends, and then takes the announcement back.
func (r *Responder) Run(ctx context.Context) {
	reading, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer func() {
		r.goodbye()
		stop()
		for _, l := range r.links {
			l.close()
		}
		for _, l := range r.links {
			l.readers.Wait()
		}
	}()
	r.timer = time.NewTimer(time.Hour)
	defer r.timer.Stop()
	again := time.NewTicker(lookInterval)
	defer again.Stop()
	r.follow(reading)
	for {
		r.timer.Reset(time.Until(r.nextDue()))
		select {
		case <-ctx.Done():
			return
		case <-again.C:
			r.follow(reading)
		case p := <-r.packets:
			r.take(p, time.Now())
		case <-r.timer.C:
			now := time.Now()
			r.advance(now)
			r.sendPending(now)
		}
	}
}

// follow brings the links in line with the machine's interfaces.
func (r *Responder) follow(ctx context.Context) {
	all, err := look(r.o.Interfaces, r.o.Address)
	if err != nil {
		r.o.Report(Event{Kind: LinkFailed, Err: err})
		return
	}
	changed := false
	r.links = slices.DeleteFunc(r.links, func(l *link) bool {
		i := slices.IndexFunc(all, func(f found) bool { return f.iface.Index == l.iface.Index && f.iface.Name == l.iface.Name })
		if i >= 0 && slices.Equal(all[i].prefixes, l.prefixes) {
			all = slices.Delete(all, i, i+1)
			return false
		}
		// A changed address is a new link: it is probed and announced afresh.
		l.close()
		r.forget(l)
		changed = true
		return true
	})
	for _, f := range all {
		l, err := openLink(ctx, f.iface, f.prefixes, r.o.Port, r.packets)
		if err != nil {
			if !r.broken[f.iface.Name] {
				r.broken[f.iface.Name] = true
				r.o.Report(Event{Kind: LinkFailed, Interfaces: []string{f.iface.Name}, Err: err})
			}
			continue
		}
		delete(r.broken, f.iface.Name)
		r.links = append(r.links, l)
		changed = true
	}
	if len(r.links) == 0 && !r.empty {
		r.o.Report(Event{Kind: NoInterface})
	}
	r.empty = len(r.links) == 0
	if changed {
		r.probe(time.Now().Add(jitter(0, probeInterval)))
	}
}

func (r *Responder) interfaces() []string {
	var all []string
	for _, l := range r.links {
		all = append(all, l.iface.Name)
	}
	return all
}

// ours are all records on all links: a host with two interfaces hears itself.
func (r *Responder) ours() []record {
	var addresses []netip.Addr
	for _, l := range r.links {
		addresses = append(addresses, l.addresses()...)
	}
	return r.records(kindAll, addresses)
}

// multicast sends to everybody on a link, over each address family.
func (r *Responder) multicast(l *link, raw []byte) {
	for _, conn := range l.conns {
		r.send(conn, l.groupOf(conn, r.o.Port), raw)
	}
}

// send cannot wait and does not insist: an interface may be going.
func (r *Responder) send(conn *net.UDPConn, to netip.AddrPort, raw []byte) {
	_ = conn.SetWriteDeadline(time.Now().Add(time.Second))
	_, _ = conn.WriteToUDPAddrPort(raw, to)
}
