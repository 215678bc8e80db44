// Package manual writes what the command line says of itself as a page of
// Markdown and as man pages, so that there is one text for all three.
package manual

import (
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// Extra is what a tree of commands does not know of itself.
type Extra struct {
	// Version is that of the program.
	Version string
	// Statuses are the exit statuses and what they mean.
	Statuses []Status
	// Files are paths and what is in them.
	Files []File
	// Defaults are shown in place of those that depend on the machine, by the
	// name of the flag.
	Defaults map[string]string
}

// Status is an exit status.
type Status struct {
	Code    int
	Meaning string
}

// File is a path that the program uses.
type File struct{ Path, Holds string }

// commands lists what a person can call, in the order of the help.
func commands(root *cobra.Command) []*cobra.Command {
	all := []*cobra.Command{root}
	for _, c := range root.Commands() {
		if c.IsAvailableCommand() && c.Name() != "help" && c.Name() != "completion" {
			all = append(all, commands(c)...)
		}
	}
	return all
}

// usage is the first line of a command's help.
func usage(c *cobra.Command) string {
	if c.HasAvailableSubCommands() && !c.Runnable() {
		return c.CommandPath() + " COMMAND"
	}
	return c.UseLine()
}

// about is the longer of the two texts.
func about(c *cobra.Command) string {
	if c.Long != "" {
		return c.Long
	}
	return c.Short + "."
}

// option is a flag for people.
type option struct{ name, value, text, fallback string }

func (x *Extra) options(c *cobra.Command) []option {
	var all []option
	c.LocalFlags().VisitAll(func(f *pflag.Flag) {
		if f.Hidden || f.Name == "help" || f.Name == "version" {
			return
		}
		value, text := pflag.UnquoteUsage(f)
		o := option{name: "--" + f.Name, value: value, text: text, fallback: f.DefValue}
		if d, ok := x.Defaults[f.Name]; ok {
			o.fallback = d
		}
		switch o.fallback {
		case "", "0", "false", "[]":
			o.fallback = ""
		}
		all = append(all, o)
	})
	return all
}

// paragraphs takes a text apart at its empty lines.
func paragraphs(text string) []string {
	return strings.Split(strings.TrimSpace(text), "\n\n")
}
