package bundle

import (
	"bytes"
	"regexp"
	"strings"

	"github.com/kennel-stream/kennel/internal/wolflog"
)

// gone stands where a secret was.
const gone = "[redacted]"

// secretName is in the name of a setting whose value is nobody's business.
var secretName = regexp.MustCompile(`(?i)cert|key|secret|token|passw|passphrase|\bpin\b|_pin\b|cookie|auth|credential|salt|webhook|dsn`)

// redacted takes the secrets out of a log, line by line.
func redacted(text []byte) []byte {
	var out bytes.Buffer
	out.Grow(len(text))
	for line := range bytes.Lines(text) {
		bare := bytes.TrimRight(line, "\r\n")
		out.WriteString(wolflog.Redact(string(bare)))
		out.Write(line[len(bare):])
	}
	return out.Bytes()
}

// withoutSecret takes the value off NAME=VALUE where the name says that it is
// secret.
func withoutSecret(pair string) string {
	name, _, found := strings.Cut(pair, "=")
	if found && secretName.MatchString(name) {
		return name + "=" + gone
	}
	return wolflog.Redact(pair)
}

// pem is a certificate or key over several lines.
var pem = regexp.MustCompile(`(?s)-----BEGIN [A-Z0-9 ]+-----.*?(?:-----END [A-Z0-9 ]+-----|\z)`)

// setting is a line of TOML, YAML or an environment file that gives a value.
var setting = regexp.MustCompile(`^(\s*(?:- )?["']?([\w.-]+)["']?\s*[=:]\s*)(\S.*)$`)

// withoutSecrets takes the values of secret settings out of a configuration, and
// those that go on over several lines within triple quotes.
func withoutSecrets(text []byte) []byte {
	text = pem.ReplaceAll(text, []byte(gone))
	var out bytes.Buffer
	until := ""
	for line := range strings.Lines(string(text)) {
		bare := strings.TrimRight(line, "\r\n")
		if until != "" {
			if strings.Contains(bare, until) {
				until = ""
			}
			continue
		}
		m := setting.FindStringSubmatch(bare)
		if m == nil || !secretName.MatchString(m[2]) {
			out.WriteString(wolflog.Redact(bare) + "\n")
			continue
		}
		out.WriteString(m[1] + `"` + gone + "\"\n")
		for _, quotes := range []string{`'''`, `"""`} {
			if strings.HasPrefix(m[3], quotes) && strings.Count(m[3], quotes) == 1 {
				until = quotes
			}
		}
	}
	return out.Bytes()
}
