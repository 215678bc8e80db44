package discovery

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// maxLabel is the longest label of a domain name in bytes.
const maxLabel = 63

const (
	domain = "local."
	// metaService lists the service types of a network (RFC 6763 section 9).
	metaService = "_services._dns-sd._udp." + domain
)

// names are what a responder owns, fully qualified. attempt counts from 1; a
// later one takes the names that a conflict leaves.
type names struct {
	service  string // shared with every host of that service
	label    string // as people see it
	instance string
	host     string
}

func newNames(s Service, attempt int) names {
	suffix, hostSuffix := "", ""
	if attempt > 1 {
		suffix, hostSuffix = fmt.Sprintf(" (%d)", attempt), fmt.Sprintf("-%d", attempt)
	}
	label := cut(cleanLabel(s.Instance), maxLabel-len(suffix)) + suffix
	n := names{service: s.Type + "." + domain, label: label}
	n.instance = label + "." + n.service
	n.host = cut(cleanLabel(s.Host), maxLabel-len(hostSuffix)) + hostSuffix + "." + domain
	return n
}

// cleanLabel makes one label of a text: a dot would begin another one.
func cleanLabel(text string) string {
	text = strings.Map(func(r rune) rune {
		switch {
		case r == '.':
			return '-'
		case r < ' ' || r == 0x7f || r == utf8.RuneError:
			return -1
		}
		return r
	}, text)
	if text = strings.TrimSpace(text); text == "" {
		return "kennel"
	}
	return text
}

// cut shortens a text to a number of bytes, at a rune.
func cut(text string, size int) string {
	if len(text) <= size {
		return text
	}
	for size > 0 && !utf8.RuneStart(text[size]) {
		size--
	}
	return text[:size]
}

// same compares domain names, which do not distinguish the case of letters.
func same(a, b string) bool { return strings.EqualFold(a, b) }
