package main

import (
	"encoding/xml"
	"fmt"
	"os"
	"slices"
	"strings"
)

// protocol is one protocol file (wayland.dtd).
type protocol struct {
	Name       string   `xml:"name,attr"`
	Interfaces []*iface `xml:"interface"`
}

type iface struct {
	Name        string     `xml:"name,attr"`
	Version     uint32     `xml:"version,attr"`
	Description summary    `xml:"description"`
	Requests    []*message `xml:"request"`
	Events      []*message `xml:"event"`
	Enums       []*enum    `xml:"enum"`
}

type message struct {
	Name        string  `xml:"name,attr"`
	Type        string  `xml:"type,attr"`
	Since       uint32  `xml:"since,attr"`
	Description summary `xml:"description"`
	Args        []*arg  `xml:"arg"`
}

type arg struct {
	Name      string `xml:"name,attr"`
	Type      string `xml:"type,attr"`
	Interface string `xml:"interface,attr"`
	AllowNull bool   `xml:"allow-null,attr"`
	Enum      string `xml:"enum,attr"`
}

type enum struct {
	Name    string  `xml:"name,attr"`
	Entries []entry `xml:"entry"`
}

type entry struct {
	Name    string `xml:"name,attr"`
	Value   string `xml:"value,attr"`
	Summary string `xml:"summary,attr"`
}

type summary struct {
	Text string `xml:"summary,attr"`
}

// since returns the version that brought the message.
func (m *message) since() uint32 { return max(m.Since, 1) }

func (m *message) destructor() bool { return m.Type == "destructor" }

// readProtocol reads a protocol file.
func readProtocol(path string) (*protocol, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read protocol: %w", err)
	}
	p := new(protocol)
	if err := xml.Unmarshal(data, p); err != nil {
		return nil, fmt.Errorf("parse protocol %s: %w", path, err)
	}
	if p.Name == "" || len(p.Interfaces) == 0 {
		return nil, fmt.Errorf("parse protocol %s: it has no name or no interfaces", path)
	}
	return p, nil
}

// laterEnums are arguments that only later versions of the protocol files
// declare to be enums.
var laterEnums = map[string]string{
	"xdg_positioner.set_constraint_adjustment.constraint_adjustment": "constraint_adjustment",
}

// nameEnums applies laterEnums.
func (p *protocol) nameEnums() {
	for _, i := range p.Interfaces {
		for _, m := range i.Requests {
			for _, a := range m.Args {
				if name := laterEnums[i.Name+"."+m.Name+"."+a.Name]; name != "" {
					a.Enum = name
				}
			}
		}
	}
}

// merge adds to p what more has beyond it.
func (p *protocol) merge(more *protocol) error {
	for _, add := range more.Interfaces {
		at := slices.IndexFunc(p.Interfaces, func(i *iface) bool { return i.Name == add.Name })
		if at < 0 {
			return fmt.Errorf("merge into protocol %s: it has no interface %s", p.Name, add.Name)
		}
		i := p.Interfaces[at]
		if i.Version > add.Version {
			return fmt.Errorf("merge into protocol %s: it has version %d of %s already: drop the addition", p.Name, i.Version, i.Name)
		}
		i.Version = add.Version
		i.Requests = append(i.Requests, add.Requests...)
		i.Events = append(i.Events, add.Events...)
		for _, e := range add.Enums {
			at := slices.IndexFunc(i.Enums, func(o *enum) bool { return o.Name == e.Name })
			if at < 0 {
				i.Enums = append(i.Enums, e)
			} else {
				i.Enums[at].Entries = append(i.Enums[at].Entries, e.Entries...)
			}
		}
	}
	return nil
}

// signature returns the argument letters of wire.Message.
func (m *message) signature() string {
	letters := map[string]string{"int": "i", "uint": "u", "fixed": "f", "string": "s", "object": "o", "new_id": "n", "array": "a", "fd": "h"}
	var b strings.Builder
	for _, a := range m.Args {
		l := letters[a.Type]
		switch {
		case a.Type == "new_id" && a.Interface == "":
			l = "sun" // the interface and version go along
		case a.AllowNull:
			l = strings.ToUpper(l)
		}
		b.WriteString(l)
	}
	return b.String()
}

// goName turns a protocol name into an exported Go name: wl_surface into
// WlSurface.
func goName(name string) string {
	var b strings.Builder
	for part := range strings.SplitSeq(name, "_") {
		if part != "" {
			b.WriteString(strings.ToUpper(part[:1]) + part[1:])
		}
	}
	return b.String()
}

// argName turns a protocol name into a Go parameter name that hides nothing.
func argName(name string) string {
	g := goName(name)
	g = strings.ToLower(g[:1]) + g[1:]
	switch g {
	case "interface", "type", "func", "range", "map", "select", "go", "default", "q", "r", "e", "p", "string", "len", "wire", "server", "client", "ok":
		return g + "Arg"
	}
	return g
}
