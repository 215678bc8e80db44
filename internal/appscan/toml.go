package appscan

import (
	"fmt"
	"strings"
	"unicode"
)

// TOML writes the app as an entry of the configuration file, under a comment
// that says where it comes from.
func (f Found) TOML() string {
	var b strings.Builder
	r := f.App.Runner
	fmt.Fprintf(&b, "# %s\n[[apps]]\ntitle = %s\n\n  [apps.runner]\n  type = %s\n", printable(f.From), text(f.App.Title), text(r.Type))
	if line, ok := commandLine(r.Args); ok {
		fmt.Fprintf(&b, "  run_cmd = %s\n", text(line))
	} else {
		fmt.Fprintf(&b, "  args = %s\n", list(r.Args))
	}
	if len(r.Env) > 0 {
		fmt.Fprintf(&b, "  env = %s\n", list(r.Env))
	}
	if r.Dir != "" {
		fmt.Fprintf(&b, "  dir = %s\n", text(r.Dir))
	}
	return b.String()
}

// commandLine joins words that mean themselves to config.SplitCommand.
func commandLine(args []string) (string, bool) {
	for _, a := range args {
		if a == "" || strings.Trim(a, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_=./:,+@%") != "" {
			return "", false
		}
	}
	return strings.Join(args, " "), true
}

func list(words []string) string {
	quoted := make([]string, len(words))
	for i, w := range words {
		quoted[i] = text(w)
	}
	return "[" + strings.Join(quoted, ", ") + "]"
}

// text writes a string of TOML 1.0, one with several lines so that it can be read.
func text(s string) string {
	if strings.Contains(s, "\n") && !strings.Contains(s, "'''") && !strings.HasSuffix(s, "'") && printable(s) == strings.ReplaceAll(s, "\n", " ") {
		return "'''\n" + s + "'''"
	}
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case !unicode.IsPrint(r):
			fmt.Fprintf(&b, "\\U%08X", r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// printable leaves no control characters in a comment.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, s)
}
