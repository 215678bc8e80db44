package logsource

import (
	"bytes"
	"io"
)

// unwrap takes lines out of the records of transports that cannot be searched as
// they are. Prefixes of lines are left to the grammar. Every record gives as
// many lines as it has, so that numbers of lines stay those of the file.
func unwrap(head []byte, from io.Reader) io.Reader {
	first := bytes.TrimLeft(head, "\r\n")
	if i := bytes.IndexByte(first, '\n'); i >= 0 {
		first = first[:i]
	}
	_, docker := cutRecord(first)
	switch {
	case docker:
		return &converter{from: from, records: new(jsonFile)}
	case bytes.HasPrefix(first, []byte("{")) && bytes.Contains(first, []byte(`"__REALTIME_TIMESTAMP"`)):
		return &converter{from: from, records: journalJSON{}}
	case bytes.HasPrefix(first, []byte("__CURSOR=")) || bytes.HasPrefix(first, []byte("__REALTIME_TIMESTAMP=")):
		return &converter{from: from, records: new(journalExport)}
	case isCRI(first):
		return &converter{from: from, records: new(criLog)}
	}
	return from
}

const (
	// mostLine bounds a line of a transport; what is longer is cut.
	mostLine = 1 << 20
	// conversionSize is how much is converted at a time.
	conversionSize = 256 << 10
)

// records is a form of transport.
type records interface {
	// convert appends what is to be read in the place of a line without its end.
	convert(out, line []byte) []byte
	// flush appends what it holds back at the end of the log.
	flush(out []byte) []byte
}

// converter gives every line to a transport's form.
type converter struct {
	from    io.Reader
	records records
	in      []byte // read, not converted: the beginning of a line
	out     []byte
	at      int  // of out, what was read of it
	cutting bool // the rest of a line that is too long is dropped
	err     error
}

// Read gives converted lines.
func (c *converter) Read(p []byte) (int, error) {
	for c.at == len(c.out) {
		if c.err != nil {
			return 0, c.err
		}
		c.at, c.out = 0, c.out[:0]
		if c.fill() == 0 && c.err == nil {
			return 0, nil
		}
		c.lines()
	}
	n := copy(p, c.out[c.at:])
	c.at += n
	return n, nil
}

func (c *converter) fill() int {
	begin := len(c.in)
	if cap(c.in)-begin < conversionSize {
		c.in = append(make([]byte, 0, max(2*cap(c.in), 2*conversionSize)), c.in...)
	}
	n, err := c.from.Read(c.in[begin : begin+conversionSize])
	c.in, c.err = c.in[:begin+n], err
	return n
}

// lines converts what is whole.
func (c *converter) lines() {
	rest := c.in
	for {
		i := bytes.IndexByte(rest, '\n')
		if i < 0 {
			break
		}
		if !c.cutting {
			c.out = c.records.convert(c.out, rest[:i])
		}
		c.cutting = false
		rest = rest[i+1:]
	}
	if c.err != nil || len(rest) > mostLine {
		if !c.cutting && len(rest) > 0 {
			c.out = c.records.convert(c.out, rest)
		}
		c.cutting, rest = true, nil
	}
	c.in = c.in[:copy(c.in, rest)]
	if c.err != nil {
		c.out = c.records.flush(c.out)
	}
}
