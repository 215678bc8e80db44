package logsource

import (
	"bytes"
	"encoding/json"
	"time"
	"unicode/utf8"
)

// stampLayout is how docker logs --timestamps writes times: nine digits, UTC.
const stampLayout = "2006-01-02T15:04:05.000000000Z"

// joiner puts together what a driver has split, one for each stream. A whole
// line comes where its last piece is; its lines before are empty then.
type joiner struct{ open map[string][]byte }

// join appends a line to out, or keeps a piece.
func (j *joiner) join(out []byte, stream string, at time.Time, text []byte, whole bool) []byte {
	if !whole {
		if j.open == nil {
			j.open = map[string][]byte{}
		}
		if known := j.open[stream]; len(known) < mostLine && len(j.open) < 8 {
			j.open[stream] = append(known, text...)
		}
		return append(out, '\n')
	}
	if !at.IsZero() {
		out = append(at.UTC().AppendFormat(out, stampLayout), ' ')
	}
	out = append(append(out, j.open[stream]...), text...)
	delete(j.open, stream)
	return append(out, '\n')
}

// flush gives pieces whose last one never came.
func (j *joiner) flush(out []byte) []byte {
	for _, text := range j.open {
		out = append(append(out, text...), '\n')
	}
	return out
}

// jsonFile reads records of Docker's json-file driver: {"log":"text\n",
// "stream":"stderr","time":"2025-10-02T06:40:11.752176Z"}. It splits lines at
// 16 KiB; only the last piece ends in \n.
type jsonFile struct {
	joiner

	text []byte // reused
}

func (d *jsonFile) convert(out, line []byte) []byte {
	quoted, record := cutRecord(line)
	text, rest, ok := d.unquote(quoted)
	if !record || !ok {
		return append(append(out, line...), '\n')
	}
	at, _ := time.Parse(time.RFC3339Nano, string(field(rest, "time")))
	bare := bytes.TrimSuffix(text, []byte("\n"))
	return d.join(out, string(field(rest, "stream")), at, bare, len(bare) < len(text))
}

// cutRecord returns what follows the quote of a record's log. Programs that pass
// records on put blanks between their parts.
func cutRecord(line []byte) (rest []byte, ok bool) {
	if rest, ok = bytes.CutPrefix(line, []byte(`{"log":"`)); ok {
		return rest, true
	}
	rest, ok = bytes.CutPrefix(bytes.TrimLeft(line, blanks), []byte("{"))
	if !ok {
		return nil, false
	}
	return cutValue(bytes.TrimLeft(rest, blanks), "log")
}

const blanks = " \t"

// cutValue returns what follows the quote of the value of a key that s begins with.
func cutValue(s []byte, key string) (rest []byte, ok bool) {
	rest, ok = bytes.CutPrefix(s, []byte(`"`+key+`"`))
	if !ok {
		return nil, false
	}
	if rest, ok = bytes.CutPrefix(bytes.TrimLeft(rest, blanks), []byte(":")); !ok {
		return nil, false
	}
	return bytes.CutPrefix(bytes.TrimLeft(rest, blanks), []byte(`"`))
}

// field returns the text of a key up to a quote; driver-written fields beside
// the log need no unquoting.
func field(rest []byte, key string) []byte {
	i := bytes.Index(rest, []byte(`"`+key+`"`))
	if i < 0 {
		return nil
	}
	value, _ := cutValue(rest[i:], key)
	value, _, _ = bytes.Cut(value, []byte(`"`))
	return value
}

// unquote decodes a JSON string whose opening quote is gone, and returns what
// follows it.
func (d *jsonFile) unquote(s []byte) (text, rest []byte, ok bool) {
	d.text = d.text[:0]
	for {
		i := bytes.IndexAny(s, `"\`)
		if i < 0 {
			return nil, nil, false
		}
		d.text = append(d.text, s[:i]...)
		if s[i] == '"' {
			return d.text, s[i+1:], true
		}
		n := 0
		if d.text, n = unescape(d.text, s[i:]); n == 0 {
			return nil, nil, false
		}
		s = s[i+n:]
	}
}

// unescape appends what the escape at the beginning of s means, and returns its
// length; 0 for none.
func unescape(out, s []byte) ([]byte, int) {
	if len(s) < 2 {
		return out, 0
	}
	switch s[1] {
	case 'n':
		return append(out, '\n'), 2
	case 't':
		return append(out, '\t'), 2
	case 'r':
		return append(out, '\r'), 2
	case 'b':
		return append(out, '\b'), 2
	case 'f':
		return append(out, '\f'), 2
	case 'u':
		n := 6
		if len(s) >= 12 && (s[2] == 'd' || s[2] == 'D') && s[6] == '\\' {
			n = 12 // a pair of surrogates
		}
		var text string
		if len(s) < n || json.Unmarshal(append(append([]byte{'"'}, s[:n]...), '"'), &text) != nil {
			return utf8.AppendRune(out, utf8.RuneError), 2
		}
		return append(out, text...), n
	}
	return append(out, s[1]), 2
}

// criLog reads lines of containerd, CRI-O and podman's k8s-file driver:
// "2025-10-02T06:40:11.752176123+02:00 stderr F text"; P marks a piece.
type criLog struct{ joiner }

func isCRI(line []byte) bool {
	_, _, _, _, ok := cutCRI(line)
	return ok
}

func cutCRI(line []byte) (at time.Time, stream string, text []byte, whole, ok bool) {
	stamp, rest, _ := bytes.Cut(line, []byte(" "))
	name, rest, _ := bytes.Cut(rest, []byte(" "))
	tag, text, found := bytes.Cut(rest, []byte(" "))
	if !found && len(tag) != 1 {
		return at, "", nil, false, false
	}
	stream = string(name)
	if stream != "stdout" && stream != "stderr" || len(tag) == 0 || tag[0] != 'F' && tag[0] != 'P' {
		return at, "", nil, false, false
	}
	at, err := time.Parse(time.RFC3339Nano, string(stamp))
	return at, stream, text, tag[0] == 'F', err == nil
}

func (c *criLog) convert(out, line []byte) []byte {
	at, stream, text, whole, ok := cutCRI(line)
	if !ok {
		return append(append(out, line...), '\n')
	}
	return c.join(out, stream, at, text, whole)
}
