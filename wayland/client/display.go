package client

import (
	"fmt"

	"github.com/kennel-stream/kennel/wayland/wire"
)

// Messages of the wl_display (wayland.xml), which the runtime serves itself.
const (
	displaySync        = 0
	displayGetRegistry = 1

	displayError    = 0
	displayDeleteID = 1
)

var (
	displayInterface = &wire.Interface{
		Name: "wl_display", Version: 1,
		Requests: []wire.Message{{Name: "sync", Signature: "n", Since: 1}, {Name: "get_registry", Signature: "n", Since: 1}},
		Events:   []wire.Message{{Name: "error", Signature: "ous", Since: 1}, {Name: "delete_id", Signature: "u", Since: 1}},
	}
	callbackInterface = &wire.Interface{
		Name: "wl_callback", Version: 1,
		Events: []wire.Message{{Name: "done", Signature: "u", Since: 1, Destructor: true}},
	}
)

// displayObject is the wl_display, object 1 of each connection.
type displayObject struct{ Proxy }

// Dispatch implements Object for the events of the wl_display.
func (d *displayObject) Dispatch(opcode uint16, e *Event) {
	c := d.conn
	switch opcode {
	case displayError:
		object, code, message := e.Uint(), e.Uint(), e.String()
		if e.Ready(true) {
			fault := &ProtocolError{Object: object, Code: code, Message: message}
			if o := c.objects.get(object); o != nil {
				fault.Interface = o.Base().iface.Name
			}
			c.fail(fault)
		}
	case displayDeleteID:
		id := e.Uint()
		if o := c.objects.get(id); e.Ready(true) && o != nil && id != d.id {
			o.Base().dead = true // or its requests would go to the next of that id
			c.objects.remove(id)
		}
	}
}

// GetRegistry makes registry, a new wl_registry of generated code, announce
// the globals (wayland.xml wl_display.get_registry).
func (c *Conn) GetRegistry(registry Object, iface *wire.Interface) {
	if q, ok := c.display.BeginRequest(displayGetRegistry, 1); ok {
		q.NewID(registry, iface, 1)
		q.End(false)
	}
}

// callback is the wl_callback of a Roundtrip.
type callback struct {
	Proxy
	done bool
}

// Dispatch implements Object for wl_callback.done.
func (b *callback) Dispatch(_ uint16, e *Event) {
	e.Uint()
	b.done = e.Ready(true)
}

func (c *Conn) sync(done *callback) error {
	if q, ok := c.display.BeginRequest(displaySync, 1); ok {
		q.NewID(done, callbackInterface, 1)
		q.End(false)
	}
	return c.err
}

// dispatch has the object of an event decode it. An object that is unknown
// has ended, for both sides: libwayland ignores such events too.
func (c *Conn) dispatch(m wire.RawMessage) {
	o := c.objects.get(m.Object)
	if o == nil {
		return
	}
	p := o.Base()
	if int(m.Opcode) >= len(p.iface.Events) {
		c.fail(fmt.Errorf("the compositor sent event %d of %s#%d, which has none of that number", m.Opcode, p.iface.Name, p.id))
		return
	}
	c.handle(o, m)
}
