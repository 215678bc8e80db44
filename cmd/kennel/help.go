package main

import (
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kennel-stream/kennel/internal/evidence"
	"github.com/kennel-stream/kennel/internal/manual"
	"github.com/kennel-stream/kennel/internal/web"
)

// usageTemplate is cobra's, narrower: 80 columns hold it also where no terminal
// tells its width.
const usageTemplate = `Usage:
  {{if .Runnable}}{{.UseLine}}{{else}}{{.CommandPath}} COMMAND{{end}}
{{- if .HasExample}}

Examples:
{{.Example}}{{end}}
{{- if .HasAvailableSubCommands}}

Commands:
{{- range .Commands}}{{if .IsAvailableCommand}}
  {{rpad .Name .NamePadding}} {{.Short}}{{end}}{{end}}{{end}}
{{- if .HasAvailableLocalFlags}}

Flags:
{{.LocalFlags.FlagUsagesWrapped 80 | trimTrailingWhitespaces}}{{end}}
{{- if .HasAvailableSubCommands}}

More about a command: {{.CommandPath}} COMMAND --help{{end}}
`

// manualExtra is what the commands do not know of themselves.
func manualExtra() manual.Extra {
	return manual.Extra{
		Version: version,
		Statuses: []manual.Status{
			{Code: 0, Meaning: "done"},
			{Code: evidence.Internal.ExitCode(), Meaning: "something failed that nobody foresaw; of serve --check: this machine cannot stream"},
			{Code: evidence.Invalid.ExitCode(), Meaning: "the arguments or the configuration are wrong"},
			{Code: evidence.Unauthorized.ExitCode(), Meaning: "not paired, or not allowed"},
			{Code: evidence.Full.ExitCode(), Meaning: "a limit is reached; later it may work"},
			{Code: evidence.NotFound.ExitCode(), Meaning: "no such app, session or client"},
			{Code: evidence.Conflict.ExitCode(), Meaning: "it exists already, or is in another state"},
			{Code: evidence.Unavailable.ExitCode(), Meaning: "something that is needed is missing or not ready"},
			{Code: evidence.Deadline.ExitCode(), Meaning: "it took too long"},
		},
		Files: []manual.File{
			{Path: "DATA/kennel.toml", Holds: "the configuration, where --config names no other; see configuration.md"},
			{Path: "DATA/host.key, DATA/host.crt", Holds: "the host's identity, which paired clients know"},
			{Path: "DATA/kennel.db", Holds: "paired clients, added apps, the history of sessions"},
			{Path: "DATA/sessions/", Holds: "the output of each session's processes"},
			{Path: "DATA/probe/", Holds: "the identity of kennel probe, where it is called without HOST"},
			{Path: "DATA/" + web.SocketName, Holds: "the API, which the other commands speak to"},
		},
		Defaults: map[string]string{"data": "~/.local/share/kennel; as root /var/lib/kennel"},
	}
}

// newManual writes the pages that packages install and docs/cli.md.
func newManual() *cobra.Command {
	var markdown string
	cmd := &cobra.Command{
		Use: "manual [DIR]", Short: "Write man pages, or the page about the command line", Args: cobra.MaximumNArgs(1), Hidden: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			if markdown != "" {
				return writeFile(markdown, manual.Markdown(cmd.Root(), manualExtra()))
			}
			for name, page := range manual.Man(cmd.Root(), manualExtra()) {
				if err := writeFile(filepath.Join(strings.Join(args, ""), name), page); err != nil {
					return err
				}
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&markdown, "markdown", "", "write one page of Markdown to this `file` instead")
	return cmd
}

func writeFile(path, text string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return evidence.Errorf(evidence.Invalid, "make a place for %s: %w", path, err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		return evidence.Errorf(evidence.Invalid, "write %s: %w", path, err)
	}
	return nil
}
