package server

import (
	"fmt"
	"slices"

	"github.com/kennel-stream/kennel/wayland/wire"
)

// The interfaces that the runtime serves itself (wayland.xml).
var (
	displayInterface = &wire.Interface{
		Name: "wl_display", Version: 1,
		Requests: []wire.Message{{Name: "sync", Signature: "n", Since: 1}, {Name: "get_registry", Signature: "n", Since: 1}},
		Events:   []wire.Message{{Name: "error", Signature: "ous", Since: 1}, {Name: "delete_id", Signature: "u", Since: 1}},
	}
	registryInterface = &wire.Interface{
		Name: "wl_registry", Version: 1,
		Requests: []wire.Message{{Name: "bind", Signature: "usun", Since: 1}},
		Events:   []wire.Message{{Name: "global", Signature: "usu", Since: 1}, {Name: "global_remove", Signature: "u", Since: 1}},
	}
)

// Opcodes of requests and events of wl_display, wl_registry and wl_callback.
const (
	displaySync     = 0
	callbackDone    = 0
	displayError    = 0
	displayDeleteID = 1

	registryGlobal       = 0
	registryGlobalRemove = 1
)

// Global is something that clients can bind.
type Global struct {
	name    uint32
	iface   *wire.Interface
	version uint32
	bind    func(c *Client, id NewResource)
	removed bool
}

// Name returns the global's number in the registry.
func (g *Global) Name() uint32 { return g.name }

// NewResource is an object that a client is binding.
type NewResource struct {
	client  *Client
	id      uint32
	version uint32
}

// Register makes o the object. It is false after a protocol error, and o must
// not be used.
func (n NewResource) Register(o Object, iface *wire.Interface) bool {
	return n.client.register(o, n.id, n.version, iface)
}

// AddGlobal announces iface up to version, or to what the protocol file
// describes if that is less. bind must register an object; the generated
// AddXxx functions do.
func (d *Display) AddGlobal(iface *wire.Interface, version uint32, bind func(c *Client, id NewResource)) *Global {
	g := &Global{name: uint32(len(d.globals)) + 1, iface: iface, version: min(version, iface.Version), bind: bind}
	d.globals = append(d.globals, g)
	for c := range d.clients {
		for _, r := range c.registries {
			r.announce(g)
		}
	}
	return g
}

// RemoveGlobal tells clients that g is gone. They can still bind it: they may
// have asked before they heard of it.
func (d *Display) RemoveGlobal(g *Global) {
	if g.removed {
		return
	}
	g.removed = true
	for c := range d.clients {
		for _, r := range c.registries {
			if e, ok := r.BeginEvent(registryGlobalRemove, 1); ok {
				e.Encoder().Uint(g.name)
				e.End()
			}
		}
	}
}

// displayObject is the wl_display of one client.
type displayObject struct{ Resource }

// Dispatch implements Object.
func (o *displayObject) Dispatch(opcode uint16, q *Request) {
	c := o.client
	if opcode == displaySync {
		id := q.Uint()
		if q.Ready(true) {
			c.sync(id)
		}
		return
	}
	r := &registry{}
	q.NewID(r, registryInterface)
	if !q.Ready(true) {
		return
	}
	c.registries = append(c.registries, r)
	r.OnDestroy(func() {
		c.registries = slices.DeleteFunc(c.registries, func(o *registry) bool { return o == r })
	})
	for _, g := range c.display.globals {
		if !g.removed {
			r.announce(g)
		}
	}
}

// sync answers wl_display.sync at once: the callback never becomes an object.
func (c *Client) sync(id uint32) {
	if !c.claim(id) {
		return
	}
	c.objects.put(id, nil)
	c.conn.Begin(id, callbackDone)
	c.conn.Uint(c.display.serial)
	(*Event)(c).End()
	if !c.doomed {
		c.deleteID(id)
	}
}

// registry is a wl_registry.
type registry struct{ Resource }

// announce sends wl_registry.global.
func (r *registry) announce(g *Global) {
	if e, ok := r.BeginEvent(registryGlobal, 1); ok {
		e.Encoder().Uint(g.name)
		e.Encoder().String(g.iface.Name)
		e.Encoder().Uint(g.version)
		e.End()
	}
}

// Dispatch implements Object: wl_registry.bind.
func (r *registry) Dispatch(_ uint16, q *Request) {
	name, iface, version, id := q.Uint(), q.String(), q.Uint(), q.Uint()
	if !q.Ready(true) {
		return
	}
	c := r.client
	if name == 0 || int64(name) > int64(len(c.display.globals)) {
		c.PostError(&r.Resource, ErrorInvalidObject, fmt.Sprintf("there is no global %d", name))
		return
	}
	g := c.display.globals[name-1]
	if iface != g.iface.Name || version == 0 || version > g.version {
		c.PostError(&r.Resource, ErrorInvalidObject, fmt.Sprintf("global %d is %s up to version %d, not %.64q version %d", name, g.iface.Name, g.version, iface, version))
		return
	}
	if c.claim(id) {
		g.bind(c, NewResource{c, id, version})
	}
}
