package wolflog

import (
	"regexp"
	"strings"
	"time"
)

// mostPrefix is how far into a line its own beginning is looked for, in bytes.
const mostPrefix = 256

// transports are what tools put in front of lines, beside Docker and Compose, by
// the byte that they begin with. The first group, where there is one, is the time
// at which the line was taken.
var transports = map[byte][]*regexp.Regexp{
	'>': {regexp.MustCompile(`^(?:> ?)+()`)},                                                                      // a quote
	'[': {regexp.MustCompile(`^\[(?:pod/)?[\w.-]+(?:/[\w.-]+)*\] ()`)},                                            // kubectl logs --prefix
	'<': {regexp.MustCompile(`^<\d{1,3}>1 (\S+) \S+ \S+ \S+ \S+ (?:-|\[.*?\]) ?`)},                                // RFC 5424
	'A': {regexp.MustCompile(`^[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d(?:\.\d+)? [^\s:]+ [^ :\[]+(?:\[\d+\])?: ()`)}, // journalctl
	'0': {
		// journalctl -o short-iso; podman logs -t, and containers of Kubernetes.
		regexp.MustCompile(`^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d)) [^\s:]+ [^ :\[]+(?:\[\d+\])?: `),
		regexp.MustCompile(`^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d)) (?:std(?:out|err) [FP] )?`),
	},
}

// transportsOf are those that a text may begin with.
func transportsOf(text string) []*regexp.Regexp {
	switch c := text[0]; {
	case c >= '0' && c <= '9':
		if len(text) < 20 || text[4] != '-' || text[10] != 'T' {
			return nil
		}
		return transports['0']
	case c >= 'A' && c <= 'Z':
		if len(text) < 20 || text[3] != ' ' || text[9] != ':' {
			return nil
		}
		return transports['A']
	default:
		return transports[c]
	}
}

// stripMore takes off what transports put in front, several of them at most, and
// tells whether a line of a known shape was behind it.
func (l *Line) stripMore(text string) (bare string, shaped bool) {
	known := func() bool {
		t, n := timeOfDay(text)
		return l.shaped(text, t, n)
	}
	for range 4 {
		if bare := strings.TrimLeft(text, " \t"); bare != text {
			if text = bare; known() {
				return text, true
			}
		}
		if text == "" || !l.stripOne(&text) {
			break
		}
		if known() {
			return text, true
		}
	}
	return text, false
}

// stripOne takes off the prefix of one transport.
func (l *Line) stripOne(text *string) bool {
	for _, re := range transportsOf(*text) {
		if m := re.FindStringSubmatchIndex(*text); m != nil {
			l.stamp((*text)[m[2]:m[3]])
			*text = (*text)[m[1]:]
			return true
		}
	}
	return false
}

// stamp keeps the time at which a line was taken, where it tells its zone.
func (l *Line) stamp(text string) {
	text = strings.Replace(text, ",", ".", 1)
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999Z0700"} {
		if at, err := time.Parse(layout, text); err == nil && l.Stamped.IsZero() {
			l.Stamped = at.UTC()
		}
	}
}

// behind looks for a line's own beginning behind whatever stands in front of it:
// quotes, indents, numbers of lines, fields of an export.
func (l *Line) behind(text string) bool {
	for i := 1; i < len(text) && i < mostPrefix; i++ {
		if !begins(text, i) {
			continue
		}
		rest := text[i:]
		t, n := timeOfDay(rest)
		if l.wolf(rest, t, n) || l.tracing(rest) || rest[0] >= '0' && rest[0] <= '9' && l.gst(rest) || n > 0 && l.sway(rest) || (rest[0] == '(' || rest[0] == '*') && l.glib(rest) || l.others(rest) {
			l.stamp(firstStamp.FindString(text[:i]))
			if strings.ContainsAny(text[:i], "\"{,") { // of an export
				l.Message = strings.TrimRight(l.Message, "\",;}] ")
			}
			return true
		}
	}
	return false
}

var firstStamp = regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d)`)

// begins tells whether a line of a known shape may begin in the middle of a text.
func begins(text string, i int) bool {
	before, c := text[i-1], text[i]
	word := before >= 'a' && before <= 'z' || before >= 'A' && before <= 'Z' || before == '.' || before == '_' || before == '-' || before == '/'
	digit := before >= '0' && before <= '9'
	switch {
	case c >= '0' && c <= '9':
		return !word && !digit
	case c >= 'A' && c <= 'Z':
		return !word && !digit && (strings.HasPrefix(text[i:], "TRACE") || strings.HasPrefix(text[i:], "DEBUG") || strings.HasPrefix(text[i:], "INFO") ||
			strings.HasPrefix(text[i:], "WARN") || strings.HasPrefix(text[i:], "ERROR") || strings.HasPrefix(text[i:], "FATAL"))
	case c == '(' || c == '*':
		return strings.Contains(text[i:], "**: ")
	case c == '[':
		return len(text) > i+20 && text[i+5] == '-' && text[i+11] == ' '
	case c == 't':
		return strings.HasPrefix(text[i:], "thread '") || strings.HasPrefix(text[i:], "time=")
	}
	return false
}
