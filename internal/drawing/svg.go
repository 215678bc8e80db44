package drawing

import (
	"bytes"
	"fmt"
	"html"
	"strconv"

	"github.com/kennel-stream/kennel/internal/escape"
)

// SVG writes the picture as a file of its own.
func (p *Picture) SVG() []byte {
	var b bytes.Buffer
	p.open(&b, ` xmlns="http://www.w3.org/2000/svg"`)
	fmt.Fprintf(&b, `<rect width="%s" height="%s" class="%s" fill="%s"/>`+"\n", number(p.width), number(p.height), Paper, hex[Paper])
	p.close(&b)
	return b.Bytes()
}

// Element writes the picture as an element of a page of HTML, whose own
// background shows.
func (p *Picture) Element() []byte {
	var b bytes.Buffer
	p.open(&b, "")
	p.close(&b)
	return b.Bytes()
}

func (p *Picture) open(b *bytes.Buffer, space string) {
	fmt.Fprintf(b, `<svg%s viewBox="0 0 %s %s" role="img" font-family="Go,system-ui,'DejaVu Sans',sans-serif"><title>%s</title>`+"\n",
		space, number(p.width), number(p.height), html.EscapeString(escape.Text(p.title)))
}

func (p *Picture) close(b *bytes.Buffer) {
	for i := range p.shapes {
		p.shapes[i].svg(b)
	}
	b.WriteString("</svg>\n")
}

// number is a length to a tenth of a pixel, without needless digits.
func number(v float64) string {
	if v < 0 && v > -0.05 {
		v = 0
	}
	text := strconv.FormatFloat(v, 'f', 1, 64)
	if text[len(text)-2:] == ".0" {
		text = text[:len(text)-2]
	}
	return text
}

func (s *shape) svg(b *bytes.Buffer) {
	switch s.kind {
	case rectangle:
		a, z := s.points[0], s.points[1]
		fmt.Fprintf(b, `<rect x="%s" y="%s" width="%s" height="%s" class="%s" fill="%s"/>`, number(a.X), number(a.Y), number(z.X-a.X), number(z.Y-a.Y), s.colour, hex[s.colour])
	case dot:
		fmt.Fprintf(b, `<circle cx="%s" cy="%s" r="%s" class="%s" fill="%s"/>`, number(s.points[0].X), number(s.points[0].Y), number(s.size), s.colour, hex[s.colour])
	case line:
		fmt.Fprintf(b, `<polyline class="%s line" fill="none" stroke="%s" stroke-width="%s" stroke-linejoin="round" points="`, s.colour, hex[s.colour], number(s.size))
		for i, at := range s.points {
			if i > 0 {
				b.WriteByte(' ')
			}
			fmt.Fprintf(b, "%s,%s", number(at.X), number(at.Y))
		}
		b.WriteString(`"/>`)
	case words:
		t := &s.text
		fmt.Fprintf(b, `<text x="%s" y="%s" font-size="%s" class="%s" fill="%s"`, number(t.At.X), number(t.At.Y), number(t.Size), s.colour, hex[s.colour])
		if t.Bold {
			b.WriteString(` font-weight="bold"`)
		}
		if t.Anchor != Start {
			fmt.Fprintf(b, ` text-anchor="%s"`, t.Anchor)
		}
		fmt.Fprintf(b, `>%s</text>`, html.EscapeString(escape.Text(t.Words)))
	}
	b.WriteByte('\n')
}
