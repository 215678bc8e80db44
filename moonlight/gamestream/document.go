package gamestream

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// element is one element of an answer. text is what stands directly in it.
type element struct {
	name     string
	text     string
	children []*element
}

// document is a parsed answer.
type document struct {
	status StatusError
	root   *element
}

// parseDocument reads an answer. It takes what real hosts send: broken UTF-8,
// an encoding declaration that is a lie (GFE says UTF-16), unknown elements. It
// refuses what no host sends: deep nesting, thousands of elements.
func parseDocument(body []byte) (*document, error) {
	if len(body) > maxXMLBytes {
		return nil, fmt.Errorf("%w: more than %d bytes of XML", ErrMalformed, maxXMLBytes)
	}
	decoder := xml.NewDecoder(bytes.NewReader(bytes.ToValidUTF8(body, []byte("?"))))
	decoder.CharsetReader = func(_ string, input io.Reader) (io.Reader, error) { return input, nil }
	d := &document{}
	open := make([]*element, 0, maxDepth)
	for count := 0; ; count++ {
		token, err := decoder.Token()
		switch {
		case errors.Is(err, io.EOF) && d.root != nil && len(open) == 0:
			return d, nil
		case err != nil:
			return nil, fmt.Errorf("%w: not XML: %w", ErrMalformed, err)
		case count > maxTokens:
			return nil, fmt.Errorf("%w: more than %d pieces of XML", ErrMalformed, maxTokens)
		}
		switch token := token.(type) {
		case xml.StartElement:
			if open, err = d.enter(open, token); err != nil {
				return nil, err
			}
		case xml.CharData:
			if len(open) > 0 {
				open[len(open)-1].text += string(token)
			}
		case xml.EndElement:
			open = open[:len(open)-1] // the decoder checks that they match
		}
	}
}

// enter begins an element inside the open ones.
func (d *document) enter(open []*element, start xml.StartElement) ([]*element, error) {
	e := &element{name: start.Name.Local}
	switch {
	case len(open) == maxDepth:
		return nil, fmt.Errorf("%w: XML nested deeper than %d", ErrMalformed, maxDepth)
	case len(open) > 0:
		parent := open[len(open)-1]
		parent.children = append(parent.children, e)
	case d.root != nil || e.name != "root":
		return nil, fmt.Errorf("%w: the XML has no root element", ErrMalformed)
	default:
		d.root = e
		if err := d.readStatus(start.Attr); err != nil {
			return nil, err
		}
	}
	return append(open, e), nil
}

func (d *document) readStatus(attributes []xml.Attr) error {
	for _, attribute := range attributes {
		switch attribute.Name.Local {
		case "status_code":
			// Some hosts print codes unsigned, beyond 31 bits.
			code, err := strconv.ParseInt(attribute.Value, 10, 64)
			if err != nil || code < -1<<31 || code > 1<<32-1 {
				return fmt.Errorf("%w: status_code is no number", ErrMalformed)
			}
			d.status.Code = int(int32(code))
		case "status_message":
			d.status.Message = printable(attribute.Value)
		}
	}
	return nil
}

// err is the *StatusError of an answer that is not 200.
func (d *document) err() error {
	if d.status.Code == StatusOK {
		return nil
	}
	return &d.status
}

// find gives the child of that name, or nil.
func (e *element) find(name string) *element {
	if e == nil {
		return nil
	}
	for _, child := range e.children {
		if child.name == name {
			return child
		}
	}
	return nil
}

// get gives the text of a child, without the space around it, or "".
func (e *element) get(name string) string {
	child := e.find(name)
	if child == nil {
		return ""
	}
	return strings.TrimSpace(child.text)
}

// number gives the number in a child, 0 where there is none or it is outside.
func (e *element) number(name string, low, high int64) int64 {
	value, err := strconv.ParseInt(e.get(name), 10, 64)
	if err != nil || value < low || value > high {
		return 0
	}
	return value
}
