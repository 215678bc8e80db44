package main

import (
	"fmt"
	"os"
	"slices"

	"github.com/spf13/cobra"

	"github.com/kennel-stream/kennel/internal/app"
	"github.com/kennel-stream/kennel/internal/appscan"
	"github.com/kennel-stream/kennel/internal/host"
	"github.com/kennel-stream/kennel/internal/web"
)

func newAppsDiscover() *cobra.Command {
	var dir string
	var asJSON, add bool
	cmd := &cobra.Command{
		Use: "discover", Short: "Find programs of this machine to stream", Args: cobra.NoArgs,
		Long: `Find programs of this machine to stream, and print an entry of the
configuration file for each: of programs that Kennel knows, with the
flags that they need here, and of the desktop entries of all others.
Nothing is started, and without --add nothing is changed.`,
		Example: `  kennel apps discover
  kennel apps discover --add`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			found := discoverApps()
			switch {
			case add:
				return addDiscovered(cmd, dir, found.Apps, asJSON)
			case asJSON:
				return printJSON(cmd.OutOrStdout(), found)
			}
			printDiscovered(cmd, found)
			return nil
		},
	}
	dataFlag(cmd, &dir)
	cmd.Flags().BoolVar(&add, "add", false, "add those that the running host does not have yet")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// discoverApps looks where sessions look for programs.
func discoverApps() appscan.Result {
	return appscan.Places{Path: app.SearchPath, DataDirs: appscan.DataDirs(os.Getenv("XDG_DATA_DIRS"))}.Scan()
}

func printDiscovered(cmd *cobra.Command, found appscan.Result) {
	for i, f := range found.Apps {
		if i > 0 {
			_, _ = fmt.Fprintln(cmd.OutOrStdout())
		}
		_, _ = fmt.Fprint(cmd.OutOrStdout(), f.TOML())
	}
	for _, s := range found.Skipped {
		cmd.PrintErrf("skipped %s: %s\n", s.From, s.Why)
	}
	if len(found.Apps) == 0 {
		cmd.PrintErrln("found no programs to stream: install foot, or chromium, and look again")
	}
}

// addDiscovered adds what the host does not have, by slug and by title.
func addDiscovered(cmd *cobra.Command, dir string, found []appscan.Found, asJSON bool) error {
	api, err := remote(dir)
	if err != nil {
		return err
	}
	have, err := api.Apps(cmd.Context())
	if err != nil {
		return err
	}
	added := []web.App{}
	for _, f := range missing(found, have) {
		a, err := api.AddApp(cmd.Context(), f.App)
		if err != nil {
			return fmt.Errorf("add %q, after %d others: %w", f.App.Title, len(added), err)
		}
		added = append(added, a)
	}
	if asJSON {
		return printJSON(cmd.OutOrStdout(), added)
	}
	if len(added) == 0 {
		cmd.PrintErrf("the host has all %d apps already\n", len(found))
		return nil
	}
	return printApps(cmd, added)
}

// missing are those that a host with these apps does not have.
func missing(found []appscan.Found, have []web.App) []appscan.Found {
	return slices.DeleteFunc(slices.Clone(found), func(f appscan.Found) bool {
		return slices.ContainsFunc(have, func(a web.App) bool { return a.Slug == f.App.Slug || a.Title == f.App.Title })
	})
}

// countDiscovered says how many apps a host could offer besides its own.
func countDiscovered(own *host.Catalogue) int {
	var have []web.App
	for _, e := range own.Entries() {
		have = append(have, web.App(e))
	}
	return len(missing(discoverApps().Apps, have))
}
