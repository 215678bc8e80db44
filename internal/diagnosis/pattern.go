package diagnosis

import (
	"regexp"
	"strings"
)

// pattern is a regular expression that begins with literal text: that is looked
// for first, and the expression tried only there, where it needs not go back and
// forth. The zero pattern has none.
type pattern struct {
	prefix string
	there  *regexp.Regexp // nil where it begins otherwise
	any    *regexp.Regexp
}

func patternOf(re *regexp.Regexp) pattern {
	p := pattern{any: re}
	if re == nil {
		return p
	}
	// That of an expression for the beginning of a line is told as well.
	if prefix, _ := re.LiteralPrefix(); prefix != "" && strings.HasPrefix(re.String(), regexp.QuoteMeta(prefix)) {
		p.prefix, p.there = prefix, regexp.MustCompile(`^(?:`+re.String()+`)`)
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
		if groups := p.there.FindStringSubmatch(text[i:]); groups != nil {
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
