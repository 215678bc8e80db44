package main

import (
	"context"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/kennel-stream/kennel/internal/config"
	"github.com/kennel-stream/kennel/internal/evidence"
)

type serveFlags struct {
	data, config, wolf, hostname, logFormat, logLevel string
	port                                              int
	check, asJSON                                     bool
}

func newServe() *cobra.Command {
	var f serveFlags
	cmd := &cobra.Command{
		Use: "serve", Short: "Start the host", Args: cobra.NoArgs,
		Long: `Start the host: Moonlight clients pair, choose an app and play.

Without a configuration file the host offers the built-in demo app on
Moonlight's usual ports. Everything that the host keeps is in the data
directory: its key, the paired clients, the sessions' history and output.

With a socket under [wolf] in the configuration, or in the variable
WOLF_SOCKET_PATH, tools made for Wolf find its API there.

With --wolf the host runs on what Wolf has in a directory that it knows as
/etc/wolf, as kennel import wolf would take it over, and lists at its start
what it does not honour. Wolf's own files are only read. Wolf's API is served
as Wolf does: at WOLF_SOCKET_PATH, else at /var/run/wolf/wolf.sock, or
XDG_RUNTIME_DIR/wolf/wolf.sock where the host does not run as root.

With --check the host is not started: each thing that it needs is tried, and
what this machine lacks is said with its cure. The exit status is 1 when the
host could not stream.`,
		Example: `  kennel serve
  kennel serve --check
  kennel serve --data ./data --port 47989 --config kennel.toml
  kennel serve --wolf /etc/wolf`,
		RunE: func(cmd *cobra.Command, _ []string) error { return runServe(cmd.Context(), cmd, f) },
	}
	dataFlag(cmd, &f.data)
	cmd.Flags().StringVar(&f.config, "config", "", "configuration `file`; DATA/kennel.toml when it exists")
	cmd.Flags().StringVar(&f.wolf, "wolf", "", "`directory` of Wolf to run on, in the place of a configuration")
	cmd.Flags().IntVar(&f.port, "port", 0, "`base` of all ports (the HTTP port), over the configuration's")
	cmd.Flags().StringVar(&f.hostname, "hostname", "", "`name` that Moonlight shows, over the configuration's")
	cmd.Flags().StringVar(&f.logFormat, "log-format", "", "text or json, over the configuration's")
	cmd.Flags().StringVar(&f.logLevel, "log-level", "", "debug, info, warn or error, over the configuration's")
	cmd.Flags().BoolVar(&f.check, "check", false, "only say what this machine lacks")
	cmd.Flags().BoolVar(&f.asJSON, "json", false, "with --check, print JSON")
	return cmd
}

// loadConfig reads the configuration file and puts the flags over it.
func loadConfig(f serveFlags) (config.Config, error) {
	c := config.Default()
	if f.config != "" && f.wolf != "" {
		return c, evidence.Errorf(evidence.Invalid, "--config and --wolf both name a configuration: give one of them")
	}
	path := f.config
	if path == "" && f.wolf == "" {
		if own := filepath.Join(f.data, "kennel.toml"); fileExists(own) {
			path = own
		}
	}
	if f.wolf != "" {
		source, err := readWolf(f.wolf, f.data, "")
		if err != nil {
			return c, err
		}
		c = source.Config
	}
	if path != "" {
		var err error
		if c, err = config.Load(path); err != nil {
			return c, &evidence.Error{Kind: evidence.Invalid, Err: err}
		}
	}
	if f.port != 0 {
		c.Ports = config.Ports{Base: f.port}
	}
	if f.hostname != "" {
		c.Hostname = f.hostname
	}
	if f.logFormat != "" {
		c.Log.Format = f.logFormat
	}
	if f.logLevel != "" {
		c.Log.Level = f.logLevel
	}
	if err := c.Validate(); err != nil {
		return c, &evidence.Error{Kind: evidence.Invalid, Err: err}
	}
	return c, nil
}

func fileExists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func runServe(ctx context.Context, cmd *cobra.Command, f serveFlags) error {
	abs, err := filepath.Abs(f.data)
	if err != nil {
		return evidence.Errorf(evidence.Invalid, "--data %s: %w", f.data, err)
	}
	f.data = abs
	c, err := loadConfig(f)
	if err != nil {
		return err
	}
	if f.check {
		return runCheck(cmd, c, f)
	}
	log, level := newLogger(cmd.ErrOrStderr(), c.Log)
	if f.wolf != "" {
		source, err := readWolf(f.wolf, f.data, "")
		if err != nil {
			return err
		}
		kept, err := keepWolf(ctx, source, f.data)
		if err != nil {
			return err
		}
		tellWolf(log, source, kept)
	}
	r, err := openHost(ctx, c, f.data, log)
	if err != nil {
		return err
	}
	r.level, r.reread = level, func() (config.Config, error) { return loadConfig(f) }
	return r.run(ctx, cmd.OutOrStdout())
}
