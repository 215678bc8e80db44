package server

import (
	"fmt"

	"github.com/kennel-stream/kennel/wayland/wire"
)

// Object is a typed resource of a client. The generated types implement it.
type Object interface {
	// Base returns the untyped part.
	Base() *Resource
	// Dispatch decodes one request and calls the handler. It is for the
	// runtime, which has checked that the bound version has the opcode.
	Dispatch(opcode uint16, q *Request)
}

// Resource is the untyped part of an object, which the typed ones embed.
type Resource struct {
	client  *Client
	iface   *wire.Interface
	id      uint32
	version uint32
	dead    bool
	onEnd   []func()
}

// setup fills in a resource that is put into the map of its client.
func (r *Resource) setup(c *Client, id, version uint32, iface *wire.Interface) {
	r.client, r.id, r.version, r.iface = c, id, version, iface
}

// Base returns r.
func (r *Resource) Base() *Resource { return r }

// ID returns the object id.
func (r *Resource) ID() uint32 { return r.id }

// Version returns the version that the client bound.
func (r *Resource) Version() uint32 { return r.version }

// Client returns whom the resource belongs to.
func (r *Resource) Client() *Client { return r.client }

// Interface returns the description of the resource's interface.
func (r *Resource) Interface() *wire.Interface { return r.iface }

// Alive reports whether the resource exists and its client is being served.
func (r *Resource) Alive() bool { return r != nil && r.client != nil && !r.dead && !r.client.doomed }

// OnDestroy has f called on the loop when the resource is destroyed, by a
// request, by Destroy, or with its client. Callbacks run in the order in which
// they were added; the resource is dead then.
func (r *Resource) OnDestroy(f func()) { r.onEnd = append(r.onEnd, f) }

// PostError sends a protocol error about r and disconnects the client.
func (r *Resource) PostError(code uint32, format string, args ...any) {
	if r.client != nil {
		r.client.PostError(r, code, fmt.Sprintf(format, args...))
	}
}

// Destroy ends the resource and lets the client reuse its id. Destroying a
// dead one does nothing. Only objects without requests should be destroyed on
// the server's own account: the client may have sent requests meanwhile.
func (r *Resource) Destroy() { r.remove(false) }

// remove ends the resource; asked is true if a destructor request did it.
func (r *Resource) remove(asked bool) {
	if r == nil || r.client == nil || r.dead {
		return
	}
	c := r.client
	r.destroy()
	c.objects.remove(r.id, asked)
	if !c.doomed && r.id < wire.ServerIDBase {
		c.deleteID(r.id)
	}
}

// destroy marks r dead and runs its callbacks.
func (r *Resource) destroy() {
	if r.dead {
		return
	}
	r.dead = true
	for _, f := range r.onEnd {
		f()
	}
	r.onEnd = nil
}

// BeginEvent starts an event for the generated code. It is false, and the
// event must be dropped, when the resource is dead or was bound at a version
// before since.
func (r *Resource) BeginEvent(opcode uint16, since uint32) (*Event, bool) {
	if r.dead || r.client == nil || r.client.doomed || r.version < since {
		return nil, false
	}
	r.client.conn.Begin(r.id, opcode)
	return (*Event)(r.client), true
}

// Event encodes the arguments of one event. It is for generated code.
type Event Client

// Encoder returns what takes the arguments that are no objects.
func (e *Event) Encoder() *wire.Encoder { return &e.conn.Encoder }

// Object appends an object (nil for null). It is false, and the event was
// dropped, when a needed object is null or dead or another client's; an
// object that may be null is null then.
func (e *Event) Object(r *Resource, nullable bool) bool {
	var id uint32
	if r != nil && !r.dead && r.client == (*Client)(e) {
		id = r.id
	}
	if id == 0 && !nullable {
		e.conn.Cancel()
		return false
	}
	e.conn.Uint(id)
	return true
}

// End queues the event. One that is too large is dropped; a client whose
// queue is full is disconnected.
func (e *Event) End() {
	c := (*Client)(e)
	switch err := c.conn.End(); err {
	case nil:
		c.changed()
	case wire.ErrQueueFull:
		c.Disconnect("it does not read its events: " + err.Error())
	}
}

// deleteID tells the client that it may reuse an id.
func (c *Client) deleteID(id uint32) {
	c.conn.Begin(wire.DisplayID, displayDeleteID)
	c.conn.Uint(id)
	(*Event)(c).End()
}
