package wolflog

import (
	"regexp"
	"strings"
)

// secrets are what must not leave the program: keys of streams, and what
// pairing exchanges.
var secrets = regexp.MustCompile(`(?i)((?:aes_key|aes_iv|rikey|rikeyid|riKey|pair_secret|clientchallenge|serverchallengeresp|clientpairingsecret|clientcert|pin|salt)"?\s*[=:]\s*"?)([^"&\s,;}]+)`)

// Redact replaces keys and secrets of pairing in a line.
func Redact(text string) string {
	lower := strings.ToLower(text)
	for _, word := range words {
		if strings.Contains(lower, word) {
			return secrets.ReplaceAllString(text, "${1}[redacted]")
		}
	}
	return text
}

// words are in every secret's name: most lines have none of them.
var words = []string{"aes_", "rikey", "secret", "challenge", "clientcert", "pin", "salt"}
