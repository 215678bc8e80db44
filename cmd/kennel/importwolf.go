package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kennel-stream/kennel/internal/evidence"
	"github.com/kennel-stream/kennel/internal/store"
	"github.com/kennel-stream/kennel/internal/wolfconfig"
)

type importFlags struct {
	data, environment   string
	force, show, asJSON bool
}

func newImport() *cobra.Command {
	cmd := &cobra.Command{Use: "import COMMAND", Short: "Take over the set-up of another host", Args: cobra.NoArgs}
	var f importFlags
	wolf := &cobra.Command{
		Use: "wolf DIR", Short: "Take over Wolf's apps, clients and key", Args: cobra.ExactArgs(1),
		Long: `Take over what Wolf has in DIR, which it knows as /etc/wolf: apps, encoders
and ports become DATA/kennel.toml; the paired clients, their apps' state and
the host's certificate are kept, so that nobody has to pair again. WOLF_
variables are taken from the environment, or from a file of NAME=VALUE lines.

What Kennel does not do is listed with its lines. Wolf's own files are only
read. Stop Wolf before the host is started: both want the same ports.`,
		Example: `  kennel import wolf /etc/wolf --show
  kennel import wolf /etc/wolf
  kennel import wolf ./wolf/cfg/config.toml --env-file wolf.env --data ./data`,
		RunE: func(cmd *cobra.Command, args []string) error { return runImportWolf(cmd, args[0], f) },
	}
	dataFlag(wolf, &f.data)
	wolf.Flags().StringVar(&f.environment, "env-file", "", "`file` with Wolf's variables, over the environment's")
	wolf.Flags().BoolVar(&f.force, "force", false, "replace a kennel.toml that is there")
	wolf.Flags().BoolVar(&f.show, "show", false, "print the configuration and change nothing")
	wolf.Flags().BoolVar(&f.asJSON, "json", false, "print JSON")
	cmd.AddCommand(wolf)
	return cmd
}

func runImportWolf(cmd *cobra.Command, dir string, f importFlags) error {
	data, err := filepath.Abs(f.data)
	if err != nil {
		return evidence.Errorf(evidence.Invalid, "--data %s: %w", f.data, err)
	}
	source, err := readWolf(dir, data, f.environment)
	if err != nil {
		return err
	}
	text, err := source.TOML()
	if err != nil {
		return &evidence.Error{Kind: evidence.Invalid, Err: err}
	}
	if f.show {
		_, err := cmd.OutOrStdout().Write(text)
		return err
	}
	path := filepath.Join(data, "kennel.toml")
	if fileExists(path) && !f.force {
		return evidence.Errorf(evidence.Conflict, "%s is there already: look at what would be written with --show, then replace it with --force, or take another --data", path)
	}
	kept, err := keepWolf(cmd.Context(), source, data)
	if err != nil {
		return err
	}
	if err := writeConfig(path, text); err != nil {
		return evidence.Errorf(evidence.Unavailable, "write %s: %w", path, err)
	}
	if f.asJSON {
		return printJSON(cmd.OutOrStdout(), importReport{
			File: path, Version: source.Version, Apps: len(source.Config.Apps), Clients: kept.Clients, Known: kept.Known,
			Identity: kept.Identity, Notes: append(source.Notes, kept.Notes...),
		})
	}
	printImport(cmd.OutOrStdout(), source, kept, path, f.data)
	return nil
}

// importReport is what --json prints.
type importReport struct {
	File     string            `json:"file"`
	Version  int               `json:"version"`
	Apps     int               `json:"apps"`
	Clients  int               `json:"clients"`
	Known    int               `json:"known_clients"`
	Identity bool              `json:"identity"`
	Notes    []wolfconfig.Note `json:"notes"`
}

// wolfLinks is where a client's id leads to its state folder of Wolf.
func wolfLinks(data string) string { return filepath.Join(data, "wolf-state") }

