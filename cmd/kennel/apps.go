package main

import (
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kennel-stream/kennel/internal/config"
	"github.com/kennel-stream/kennel/internal/web"
)

func newApps() *cobra.Command {
	cmd := &cobra.Command{Use: "apps", Short: "List, find, add, change and delete apps of a running host"}
	cmd.AddCommand(newAppsList(), newAppsDiscover(), newAppsAdd(), newAppsUpdate(), newAppsDelete())
	return cmd
}

func newAppsList() *cobra.Command {
	var dir string
	var asJSON bool
	cmd := &cobra.Command{Use: "list", Short: "List the apps on offer", Args: cobra.NoArgs, RunE: func(cmd *cobra.Command, _ []string) error {
		api, err := remote(dir)
		if err != nil {
			return err
		}
		apps, err := api.Apps(cmd.Context())
		if err != nil {
			return err
		}
		if asJSON {
			return printJSON(cmd.OutOrStdout(), apps)
		}
		return printApps(cmd, apps)
	}}
	dataFlag(cmd, &dir)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func printApps(cmd *cobra.Command, apps []web.App) error {
	t := newTable(cmd.OutOrStdout(), "SLUG", "TITLE", "ID", "FROM", "RUNS")
	for _, a := range apps {
		runs := a.Runner.RunCmd
		if runs == "" {
			runs = strings.Join(a.Runner.Args, " ")
		}
		if runs == "" {
			runs = "(" + a.Runner.Type + ")"
		}
		t.row(a.Slug, a.Title, strconv.Itoa(a.ID), a.Source, runs)
	}
	return t.flush()
}

// appFlags are the fields of an app that runs a process.
func appFlags(cmd *cobra.Command, app *config.App) {
	app.Runner.Type = config.RunnerProcess
	f := cmd.Flags()
	f.StringVar(&app.Slug, "slug", "", "name in the API; derived from the title when empty")
	f.StringVar(&app.Runner.RunCmd, "run", "", "command `line` to run")
	f.StringArrayVar(&app.Runner.Env, "env", nil, "`NAME=VALUE` for the app; may be repeated")
	f.StringVar(&app.Runner.User, "user", "", "user to run as")
	f.StringVar(&app.Runner.Dir, "dir", "", "working directory")
	f.StringVar(&app.IconPNGPath, "icon", "", "PNG `file` with the box art")
}

func newAppsAdd() *cobra.Command {
	var dir string
	var app config.App
	cmd := &cobra.Command{
		Use: "add TITLE --run COMMAND", Short: "Add an app", Args: cobra.ExactArgs(1),
		Example: `  kennel apps add Terminal --run "foot"`,
		RunE: func(cmd *cobra.Command, args []string) error {
			api, err := remote(dir)
			if err != nil {
				return err
			}
			app.Title = args[0]
			added, err := api.AddApp(cmd.Context(), app)
			if err != nil {
				return err
			}
			return printApps(cmd, []web.App{added})
		},
	}
	dataFlag(cmd, &dir)
	appFlags(cmd, &app)
	return cmd
}

func newAppsUpdate() *cobra.Command {
	var dir string
	var app config.App
	cmd := &cobra.Command{
		Use: "update SLUG --run COMMAND", Short: "Change an app that was added over the API", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			api, err := remote(dir)
			if err != nil {
				return err
			}
			app.Slug = args[0]
			changed, err := api.UpdateApp(cmd.Context(), args[0], app)
			if err != nil {
				return err
			}
			return printApps(cmd, []web.App{changed})
		},
	}
	dataFlag(cmd, &dir)
	appFlags(cmd, &app)
	cmd.Flags().StringVar(&app.Title, "title", "", "what Moonlight shows")
	_ = cmd.MarkFlagRequired("title")
	_ = cmd.Flags().MarkHidden("slug")
	return cmd
}

func newAppsDelete() *cobra.Command {
	var dir string
	cmd := &cobra.Command{
		Use: "delete SLUG", Short: "Delete an app that was added over the API", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			api, err := remote(dir)
			if err != nil {
				return err
			}
			return api.DeleteApp(cmd.Context(), args[0])
		},
	}
	dataFlag(cmd, &dir)
	return cmd
}
