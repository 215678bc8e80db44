package server

import (
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/kennel-stream/kennel/wayland/wire"
)

// Request decodes the arguments of one request. It is for generated code. A
// wrong argument ends the client with a protocol error, and Ready is false.
type Request struct {
	client *Client
	target *Resource
	dec    wire.Decoder
	fds    []int // taken from the queue; they go to the handler
}

// dispatch handles one request.
func (c *Client) dispatch(m wire.RawMessage) {
	o := c.objects.get(m.Object)
	if o == nil {
		c.PostError(nil, ErrorInvalidObject, fmt.Sprintf("there is no object %d", m.Object))
		return
	}
	r := o.Base()
	if int(m.Opcode) >= len(r.iface.Requests) || r.iface.Requests[m.Opcode].Since > r.version {
		c.PostError(nil, ErrorInvalidMethod, fmt.Sprintf("%s#%d of version %d has no request %d", r.iface.Name, r.id, r.version, m.Opcode))
		return
	}
	q := &c.request
	q.client, q.target, q.fds = c, r, q.fds[:0]
	q.dec.Reset(m.Body, c.conn.FDs())
	o.Dispatch(m.Opcode, q)
	if r.iface.Requests[m.Opcode].Destructor && !c.doomed {
		r.remove(true)
	}
}

// Int decodes a signed integer.
func (q *Request) Int() int32 { return q.dec.Int() }

// Uint decodes an unsigned integer.
func (q *Request) Uint() uint32 { return q.dec.Uint() }

// Fixed decodes a fixed-point number.
func (q *Request) Fixed() wire.Fixed { return q.dec.Fixed() }

// String decodes a string.
func (q *Request) String() string { return q.dec.String() }

// NullableString decodes a string, nil for null.
func (q *Request) NullableString() *string { return q.dec.NullableString() }

// Array decodes an array, which is valid until the handler returns.
func (q *Request) Array() []byte { return q.dec.Array() }

// FD takes a descriptor.
func (q *Request) FD() int {
	fd := q.dec.FD()
	if fd >= 0 {
		q.fds = append(q.fds, fd)
	}
	return fd
}

// NewID decodes the id of a new object, and makes o that object, at the
// version of the request's target.
func (q *Request) NewID(o Object, iface *wire.Interface) {
	id := q.dec.Uint()
	if q.dec.Err() == nil {
		q.client.register(o, id, q.target.version, iface)
	}
}

// register puts o into the map at an id that the client chose. It is false
// after a protocol error.
func (c *Client) register(o Object, id, version uint32, iface *wire.Interface) bool {
	if !c.claim(id) {
		return false
	}
	o.Base().setup(c, id, version, iface)
	c.objects.put(id, o)
	return true
}

// claim checks that the client may use id for a new object.
func (c *Client) claim(id uint32) bool {
	switch {
	case c.doomed:
		return false
	case !c.objects.usable(id):
		c.PostError(nil, ErrorInvalidObject, fmt.Sprintf("object id %d is in use or out of order", id))
		return false
	case c.objects.count >= c.display.options.MaxObjects:
		c.PostNoMemory(fmt.Sprintf("more than %d objects", c.display.options.MaxObjects))
		return false
	}
	return true
}

// ObjectArg decodes an object of type T, nil for null.
func ObjectArg[T Object](q *Request, nullable bool) T {
	var none T
	id := q.dec.Uint()
	if q.dec.Err() != nil || (id == 0 && nullable) {
		return none
	}
	o, ok := q.client.objects.get(id).(T)
	if !ok {
		q.client.PostError(nil, ErrorInvalidObject, fmt.Sprintf("%s#%d: object %d is not what the request needs", q.target.iface.Name, q.target.id, id))
		return none
	}
	return o
}

// Ready ends the decoding. It is true if the handler is to be called, which
// then owns the descriptors; without a handler, or after an error, they are
// closed.
func (q *Request) Ready(handled bool) bool {
	if err := q.dec.Finish(); err != nil {
		q.client.PostError(nil, ErrorInvalidMethod, fmt.Sprintf("arguments for %s#%d: %v", q.target.iface.Name, q.target.id, err))
	}
	if handled && !q.client.doomed {
		return true
	}
	for _, fd := range q.fds {
		_ = unix.Close(fd)
	}
	return false
}

// NewServerObject makes o an object of the server's, such as a wl_data_offer,
// at version. Generated functions wrap it. It must be announced by an event
// that carries it as new id. A client with too many objects is disconnected,
// and o is dead.
func NewServerObject(c *Client, o Object, version uint32, iface *wire.Interface) {
	if c.objects.count >= c.display.options.MaxObjects {
		c.PostNoMemory(fmt.Sprintf("more than %d objects", c.display.options.MaxObjects))
	}
	if c.doomed {
		o.Base().setup(c, 0, version, iface)
		o.Base().dead = true
		return
	}
	o.Base().setup(c, 0, version, iface)
	o.Base().id = c.objects.add(o)
}