// readWolf reads Wolf's directory for a host with a data directory.
func readWolf(dir, data, environment string) (*wolfconfig.Source, error) {
	variables := os.Environ()
	if environment != "" {
		more, err := readVariables(environment)
		if err != nil {
			return nil, err
		}
		variables = append(variables, more...)
	}
	source, err := wolfconfig.Read(dir, wolfconfig.Options{
		Environ: variables, Links: wolfLinks(data), Root: os.Geteuid() == 0,
		Socket: usualWolfSocket(os.Geteuid(), os.Getenv("XDG_RUNTIME_DIR")),
	})
	if err != nil {
		return nil, &evidence.Error{Kind: evidence.Invalid, Err: err}
	}
	return source, nil
}

// maxVariables bounds a file of variables.
const maxVariables = 1 << 20

// readVariables reads NAME=VALUE lines, as docker run --env-file takes them.
func readVariables(path string) ([]string, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, evidence.Errorf(evidence.Invalid, "read Wolf's variables: %w", err)
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, maxVariables+1))
	if err != nil {
		return nil, evidence.Errorf(evidence.Invalid, "read Wolf's variables: %w", err)
	}
	if len(text) > maxVariables {
		return nil, evidence.Errorf(evidence.Invalid, "read Wolf's variables: %s is larger than %d KiB; name a file of NAME=VALUE lines", path, maxVariables>>10)
	}
	var all []string
	for line := range strings.Lines(string(text)) {
		line = strings.TrimPrefix(strings.TrimSpace(line), "- ") // a list of docker compose
		if name, value, ok := strings.Cut(line, "="); ok && !strings.HasPrefix(name, "#") {
			all = append(all, name+"="+strings.Trim(value, `"'`))
		}
	}
	return all, nil
}

// keepWolf takes clients and identity into the database of a host that is not running.
func keepWolf(ctx context.Context, source *wolfconfig.Source, data string) (kept wolfconfig.Kept, err error) {
	s, err := store.Open(ctx, data)
	if err != nil {
		return kept, &evidence.Error{Kind: evidence.Unavailable, Err: err}
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	return source.Keep(ctx, s)
}

// writeConfig makes a file appear whole or not at all. Variables of apps may
// be secrets.
func writeConfig(path string, text []byte) error {
	if err := os.WriteFile(path+".new", text, 0o600); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

func printImport(w io.Writer, source *wolfconfig.Source, kept wolfconfig.Kept, path, data string) {
	_, _ = fmt.Fprintf(w, "read     %s\n", source.Path)
	_, _ = fmt.Fprintf(w, "wrote    %s with %s\n", path, count(len(source.Config.Apps), "app"))
	_, _ = fmt.Fprintf(w, "clients  %d taken over, %d already there\n", kept.Clients, kept.Known)
	if kept.Identity {
		_, _ = fmt.Fprintln(w, "host     known by Wolf's certificate: nobody has to pair again")
	}
	notes := append(source.Notes, kept.Notes...)
	if len(notes) > 0 {
		_, _ = fmt.Fprintf(w, "\nnot honoured (%s):\n", source.Path)
	}
	for _, n := range notes {
		_, _ = fmt.Fprintf(w, "  %s\n", n)
	}
	_, _ = fmt.Fprintf(w, "\nstop Wolf, then: kennel serve --data %s\n", data)
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// tellWolf logs what of Wolf's configuration is not honoured.
func tellWolf(log *slog.Logger, source *wolfconfig.Source, kept wolfconfig.Kept) {
	log.Info("runs on Wolf's configuration", "file", source.Path, "version", source.Version, "apps", len(source.Config.Apps),
		"clients", kept.Clients+kept.Known, "identity", kept.Identity)
	for _, n := range append(source.Notes, kept.Notes...) {
		log.Warn("not honoured", "file", source.Path, "lines", n.Lines, "key", n.Key, "why", n.Why)
	}
}
