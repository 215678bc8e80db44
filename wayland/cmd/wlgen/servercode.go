package main

import (
	"fmt"
	"strings"
)

// servedByRuntime are the interfaces that package server implements itself.
var servedByRuntime = map[string]bool{"wl_display": true, "wl_registry": true}

// serverCode returns the file of package wlserver for p.
func serverCode(p *protocol, xmlFile string) ([]byte, error) {
	var w writer
	for _, i := range p.Interfaces {
		if !servedByRuntime[i.Name] {
			w.serverInterface(i)
		}
	}
	return w.source("wlserver", xmlFile, module+"server", module+"wire")
}

func (w *writer) serverInterface(i *iface) {
	name := goName(i.Name)
	w.table(i)
	w.enums(i)
	w.doc(fmt.Sprintf("%s is a %s", name, i.Name), i.Description.Text)
	w.f("type %s struct {\nserver.Resource", name)
	if len(i.Requests) > 0 {
		w.f("handler %sHandler", name)
	}
	w.f("}\n")
	if len(i.Requests) > 0 {
		w.handler(i)
	}
	w.f("// Alive reports whether r exists and its client is being served; nil is not.")
	w.f("func (r *%s) Alive() bool { return r != nil && r.Resource.Alive() }\n", name)
	w.constructors(i)
	w.dispatch(i)
	for opcode, m := range i.Events {
		w.event(i, opcode, m)
	}
}

// handler emits the interface of the handler and its accessors.
func (w *writer) handler(i *iface) {
	name := goName(i.Name)
	w.f("// %sHandler handles the requests of a %s. Descriptors are the handler's to close.", name, i.Name)
	w.f("type %sHandler interface {", name)
	for _, m := range i.Requests {
		w.doc(fmt.Sprintf("%s handles %s.%s (since version %d)", goName(m.Name), i.Name, m.Name, m.since()), m.Description.Text)
		params := []string{"r *" + name}
		for _, a := range m.Args {
			params = append(params, argName(a.Name)+" "+a.goType(i.Name))
		}
		w.f("%s(%s)", goName(m.Name), strings.Join(params, ", "))
	}
	w.f("}\n")
	w.f("// SetHandler sets who handles the requests of r; until then they are ignored.")
	w.f("func (r *%s) SetHandler(h %sHandler) { r.handler = h }\n", name, name)
	w.f("// Handler returns who handles the requests of r, nil if nobody does or r is nil.")
	w.f("func (r *%s) Handler() %sHandler {\nif r == nil {\nreturn nil\n}\nreturn r.handler\n}\n", name, name)
}

func (w *writer) constructors(i *iface) {
	name := goName(i.Name)
	w.f("// Add%s announces a global %s on d, up to version.", name, i.Name)
	w.f("func Add%s(d *server.Display, version uint32, bind func(c *server.Client, r *%s)) *server.Global {", name, name)
	w.f("return d.AddGlobal(%sInterface, version, func(c *server.Client, id server.NewResource) {", name)
	w.f("r := new(%s)\nif id.Register(r, %sInterface) {\nbind(c, r)\n}\n})\n}\n", name, name)
	w.f("// New%s makes a %s on the server's account, which an event must announce.", name, i.Name)
	w.f("func New%s(c *server.Client, version uint32) *%s {", name, name)
	w.f("r := new(%s)\nserver.NewServerObject(c, r, version, %sInterface)\nreturn r\n}\n", name, name)
}

// dispatch emits the decoder of requests.
func (w *writer) dispatch(i *iface) {
	name := goName(i.Name)
	w.f("// Dispatch implements server.Object.")
	if len(i.Requests) == 0 {
		w.f("func (r *%s) Dispatch(uint16, *server.Request) {}\n", name)
		return
	}
	w.f("func (r *%s) Dispatch(opcode uint16, q *server.Request) {\nswitch opcode {", name)
	for opcode, m := range i.Requests {
		w.f("case %d: // %s", opcode, m.Name)
		call := []string{"r"}
		for _, a := range m.Args {
			n := argName(a.Name)
			call = append(call, n)
			switch {
			case a.Type == "new_id":
				w.f("%s := new(%s)\nq.NewID(%s, %sInterface)", n, goName(a.Interface), n, goName(a.Interface))
			case a.isObject():
				w.f("%s := server.ObjectArg[*%s](q, %t)", n, goName(a.Interface), a.AllowNull)
			case a.Enum != "":
				w.f("%s := %s(q.%s())", n, a.enumType(i.Name), a.method())
			default:
				w.f("%s := q.%s()", n, a.method())
			}
		}
		w.f("if q.Ready(r.handler != nil) {\nr.handler.%s(%s)\n}", goName(m.Name), strings.Join(call, ", "))
	}
	w.f("}\n}\n")
}

// event emits the method that sends an event.
func (w *writer) event(i *iface, opcode int, m *message) {
	name := goName(i.Name)
	var params []string
	for _, a := range m.Args {
		params = append(params, argName(a.Name)+" "+a.goType(i.Name))
	}
	w.doc(fmt.Sprintf("Send%s sends %s.%s (since version %d)", goName(m.Name), i.Name, m.Name, m.since()), m.Description.Text)
	w.f("func (r *%s) Send%s(%s) {", name, goName(m.Name), strings.Join(params, ", "))
	w.f("if r == nil {\nreturn\n}\ne, ok := r.BeginEvent(%d, %d)\nif !ok {\nreturn\n}", opcode, m.since())
	for _, a := range m.Args {
		w.eventArg(a)
	}
	w.f("e.End()\n}\n")
}

func (w *writer) eventArg(a *arg) {
	n := argName(a.Name)
	switch {
	case a.isObject():
		base := n + "Base"
		w.f("var %s *server.Resource\nif %s != nil {\n%s = %s.Base()\n}", base, n, base, n)
		w.f("if !e.Object(%s, %t) {\nreturn\n}", base, a.AllowNull)
	case a.Enum != "":
		w.f("e.Encoder().%s(%s(%s))", a.method(), a.wireType(), n)
	default:
		w.f("e.Encoder().%s(%s)", a.method(), n)
	}
}
