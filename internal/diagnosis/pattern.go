package diagnosis

import (
	"regexp"
	"strconv"
	"strings"
)

// pattern is a regular expression that begins with literal text: that is looked
// for first, and the expression tried only there, where it needs not go back and
// forth. The zero pattern has none.
type pattern struct {
	prefix string
	there  *regexp.Regexp // nil where it begins otherwise
	any    *regexp.Regexp
	run    *run // what follows the prefix, where that is so simple
}

// run is a group of literal text and then as many digits, or bytes that are no
// blanks, as there are; and what follows the group.
type run struct {
	lead        string
	digits      bool
	least, most int
	tail        string
	atEnd       bool
}

// aRun is how one is written.
var aRun = regexp.MustCompile(`^\(([a-z/-]*)(?:(\\d|\\S)\+|(\\d)\{(\d+),(\d+)\})\)(/?)(\$?)$`)

// runOf reads one; nil for what is none.
func runOf(rest string) *run {
	m := aRun.FindStringSubmatch(rest)
	if m == nil || m[6] == "/" && m[2] == `\S` {
		return nil
	}
	r := &run{lead: m[1], digits: m[2] != `\S`, least: 1, most: 1 << 30, tail: m[6], atEnd: m[7] != ""}
	if m[4] != "" {
		r.least, _ = strconv.Atoi(m[4])
		r.most, _ = strconv.Atoi(m[5])
	}
	return r
}

// at reads a run at the beginning of a text; whole is how long it is with what
// follows it, 0 where there is none.
func (r *run) at(text string) (group string, whole int) {
	if !strings.HasPrefix(text, r.lead) {
		return "", 0
	}
	end := len(r.lead)
	for end < len(text) && end-len(r.lead) < r.most && r.has(text[end]) {
		end++
	}
	whole = end + len(r.tail)
	if end-len(r.lead) < r.least || !strings.HasPrefix(text[end:], r.tail) || r.atEnd && whole < len(text) {
		return "", 0
	}
	return text[:end], whole
}

func (r *run) has(c byte) bool {
	if r.digits {
		return c >= '0' && c <= '9'
	}
	return c != ' ' && (c < '\t' || c > '\r' || c == '\v')
}

func patternOf(re *regexp.Regexp) pattern {
	p := pattern{any: re}
	if re == nil {
		return p
	}
	// That of an expression for the beginning of a line is told as well.
	prefix, _ := re.LiteralPrefix()
	if lead, _, group := strings.Cut(re.String(), "("); group && strings.HasPrefix(prefix, lead) {
		prefix = lead // it goes on within the group
	}
	if prefix != "" && strings.HasPrefix(re.String(), regexp.QuoteMeta(prefix)) {
		p.prefix, p.there = prefix, regexp.MustCompile(`^(?:`+re.String()+`)`)
		p.run = runOf(strings.TrimPrefix(re.String(), regexp.QuoteMeta(prefix)))
	}
	return p
}

// find is as FindStringSubmatch of the expression.
func (p *pattern) find(text string) []string {
	if p.there == nil {
		return p.any.FindStringSubmatch(text)
	}
	for {
		i := strings.Index(text, p.prefix)
		if i < 0 {
			return nil
		}
		if p.run != nil {
			begin := i + len(p.prefix)
			if group, whole := p.run.at(text[begin:]); whole > 0 {
				return []string{text[i : begin+whole], group}
			}
		} else if groups := p.there.FindStringSubmatch(text[i:]); groups != nil {
			return groups
		}
		text = text[i+1:]
	}
}

// in is as MatchString of the expression.
func (p *pattern) in(text string) bool {
	if p.there == nil {
		return p.any.MatchString(text)
	}
	for {
		i := strings.Index(text, p.prefix)
		if i < 0 {
			return false
		}
		if p.there.MatchString(text[i:]) {
			return true
		}
		text = text[i+1:]
	}
}
