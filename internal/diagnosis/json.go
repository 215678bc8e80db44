package diagnosis

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
)

// WriteJSON writes the report for programs, indented. Lives and sessions are
// written one by one: of a large log they are many.
func (d *Diagnosis) WriteJSON(w io.Writer) error {
	log := *d.Log
	log.Lives, log.Sessions = nil, nil
	one := *d
	one.Log = &log
	frame, err := json.MarshalIndent(&one, "", indent)
	if err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	// A line's end stands in no string of JSON.
	before, rest, _ := bytes.Cut(frame, []byte("\n"+indent+`"lives": null`))
	between, after, _ := bytes.Cut(rest, []byte("\n"+indent+`"sessions": null`))
	s := &pieces{w: w}
	s.write(before)
	writeList(s, "lives", d.Lives)
	s.write(between)
	writeList(s, "sessions", d.Sessions)
	s.write(append(after, '\n'))
	if s.err != nil {
		return fmt.Errorf("write the report: %w", s.err)
	}
	return nil
}

const indent = "  "

// pieces writes piece after piece, and keeps the first error.
type pieces struct {
	w   io.Writer
	err error
}

func (s *pieces) write(text []byte) {
	if s.err == nil {
		_, s.err = s.w.Write(text)
	}
}

// writeList writes a field of the outermost object.
func writeList[T any](s *pieces, name string, list []T) {
	s.write([]byte("\n" + indent + `"` + name + `": [`))
	for i := range list {
		text, err := json.MarshalIndent(&list[i], indent+indent, indent)
		if err != nil && s.err == nil {
			s.err = err
		}
		if i > 0 {
			s.write([]byte(","))
		}
		s.write(append([]byte("\n"+indent+indent), text...))
	}
	if len(list) > 0 {
		s.write([]byte("\n" + indent))
	}
	s.write([]byte("]"))
}
