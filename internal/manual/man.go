package manual

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

// Man returns a man page of section 1 for each command, by its file name.
func Man(root *cobra.Command, x Extra) map[string]string {
	pages, all := map[string]string{}, commands(root)
	for _, c := range all {
		pages[page(c)+".1"] = x.man(c, all)
	}
	return pages
}

// page is the name of a command's page.
func page(c *cobra.Command) string { return strings.ReplaceAll(c.CommandPath(), " ", "-") }

func (x *Extra) man(c *cobra.Command, all []*cobra.Command) string {
	var b strings.Builder
	title := strings.ToUpper(page(c))
	fmt.Fprintf(&b, ".TH %s 1 \"\" %s \"Kennel\"\n", quote(title), quote("kennel "+x.Version))
	fmt.Fprintf(&b, ".SH NAME\n%s \\- %s\n", escape(page(c)), escape(c.Short))
	fmt.Fprintf(&b, ".SH SYNOPSIS\n.B %s\n", escape(usage(c)))
	b.WriteString(".SH DESCRIPTION\n")
	for i, p := range paragraphs(about(c)) {
		if i > 0 {
			b.WriteString(".PP\n")
		}
		b.WriteString(text(p))
	}
	if options := x.options(c); len(options) > 0 {
		b.WriteString(".SH OPTIONS\n")
		for _, o := range options {
			fmt.Fprintf(&b, ".TP\n\\fB%s\\fR \\fI%s\\fR\n%s", escape(o.name), escape(o.value), text(o.text))
			if o.fallback != "" {
				b.WriteString(text("Default: " + o.fallback + "."))
			}
		}
	}
	if c.Example != "" {
		fmt.Fprintf(&b, ".SH EXAMPLES\n.nf\n%s.fi\n", text(strings.Join(example(c), "\n")))
	}
	if !c.HasParent() {
		x.appendices(&b)
	}
	var others []string
	for _, other := range all {
		if other.Parent() == c || other == c.Parent() {
			others = append(others, fmt.Sprintf(".BR %s (1)", escape(page(other))))
		}
	}
	if len(others) > 0 {
		fmt.Fprintf(&b, ".SH SEE ALSO\n%s\n", strings.Join(others, " ,\n"))
	}
	return b.String()
}

func (x *Extra) appendices(b *strings.Builder) {
	b.WriteString(".SH EXIT STATUS\n")
	for _, s := range x.Statuses {
		fmt.Fprintf(b, ".TP\n.B %d\n%s", s.Code, text(s.Meaning))
	}
	b.WriteString(".SH FILES\n")
	for _, f := range x.Files {
		fmt.Fprintf(b, ".TP\n.I %s\n%s", escape(f.Path), text(f.Holds))
	}
}

// text is a text of whole lines, none of which is taken for a request.
func text(s string) string {
	var b strings.Builder
	for line := range strings.Lines(s + "\n") {
		line = escape(strings.TrimSuffix(line, "\n"))
		if strings.HasPrefix(line, ".") || strings.HasPrefix(line, "'") {
			line = `\&` + line
		}
		b.WriteString(line + "\n")
	}
	return b.String()
}

var escapes = strings.NewReplacer(`\`, `\e`, "-", `\-`)

// escape keeps roff from reading a text as its own.
func escape(s string) string { return escapes.Replace(s) }

func quote(s string) string { return `"` + strings.ReplaceAll(s, `"`, "") + `"` }
