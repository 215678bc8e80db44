package logsource

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"time"
)

// ownJSON makes the text form of lines that kennel serve --log-format json wrote,
// which is what the doctor's signs are written for. What stands before an object,
// such as a time of Docker's, stays.
type ownJSON struct {
	text *slog.TextHandler
	out  bytes.Buffer
	time string // of the line at hand, to the nanosecond
}

// ownBegin is how such an object begins, whatever wrote it through log/slog.
var ownBegin, ownMessage = []byte(`{"time":"`), []byte(`"msg":"`)

// isOwnJSON tells whether one of the first lines is such an object.
func isOwnJSON(head []byte) bool {
	lines := 0
	for line := range bytes.Lines(head) {
		if i := bytes.Index(line, ownBegin); i >= 0 && bytes.Contains(line[i:], ownMessage) {
			return true
		}
		if lines++; lines >= ownWithin {
			break
		}
	}
	return false
}

// ownWithin is how many lines something else may have written at the beginning.
const ownWithin = 50

func newOwnJSON() *ownJSON {
	o := &ownJSON{}
	o.text = slog.NewTextHandler(&o.out, &slog.HandlerOptions{ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
		if len(groups) == 0 && a.Key == slog.TimeKey {
			return slog.String(slog.TimeKey, o.time)
		}
		return a
	}})
	return o
}

func (o *ownJSON) flush(out []byte) []byte { return out }

func (o *ownJSON) convert(out, line []byte) []byte {
	i := bytes.Index(line, ownBegin)
	if i < 0 || !o.write(line[i:]) {
		return append(append(out, line...), '\n')
	}
	return append(append(out, line[:i]...), o.out.Bytes()...)
}

// write makes the text of an object; false where it is no line of a log.
func (o *ownJSON) write(object []byte) bool {
	attrs, err := members(object, 0)
	if err != nil {
		return false
	}
	var level slog.Level
	var message string
	var rest []slog.Attr
	o.time = ""
	for _, a := range attrs {
		switch {
		case a.Key == slog.TimeKey && o.time == "":
			o.time = a.Value.String()
		case a.Key == slog.LevelKey:
			err = level.UnmarshalText([]byte(a.Value.String()))
		case a.Key == slog.MessageKey && message == "":
			message = a.Value.String()
		default:
			rest = append(rest, a)
		}
	}
	at, timeErr := time.Parse(time.RFC3339Nano, o.time)
	if err != nil || timeErr != nil {
		return false
	}
	record := slog.NewRecord(at, level, message, 0)
	record.AddAttrs(rest...)
	o.out.Reset()
	return o.text.Handle(context.Background(), record) == nil
}

// deepest is how many objects may lie within each other.
const deepest = 8

// members reads an object in the order of its keys; one within it is a group.
func members(object []byte, depth int) (attrs []slog.Attr, err error) {
	d := json.NewDecoder(bytes.NewReader(object))
	if open, err := d.Token(); err != nil || open != json.Delim('{') || depth > deepest {
		return nil, io.ErrUnexpectedEOF
	}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return nil, err
		}
		var raw json.RawMessage
		if err := d.Decode(&raw); err != nil {
			return nil, err
		}
		key, _ := name.(string)
		var text string
		switch raw[0] {
		case '{':
			group, err := members(raw, depth+1)
			if err != nil {
				return nil, err
			}
			attrs = append(attrs, slog.Attr{Key: key, Value: slog.GroupValue(group...)})
			continue
		case '"':
			if err := json.Unmarshal(raw, &text); err != nil {
				return nil, err
			}
		default:
			text = string(raw)
		}
		attrs = append(attrs, slog.String(key, text))
	}
	_, err = d.Token()
	return attrs, err
}
