package logsource

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"strconv"
	"time"
)

// appendStamped appends lines of a message with the journal's time, which is in
// microseconds.
func appendStamped(out []byte, micros string, message []byte) (_ []byte, lines int) {
	var stamp []byte
	if n, err := strconv.ParseInt(micros, 10, 64); err == nil {
		stamp = append(time.UnixMicro(n).UTC().AppendFormat(nil, stampLayout), ' ')
	}
	for line := range bytes.SplitSeq(message, []byte("\n")) {
		out = append(append(append(out, stamp...), line...), '\n')
		lines++
	}
	return out, lines
}

// journalJSON reads records of journalctl -o json. A message that is no UTF-8 is
// an array of numbers there. The lines of one are joined, since a record is a
// line of its file.
type journalJSON struct{}

func (journalJSON) flush(out []byte) []byte { return out }

func (journalJSON) convert(out, line []byte) []byte {
	var record struct {
		Message json.RawMessage `json:"MESSAGE"`
		Time    string          `json:"__REALTIME_TIMESTAMP"`
	}
	if json.Unmarshal(line, &record) != nil {
		return append(append(out, line...), '\n')
	}
	var text string
	message := []byte(nil)
	if json.Unmarshal(record.Message, &text) == nil {
		message = []byte(text)
	} else {
		var numbers []int
		_ = json.Unmarshal(record.Message, &numbers)
		for _, n := range numbers {
			message = append(message, byte(n))
		}
	}
	message = bytes.ReplaceAll(message, []byte("\n"), []byte(" "))
	out, _ = appendStamped(out, record.Time, message)
	return out
}

// journalExport reads the Journal Export Format (systemd.io/JOURNAL_EXPORT_FORMATS):
// fields as NAME=value, or for values with line ends NAME, eight bytes of length
// and the value; an empty line ends the record. Its message is told where the
// record begins.
type journalExport struct {
	time    string
	message []byte
	lines   int // of the record, so far
	// A value with a length: which field, how much is missing, and whether the
	// length itself is still to come.
	field   []byte
	missing int64
	value   []byte
	raw     bool
}

func (j *journalExport) convert(out, line []byte) []byte {
	j.lines++
	if j.raw {
		j.more(line)
		return out
	}
	if len(line) == 0 {
		return j.end(out)
	}
	name, value, ok := bytes.Cut(line, []byte("="))
	if ok {
		j.set(name, value)
		return out
	}
	j.raw, j.field, j.missing, j.value = true, bytes.Clone(name), -1, j.value[:0]
	return out
}

// lengthSize is that of the number before a value.
const lengthSize = 8

// more takes a line of a value with a length, whose end is a byte of the value
// or the end of the field.
func (j *journalExport) more(line []byte) {
	j.value = append(append(j.value, line...), '\n')
	if j.missing < 0 && len(j.value) >= lengthSize {
		// A length that is no length ends with the bound.
		j.missing = lengthSize + int64(min(binary.LittleEndian.Uint64(j.value), mostLine))
	}
	if whole := j.missing >= 0 && int64(len(j.value)) > j.missing; !whole && len(j.value) < mostLine {
		return
	}
	j.raw = false
	end := min(max(j.missing, lengthSize), int64(len(j.value)))
	j.set(j.field, j.value[lengthSize:end])
}

func (j *journalExport) set(name, value []byte) {
	switch string(name) {
	case "MESSAGE":
		j.message = append(j.message[:0], value...)
	case "__REALTIME_TIMESTAMP":
		j.time = string(value)
	}
}

// flush gives a record whose end is missing.
func (j *journalExport) flush(out []byte) []byte {
	if j.lines == 0 {
		return out
	}
	return j.end(out)
}

// end gives the record, with as many lines as it had.
func (j *journalExport) end(out []byte) []byte {
	out, told := appendStamped(out, j.time, j.message)
	for ; told < j.lines; told++ {
		out = append(out, '\n')
	}
	j.time, j.message, j.lines = "", j.message[:0], 0
	return out
}
