package attack

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"sync/atomic"
	"time"
)

// Ports are the host's.
type Ports struct{ HTTP, HTTPS, RTSP, Video, Control, Audio int }

// PortsOf are the ports of a host that serves HTTP at base.
func PortsOf(base int) Ports {
	return Ports{HTTP: base, HTTPS: base - 5, Video: base + 9, Control: base + 10, Audio: base + 11, RTSP: base + 21}
}

// Order is one attack.
type Order struct {
	// Kind is a key of kinds.
	Kind string
	// From are the addresses to attack from; 127.0.0.1 if empty.
	From  []netip.Addr
	Ports Ports
	// Port is the one to attack, for kinds that attack any.
	Port int
	// Count bounds how often the attack is repeated, Rate how often per second:
	// 0 for as fast as it goes.
	Count, Rate int
	// Limit bounds the time. The attack ends at the latest then, also if it holds
	// something until its context ends.
	Limit time.Duration
	// Payloads are what kinds that replay send.
	Payloads [][]byte `json:",omitempty"`
	// UniqueID is that of a client that pairs.
	UniqueID string `json:",omitempty"`
}

// Result is what an attack came to.
type Result struct {
	Kind string
	// Sent counts datagrams, requests or connections.
	Sent int
	// Refused counts those that could not be sent or connected.
	Refused int
	// Bytes is what came back, Answers the beginnings of up to 16 of it.
	Bytes   int
	Answers []string `json:",omitempty"`
	Err     string   `json:",omitempty"`
}

// maxLimit bounds every attack that names no other limit.
const maxLimit = time.Minute

// kinds are the attacks.
var kinds = map[string]func(*run) error{
	"ping":           (*run).ping,
	"guess":          (*run).guess,
	"replay":         (*run).replay,
	"replay-control": (*run).replayControl,
	"garbage":        (*run).garbage,
	"disconnect":     (*run).disconnect,
	"command":        (*run).command,
	"roam":           (*run).roam,
	"connect":        (*run).connect,
	"idle":           (*run).idle,
	"drip":           (*run).drip,
	"half-tls":       (*run).halfTLS,
	"slow-read":      (*run).slowRead,
	"rtsp-plain":     (*run).rtspPlain,
	"rtsp-forge":     (*run).rtspForge,
	"pair":           (*run).pair,
	"unpair":         (*run).unpair,
	"out-of-order":   (*run).outOfOrder,
	"handshake":      (*run).handshake,
}

// run is one attack that runs.
type run struct {
	context.Context
	Order
	began time.Time

	sent, refused, bytes atomic.Int64
	answers              chan string
}

// Run attacks until the count is reached, or ctx or the limit ends.
func Run(ctx context.Context, o Order) Result {
	limit := o.Limit
	if limit <= 0 {
		limit = maxLimit
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	if len(o.From) == 0 {
		o.From = []netip.Addr{netip.AddrFrom4([4]byte{127, 0, 0, 1})}
	}
	r := &run{Context: ctx, Order: o, began: time.Now(), answers: make(chan string, 16)}
	result := Result{Kind: o.Kind}
	act := kinds[o.Kind]
	if err := o.loopback(); err != nil {
		result.Err = err.Error()
		return result
	}
	if act == nil {
		result.Err = fmt.Sprintf("there is no attack %q", o.Kind)
		return result
	}
	if err := act(r); err != nil {
		result.Err = err.Error()
	}
	result.Sent, result.Refused, result.Bytes = int(r.sent.Load()), int(r.refused.Load()), int(r.bytes.Load())
	close(r.answers)
	for a := range r.answers {
		result.Answers = append(result.Answers, a)
	}
	return result
}

func (o Order) loopback() error {
	for _, a := range o.From {
		if !a.IsLoopback() {
			return fmt.Errorf("%v is no loopback address", a)
		}
	}
	return nil
}

// heard books what came back.
func (r *run) heard(answer []byte) {
	r.bytes.Add(int64(len(answer)))
	select {
	case r.answers <- string(answer[:min(len(answer), 512)]):
	default:
	}
}

// pace waits until it is time for attempt i, and reports whether the attack
// goes on.
func (r *run) pace(i int) bool {
	if r.Count > 0 && i >= r.Count || r.Err() != nil {
		return false
	}
	if r.Rate <= 0 {
		return true
	}
	due := r.began.Add(time.Duration(i) * time.Second / time.Duration(r.Rate))
	wait := time.Until(due)
	if wait < 2*time.Millisecond { // small waits are made up for by bursts
		return true
	}
	select {
	case <-time.After(wait):
		return true
	case <-r.Done():
		return false
	}
}

// hold waits for the end of the attack.
func (r *run) hold() { <-r.Done() }

func (r *run) from(i int) netip.Addr { return r.From[i%len(r.From)] }

// target is a port of the host, which is always on 127.0.0.1.
func target(port int) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), uint16(port))
}

// dial opens a TCP connection from one of the addresses.
func (r *run) dial(i, port int) (net.Conn, error) {
	d := net.Dialer{
		LocalAddr: net.TCPAddrFromAddrPort(netip.AddrPortFrom(r.from(i), 0)),
		Timeout:   2 * time.Second,
	}
	c, err := d.DialContext(r, "tcp", target(port).String())
	if err != nil {
		r.refused.Add(1)
		return nil, err
	}
	r.sent.Add(1)
	return c, nil
}
