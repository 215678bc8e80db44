package main

import (
	"github.com/spf13/cobra"

	"github.com/kennel-stream/kennel/internal/logsource"
)

func newDoctorTrend(f *doctorFlags) *cobra.Command {
	var asJSON bool
	var plot string
	cmd := &cobra.Command{
		Use: "trend FILE...", Short: "Say how a host wore over many sessions", Args: cobra.MinimumNArgs(1),
		Long: "Say how a host wore over many sessions: at which session of each life of the\n" +
			"process the first fault came, how long until its restart, how its counters\n" +
			"grew, and when the next fault is to be expected.",
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := checkPlot(plot); err != nil {
				return err
			}
			catalogue, err := loadCatalogue(f)
			if err != nil {
				return err
			}
			d, err := diagnose(cmd, catalogue, logsource.Options{}, nil, args)
			if err != nil {
				return err
			}
			if err := writePlot(plot, d.TrendPicture); err != nil {
				return err
			}
			if asJSON {
				return printJSON(cmd.OutOrStdout(), d.Trend())
			}
			return d.Trend().WriteText(cmd.OutOrStdout())
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	plotFlag(cmd, &plot, "the counters over sessions")
	return cmd
}
