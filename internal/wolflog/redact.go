package wolflog

import (
	"bytes"
	"regexp"
	"strings"
)

const (
	// named are the names of keys of streams, of what pairing exchanges, and of
	// what lets somebody in elsewhere.
	named = `aes[_-]?(?:key|iv)|ri[_-]?key(?:id)?|(?:gcm|srtp|private|session|encryption|master)[_-]?key|[a-z_-]*secret|` +
		`[a-z_-]*challenge[a-z_-]*|(?:client|server|plain)[_-]?cert(?:ificate)?|cert[a-z_-]*hash|\bsalt|(?:\b|_)pin|` +
		`[a-z_-]*passw(?:or)?d|passphrase|api[_-]?key|(?:access|auth|refresh|bearer|session|csrf|steam|x)[a-z_-]*token|` +
		`x-ss-ping-payload|x-ss-connect-data|(?:\b|_)otp`
	// between is what stands between a name and its value: in a query, a header,
	// JSON within JSON, or the caps of GStreamer.
	between = `\\*["']?[ \t]*[=:]+[ \t]*(?:\([a-z]+\)[ \t]*)?`
	// word is a value up to what ends it; quoted is one that goes on to the end of
	// its quotes, which may be escaped. Words go first, since in a line that was
	// cut a quote may have no end.
	word   = `(\\*["']?)[^"'\\&\s,;}<>)|]+`
	quoted = `(?:(")(?:[^"\\\n]|\\.)*|(\\+")(?:[^"\\\n]|\\+[^"\\\n])*|(')[^'\n]*)`

	gone = `[redacted]`
)

// names are parts of which each of named has one.
var names = []string{"key", "secret", "challenge", "cert", "salt", "pin", "pass", "token", "x-ss-", "otp", "aes"}

// rules replace secrets, one after the other. A rule is tried only on a text
// that has one of its hints, in whatever case: most lines have none.
var rules = []struct {
	hints []string
	re    *regexp.Regexp
	with  string
}{
	// What has no end in its line goes on to the end of it.
	{[]string{"-----begin "}, regexp.MustCompile(`-----BEGIN [A-Z0-9 ]+-----(?s:.*?)(?:-----END [A-Z0-9 ]+-----|$)`), gone},
	{[]string{"cookie", "authorization"}, regexp.MustCompile(`(?i)\b((?:set-|set_)?cookie|(?:proxy-)?authorization)(\\*["']?[ \t]*[=:][ \t]*\\*["']?)[^"\\\r\n]+`), `${1}${2}` + gone},
	{[]string{"bearer", "basic"}, regexp.MustCompile(`(?i)\b(bearer|basic)([ \t]+)[A-Za-z0-9+/_.~=-]{8,}`), `${1}${2}` + gone},
	{names, regexp.MustCompile(`(?i)((?:` + named + `)` + between + `)` + word), `${1}${2}` + gone},
	{names, regexp.MustCompile(`(?i)((?:` + named + `)` + between + `)` + quoted), `${1}${2}${3}${4}` + gone},
	// A word that also means something else: only where a value is given to it.
	{[]string{"token", "key", "hash", "iv"}, regexp.MustCompile(`(?i)(\b(?:token|key|hash|iv)(?:=|\\*"[ \t]*:[ \t]*))` + word), `${1}${2}` + gone},
	{append([]string{"pairingsecret"}, names...), regexp.MustCompile(`(?i)(<(?:` + named + `|pairingsecret)[^>]*>)[^<]+`), `${1}` + gone},
	{[]string{"/pin"}, regexp.MustCompile(`(?i)(/pin[^\s#]*#)[0-9A-Za-z]+`), `${1}` + gone},
	{[]string{"pin"}, regexp.MustCompile(`(?i)(\bpin(?:[ \t]+code)?[ \t]+(?:is[ \t]+|of[ \t]+)?)["']?\d{4,8}\b`), `${1}` + gone},
	{[]string{"://"}, regexp.MustCompile(`([a-z][a-z0-9+.-]*://)[^/\s:@"']*:[^/\s@"']+@`), `${1}` + gone + `@`},
	// Keys, challenges and certificates without a name before them.
	{[]string{"eyj"}, regexp.MustCompile(`\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*`), gone},
	{[]string{"mii"}, regexp.MustCompile(`\bMII[A-Za-z0-9+/=]{32,}`), gone},
	{nil, regexp.MustCompile(`(?i)[0-9a-f]{32,}|(?:[0-9a-f]{2}[: ]){15,}[0-9a-f]{2}`), gone},
}

// Redact replaces keys, secrets of pairing, certificates, and what is made of
// them in a line: of the numbers by which Wolf knows clients, which are hashes
// of their certificates, the last four digits stay, so that clients can be told
// apart.
func Redact(text string) string {
	var room [512]byte
	lower := lowered(room[:0], text)
	for i := range rules {
		r := &rules[i]
		if r.hints == nil && !manyHex(text) || r.hints != nil && !hasAny(lower, r.hints) {
			continue
		}
		if after := r.re.ReplaceAllString(text, r.with); after != text {
			text, lower = after, lowered(lower[:0], after)
		}
	}
	return shortenHashes(text)
}

// lowered is a text with the capitals of ASCII made small.
func lowered(into []byte, text string) []byte {
	for i := range len(text) {
		c := text[i]
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		into = append(into, c)
	}
	return into
}

func hasAny(text []byte, hints []string) bool {
	for _, hint := range hints {
		if bytes.Contains(text, []byte(hint)) {
			return true
		}
	}
	return false
}

// manyHex tells that a text may have 32 hexadecimal digits in a row, or in pairs.
func manyHex(text string) bool {
	n := 0
	for i := range len(text) {
		switch c := text[i]; {
		case c >= '0' && c <= '9', c >= 'a' && c <= 'f', c >= 'A' && c <= 'F':
			if n++; n >= 32 {
				return true
			}
		case c != ' ' && c != ':':
			n = 0
		}
	}
	return false
}

// Of a hash of 64 bits in decimal digits: how many it has but for one in
// thousands of clients, and how many stay.
const (
	fewestDigits = 16
	mostDigits   = 20
	keptDigits   = 4
)

// shortenHashes replaces runs of digits that are as long as a hash.
func shortenHashes(text string) string {
	var b strings.Builder
	from := 0
	for i := 0; i < len(text); {
		begin := i
		for i < len(text) && text[i] >= '0' && text[i] <= '9' {
			i++
		}
		if n := i - begin; n >= fewestDigits && n <= mostDigits && (begin == 0 || text[begin-1] != '.') {
			b.WriteString(text[from:begin])
			b.WriteString("…")
			from = i - keptDigits
		}
		if i == begin {
			i++
		}
	}
	if from == 0 {
		return text
	}
	b.WriteString(text[from:])
	return b.String()
}
