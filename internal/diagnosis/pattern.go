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
	// What follows the prefix, where that is so simple.
	run *run
	url *url
}

// run is a group of literal text and then as many digits, or bytes that are no
// blanks, as there are; and what is before and behind the group.
type run struct {
	before      string // which is missing with the group, or not at all
	optional    bool
	lead        string
	digits      bool
	least, most int
	tail        string
	atEnd       bool
}

// aRun is how one is written.
var aRun = regexp.MustCompile(`^\(([a-z/-]*)(?:(\\d|\\S)\+|(\\d)\{(\d+),(\d+)\})\)(/?)(\$?)$`)

// optionalRun is how one is written that may be missing with what is before it.
var optionalRun = regexp.MustCompile(`^\(\?:([: ]+)(\(.*\))\)\?$`)

// runOf reads one; nil for what is none.
func runOf(rest string) *run {
	if m := optionalRun.FindStringSubmatch(rest); m != nil {
		r := runOf(m[2])
		if r != nil {
			r.before, r.optional = m[1], true
		}
		return r
	}
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

// at reads a run at the beginning of a text.
func (r *run) at(text string) (group string, ok bool) {
	if begin, there := strings.CutPrefix(text, r.before); there && strings.HasPrefix(begin, r.lead) {
		end := len(r.lead)
		for end < len(begin) && end-len(r.lead) < r.most && r.has(begin[end]) {
			end++
		}
		whole := end + len(r.tail)
		if end-len(r.lead) >= r.least && strings.HasPrefix(begin[end:], r.tail) && (!r.atEnd || whole == len(begin)) {
			return begin[:end], true
		}
	}
	return "", r.optional
}

func (r *run) has(c byte) bool {
	if r.digits {
		return c >= '0' && c <= '9'
	}
	return !blank(c)
}

// blank is what the expression \s is.
func blank(c byte) bool { return c == ' ' || c >= '\t' && c <= '\r' && c != '\v' }

// url is the rest of an address that has a path in it.
type url struct{ path string }

// aURL is how one is written.
var aURL = regexp.MustCompile(`^S\?://\\S\*(/[a-z]+)$`)

// urlOf reads one; nil for what is none.
func urlOf(rest string) *url {
	m := aURL.FindStringSubmatch(rest)
	if m == nil {
		return nil
	}
	return &url{m[1]}
}

// at tells whether a text begins with such an address.
func (u *url) at(text string) bool {
	rest, there := strings.CutPrefix(strings.TrimPrefix(text, "S"), "://")
	end := 0
	for end < len(rest) && !blank(rest[end]) {
		end++
	}
	return there && strings.Contains(rest[:end], u.path)
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
		rest := strings.TrimPrefix(re.String(), regexp.QuoteMeta(prefix))
		p.run, p.url = runOf(rest), urlOf(rest)
	}
	return p
}

// group is the first group of the expression, where it matches.
func (p *pattern) group(text string) (group string, ok bool) {
	if p.there == nil {
		return firstGroup(p.any.FindStringSubmatch(text))
	}
	for {
		i := strings.Index(text, p.prefix)
		if i < 0 {
			return "", false
		}
		if p.run != nil {
			group, ok = p.run.at(text[i+len(p.prefix):])
		} else {
			group, ok = firstGroup(p.there.FindStringSubmatch(text[i:]))
		}
		if ok {
			return group, true
		}
		text = text[i+1:]
	}
}

func firstGroup(groups []string) (group string, ok bool) {
	if len(groups) > 1 {
		group = groups[1]
	}
	return group, groups != nil
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
		if p.inAt(text[i:]) {
			return true
		}
		text = text[i+1:]
	}
}

// inAt is in of a text that begins with the prefix, and there only.
func (p *pattern) inAt(text string) bool {
	begin := len(p.prefix)
	switch {
	case p.run != nil:
		_, ok := p.run.at(text[begin:])
		return ok
	case p.url != nil:
		return p.url.at(text[begin:])
	}
	return p.there.MatchString(text)
}
