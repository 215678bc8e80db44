package main

import (
	"fmt"
	"strings"
)

// clientCode returns the file of package wlclient for p.
func clientCode(p *protocol, xmlFile string) ([]byte, error) {
	var w writer
	for _, i := range p.Interfaces {
		if i.Name != "wl_display" { // package client serves it
			w.clientInterface(i)
		}
	}
	return w.source("wlclient", xmlFile, module+"client", module+"wire")
}

func (w *writer) clientInterface(i *iface) {
	name := goName(i.Name)
	w.table(i)
	w.enums(i)
	w.doc(fmt.Sprintf("%s is a %s", name, i.Name), i.Description.Text)
	w.f("type %s struct {\nclient.Proxy", name)
	if len(i.Events) > 0 {
		w.f("listener %sListener", name)
	}
	w.f("}\n")
	if len(i.Events) > 0 {
		w.listener(i)
	}
	w.binder(i)
	w.clientDispatch(i)
	for opcode, m := range i.Requests {
		w.request(i, opcode, m)
	}
}

// binder emits the function that binds a global.
func (w *writer) binder(i *iface) {
	if i.Name == "wl_registry" || i.Name == "wl_callback" {
		return
	}
	name := goName(i.Name)
	w.f("// Bind%s binds the global of that number in the registry.", name)
	w.f("func Bind%s(registry *WlRegistry, number, version uint32) *%s {", name, name)
	w.f("p := new(%s)\nregistry.Bind(number, %sInterface.Name, version, p, %sInterface)\nreturn p\n}\n", name, name, name)
}

// listener emits the struct of event callbacks.
func (w *writer) listener(i *iface) {
	name := goName(i.Name)
	w.f("// %sListener has what to call for the events of a %s; nil ignores one.\n// Descriptors are the listener's to close.", name, i.Name)
	w.f("type %sListener struct {", name)
	for _, m := range i.Events {
		var params []string
		for _, a := range m.Args {
			params = append(params, argName(a.Name)+" "+a.goType(i.Name))
		}
		w.doc(fmt.Sprintf("%s is %s.%s (since version %d)", goName(m.Name), i.Name, m.Name, m.since()), m.Description.Text)
		w.f("%s func(%s)", goName(m.Name), strings.Join(params, ", "))
	}
	w.f("}\n")
	w.f("// SetListener sets what to call for the events of p.")
	w.f("func (p *%s) SetListener(l %sListener) { p.listener = l }\n", name, name)
}

// clientDispatch emits the decoder of events.
func (w *writer) clientDispatch(i *iface) {
	name := goName(i.Name)
	w.f("// Dispatch implements client.Object.")
	if len(i.Events) == 0 {
		w.f("func (p *%s) Dispatch(uint16, *client.Event) {}\n", name)
		return
	}
	w.f("func (p *%s) Dispatch(opcode uint16, e *client.Event) {\nswitch opcode {", name)
	for opcode, m := range i.Events {
		w.f("case %d: // %s", opcode, m.Name)
		var call []string
		for _, a := range m.Args {
			n := argName(a.Name)
			call = append(call, n)
			switch {
			case a.Type == "new_id":
				w.f("%s := new(%s)\ne.NewID(%s, %sInterface)", n, goName(a.Interface), n, goName(a.Interface))
			case a.isObject():
				w.f("%s := client.ObjectArg[*%s](e)", n, goName(a.Interface))
			case a.Enum != "" && a.enumType(i.Name) != "uint32":
				w.f("%s := %s(e.%s())", n, a.enumType(i.Name), a.method())
			default:
				w.f("%s := e.%s()", n, a.method())
			}
		}
		w.f("if e.Ready(p.listener.%s != nil) {\np.listener.%s(%s)\n}", goName(m.Name), goName(m.Name), strings.Join(call, ", "))
	}
	w.f("}\n}\n")
}

// request emits the method that sends a request. It returns the new object.
func (w *writer) request(i *iface, opcode int, m *message) {
	name := goName(i.Name)
	var params []string
	result, ret := "", ""
	for _, a := range m.Args {
		n := argName(a.Name)
		switch {
		case a.Type == "new_id" && a.Interface == "":
			params = append(params, "ifaceName string", "version uint32", n+" client.Object", n+"Interface *wire.Interface")
		case a.Type == "new_id":
			result, ret = "*"+goName(a.Interface), n
		default:
			params = append(params, n+" "+a.goType(i.Name))
		}
	}
	w.doc(fmt.Sprintf("%s sends %s.%s (since version %d)", goName(m.Name), i.Name, m.Name, m.since()), m.Description.Text)
	w.f("func (p *%s) %s(%s) %s {", name, goName(m.Name), strings.Join(params, ", "), result)
	if ret != "" {
		w.f("%s := new(%s)", ret, result[1:])
	}
	w.f("q, ok := p.BeginRequest(%d, %d)\nif !ok {\nreturn %s\n}", opcode, m.since(), ret)
	for _, a := range m.Args {
		w.requestArg(i, a)
	}
	w.f("q.End(%t)", m.destructor())
	if ret != "" {
		w.f("return %s", ret)
	}
	w.f("}\n")
}

func (w *writer) requestArg(i *iface, a *arg) {
	n := argName(a.Name)
	switch {
	case a.Type == "new_id" && a.Interface == "":
		w.f("q.Encoder().String(ifaceName)\nq.Encoder().Uint(version)\nq.NewID(%s, %sInterface, version)", n, n)
	case a.Type == "new_id":
		w.f("q.NewID(%s, %sInterface, p.Version())", n, goName(a.Interface))
	case a.isObject():
		w.f("var %sBase *client.Proxy\nif %s != nil {\n%sBase = %s.Base()\n}", n, n, n, n)
		w.f("q.Object(%sBase, %t)", n, a.AllowNull)
	case a.Enum != "" && a.enumType(i.Name) != a.wireType():
		w.f("q.Encoder().%s(%s(%s))", a.method(), a.wireType(), n)
	default:
		w.f("q.Encoder().%s(%s)", a.method(), n)
	}
}
