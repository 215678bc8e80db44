package client

import (
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/kennel-stream/kennel/wayland/wire"
)

// Object is a typed proxy. The generated types implement it.
type Object interface {
	// Base returns the untyped part.
	Base() *Proxy
	// Dispatch decodes one event and calls the listener. It is for the
	// runtime, which has checked that the interface has the opcode.
	Dispatch(opcode uint16, e *Event)
}

// Proxy is the untyped part of an object, which the typed ones embed. The
// zero value is a dead object: its requests are dropped.
type Proxy struct {
	conn    *Conn
	iface   *wire.Interface
	id      uint32
	version uint32
	dead    bool
}

// Base returns p.
func (p *Proxy) Base() *Proxy { return p }

// ID returns the object id.
func (p *Proxy) ID() uint32 { return p.id }

// Version returns the bound version.
func (p *Proxy) Version() uint32 { return p.version }

// Conn returns the connection, nil for an object that was never made.
func (p *Proxy) Conn() *Conn { return p.conn }

// Alive reports whether requests can be sent: the object was not destroyed.
func (p *Proxy) Alive() bool { return p != nil && p.conn != nil && !p.dead }

// BeginRequest starts a request for the generated code. It is false, and the
// request must be dropped, when the object is dead, its version is before
// since, or the connection is over.
func (p *Proxy) BeginRequest(opcode uint16, since uint32) (*Request, bool) {
	if !p.Alive() || p.version < since || p.conn.err != nil {
		return nil, false
	}
	p.conn.conn.Begin(p.id, opcode)
	return (*Request)(p), true
}

// Request encodes the arguments of one request. It is for generated code.
type Request Proxy

// Encoder returns what takes the arguments that are no objects.
func (q *Request) Encoder() *wire.Encoder { return &q.conn.conn.Encoder }

// Object appends an object, nil for null. A needed one that is null or dead
// fails the connection: the program is wrong.
func (q *Request) Object(p *Proxy, nullable bool) {
	var id uint32
	if p.Alive() && p.conn == q.conn {
		id = p.id
	}
	if id == 0 && !nullable {
		q.conn.fail(fmt.Errorf("request of %s#%d needs an object that is not null and lives", q.iface.Name, q.id))
	}
	q.Encoder().Uint(id)
}

// NewID appends the id of a new object, and makes o that object.
func (q *Request) NewID(o Object, iface *wire.Interface, version uint32) {
	id, err := q.conn.objects.add(o)
	if err != nil {
		q.conn.fail(err)
		return
	}
	*o.Base() = Proxy{conn: q.conn, iface: iface, id: id, version: version}
	q.Encoder().Uint(id)
}

// End queues the request. After a destructor the object is dead.
func (q *Request) End(destructor bool) {
	if q.conn.err != nil {
		q.Encoder().Cancel()
		return
	}
	if err := q.Encoder().End(); err != nil {
		q.conn.fail(fmt.Errorf("queue request of %s#%d: %w", q.iface.Name, q.id, err))
	}
	if destructor {
		q.dead = true
	}
}

// Event decodes the arguments of one event. It is for generated code.
type Event struct {
	wire.Decoder
	target *Proxy
	fds    []int // taken from the queue; they go to the listener
}

// handle has o decode an event. That of a dead object is decoded for its
// descriptors and new objects only.
func (c *Conn) handle(o Object, m wire.RawMessage) {
	e := &c.event
	e.target, e.fds = o.Base(), e.fds[:0]
	e.Reset(m.Body, c.conn.FDs())
	destructor := e.target.iface.Events[m.Opcode].Destructor
	o.Dispatch(m.Opcode, e)
	if destructor {
		o.Base().dead = true
	}
}

// FD takes a descriptor.
func (e *Event) FD() int {
	fd := e.Decoder.FD()
	if fd >= 0 {
		e.fds = append(e.fds, fd)
	}
	return fd
}

// NewID decodes the id of an object that the compositor made, and makes o
// that object, at the version of the event's object.
func (e *Event) NewID(o Object, iface *wire.Interface) {
	id := e.Uint()
	if e.Err() != nil {
		return
	}
	c := e.target.conn
	if err := c.objects.adopt(id, o); err != nil {
		c.fail(err)
		return
	}
	*o.Base() = Proxy{conn: c, iface: iface, id: id, version: e.target.version}
}

// ObjectArg decodes an object of type T; nil for null, for one that was
// destroyed, and for one of another type.
func ObjectArg[T Object](e *Event) T {
	var none T
	o, ok := e.target.conn.objects.get(e.Uint()).(T)
	if !ok || !o.Base().Alive() {
		return none
	}
	return o
}

// Ready ends the decoding. It is true if the listener is to be called, which
// then owns the descriptors; without a listener, for a dead object, or after
// an error, they are closed.
func (e *Event) Ready(listening bool) bool {
	c := e.target.conn
	if err := e.Finish(); err != nil {
		c.fail(fmt.Errorf("decode event of %s#%d: %w", e.target.iface.Name, e.target.id, err))
	}
	if listening && !e.target.dead && c.err == nil {
		return true
	}
	for _, fd := range e.fds {
		_ = unix.Close(fd)
	}
	return false
}
