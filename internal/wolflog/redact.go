package wolflog

import "regexp"

// secrets are what must not leave the program: keys of streams, and what
// pairing exchanges.
var secrets = regexp.MustCompile(`(?i)((?:aes_key|aes_iv|rikey|rikeyid|riKey|pair_secret|clientchallenge|serverchallengeresp|clientpairingsecret|clientcert|pin|salt)"?\s*[=:]\s*"?)([^"&\s,;}]+)`)

// Redact replaces keys and secrets of pairing in a line.
func Redact(text string) string { return secrets.ReplaceAllString(text, "${1}[redacted]") }
