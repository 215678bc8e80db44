package main

import (
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kennel-stream/kennel/internal/evidence"
	"github.com/kennel-stream/kennel/internal/web"
)

// isUsage recognises the errors that cobra makes for wrong arguments: they
// have no type.
func isUsage(err error) bool {
	text := err.Error()
	for _, start := range []string{"unknown command", "unknown flag", "unknown shorthand", "accepts ", "requires at least", "invalid argument", "flag needs an argument", "required flag"} {
		if strings.HasPrefix(text, start) {
			return true
		}
	}
	return false
}

// dataFlag adds --data, which names the host to speak to.
func dataFlag(cmd *cobra.Command, dir *string) {
	cmd.Flags().StringVar(dir, "data", defaultDataDir(), "data `directory` of the host")
}

// defaultDataDir is a system directory for root and one of the user otherwise.
func defaultDataDir() string {
	if os.Geteuid() == 0 {
		return "/var/lib/kennel"
	}
	if dir := os.Getenv("XDG_DATA_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "kennel")
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "kennel-data"
	}
	return filepath.Join(home, ".local", "share", "kennel")
}

// remote returns the API client of the host with that data directory.
func remote(dir string) (*web.Remote, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, evidence.Errorf(evidence.Invalid, "--data %s: %w", dir, err)
	}
	return web.NewClient(abs), nil
}
