package main

import (
	"os"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/kennel-stream/kennel/internal/manual"
)

// everyCommand calls do with the root and all below it.
func everyCommand(c *cobra.Command, do func(*cobra.Command)) {
	do(c)
	for _, sub := range c.Commands() {
		everyCommand(sub, do)
	}
}

func TestHelpFitsIntoATerminal(t *testing.T) {
	root := newRoot()
	root.InitDefaultHelpCmd()
	everyCommand(root, func(c *cobra.Command) {
		var b strings.Builder
		c.SetOut(&b)
		c.InitDefaultHelpFlag()
		if err := c.Help(); err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(b.String()) {
			if columns := utf8.RuneCountInString(strings.TrimRight(line, "\n")); columns > 80 {
				t.Errorf("%s --help has a line of %d columns: %s", c.CommandPath(), columns, line)
			}
		}
		if !strings.HasPrefix(c.Short, strings.ToUpper(c.Short[:1])) || strings.HasSuffix(c.Short, ".") {
			t.Errorf("%s: %q begins small or ends with a full stop, unlike the others", c.CommandPath(), c.Short)
		}
	})
}

func TestThePageAboutTheCommandLineIsFresh(t *testing.T) {
	const path = "../../docs/cli.md"
	have, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if manual.Markdown(newRoot(), manualExtra()) != string(have) {
		t.Errorf("%s is not what the commands say of themselves: run make generate", path)
	}
}
