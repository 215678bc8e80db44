package manual

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

// Markdown is one page about all commands.
func Markdown(root *cobra.Command, x Extra) string {
	var b strings.Builder
	b.WriteString("# Command line\n\nMade from the program's own help by `make generate`.\n")
	for _, c := range commands(root) {
		fmt.Fprintf(&b, "\n## %s\n\n%s\n\n```\n%s\n```\n", c.CommandPath(), strings.Join(paragraphs(about(c)), "\n\n"), usage(c))
		if options := x.options(c); len(options) > 0 {
			b.WriteString("\n| flag | meaning | default |\n|---|---|---|\n")
			for _, o := range options {
				fmt.Fprintf(&b, "| `%s` | %s | %s |\n", strings.TrimSpace(o.name+" "+o.value), cell(o.text), cell(o.fallback))
			}
		}
		if c.Example != "" {
			fmt.Fprintf(&b, "\n```sh\n%s\n```\n", strings.Join(example(c), "\n"))
		}
	}
	b.WriteString("\n## Exit status\n\n| status | meaning |\n|---|---|\n")
	for _, s := range x.Statuses {
		fmt.Fprintf(&b, "| %d | %s |\n", s.Code, cell(s.Meaning))
	}
	b.WriteString("\n## Files\n\n| path | what is in it |\n|---|---|\n")
	for _, f := range x.Files {
		fmt.Fprintf(&b, "| `%s` | %s |\n", f.Path, cell(f.Holds))
	}
	return b.String()
}

// cell keeps a text within its cell of a table.
func cell(text string) string { return strings.ReplaceAll(text, "|", `\|`) }

// example are the lines of an example without their indent.
func example(c *cobra.Command) []string {
	lines := strings.Split(c.Example, "\n")
	for i := range lines {
		lines[i] = strings.TrimPrefix(lines[i], "  ")
	}
	return lines
}
