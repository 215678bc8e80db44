package logsource

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"io"
	"slices"
	"strings"

	"github.com/kennel-stream/kennel/internal/wolflog"
)

// exported takes the lines of a log out of an export: objects of JSON, one a
// line, or CSV.
func exported(_ string, head []byte, from io.Reader) (io.Reader, error) {
	if isOwnJSON(head) {
		return from, nil
	}
	objects, rows, all := 0, 0, 0
	// A line of a log that has commas in it is no row of fields.
	row := func(line []byte, text string) bool {
		return text != string(line) && wolflog.Parse(text).Shape != wolflog.Free && !bytes.HasPrefix(line, []byte(text))
	}
	for line := range bytes.Lines(head) {
		line = bytes.TrimSpace(line)
		if len(line) < 2 || len(line) > mostLine {
			continue
		}
		all++
		if _, ok := fromJSON(line); ok {
			objects++
		} else if text, ok := fromCSV(line); ok && row(line, text) {
			rows++
		}
	}
	switch {
	case 2*objects > all:
		return &converter{from: from, records: exportOf(fromJSON)}, nil
	case 3*rows > all:
		return &converter{from: from, records: exportOf(fromCSV)}, nil
	}
	return from, nil
}

// exportOf takes the text out of each record; what is none stays.
type exportOf func(line []byte) (text string, ok bool)

func (read exportOf) convert(out, line []byte) []byte {
	text, ok := read(bytes.TrimSpace(line))
	if !ok {
		return append(append(out, line...), '\n')
	}
	return append(append(out, strings.ReplaceAll(strings.TrimRight(text, "\r\n"), "\n", " ")...), '\n')
}

func (exportOf) flush(out []byte) []byte { return out }

// textFields are the names under which exports keep a line, the best first.
var textFields = []string{"log", "message", "MESSAGE", "msg", "line", "text", "_raw", "body", "textPayload", "content"}

// fromJSON is the text of an object; of those in a list the comma is left out.
func fromJSON(line []byte) (string, bool) {
	line = bytes.TrimSuffix(bytes.TrimPrefix(bytes.TrimSuffix(line, []byte(",")), []byte("[")), []byte("]"))
	if len(line) < 2 || line[0] != '{' {
		return "", false
	}
	var object map[string]any
	if json.Unmarshal(line, &object) != nil {
		return "", false
	}
	for _, name := range textFields {
		if text, ok := object[name].(string); ok {
			return text, true
		}
	}
	for _, field := range object {
		if text, ok := field.(string); ok && wolflog.Parse(text).Shape != wolflog.Free {
			return text, true
		}
	}
	return "", false
}

// fromCSV is the last field that looks like a line of a log, else the longest.
func fromCSV(line []byte) (string, bool) {
	if !bytes.Contains(line, []byte(",")) && !bytes.HasPrefix(line, []byte(`"`)) {
		return "", false
	}
	r := csv.NewReader(bytes.NewReader(line))
	r.LazyQuotes = !bytes.HasPrefix(line, []byte(`"`))
	fields, err := r.Read()
	if err != nil || len(fields) == 0 || len(fields) == 1 && !bytes.HasPrefix(line, []byte(`"`)) {
		return "", false
	}
	quoted := bytes.HasPrefix(line, []byte(`"`))
	for i, field := range slices.Backward(fields) {
		if l := wolflog.Parse(field); l.Shape != wolflog.Free && (i > 0 || quoted) {
			return field, true
		}
	}
	if !quoted && len(fields) < 3 {
		return "", false
	}
	return slices.MaxFunc(fields, func(a, b string) int { return len(a) - len(b) }), true
}
