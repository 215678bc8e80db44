package main

import (
	"io"

	"github.com/spf13/cobra"

	"github.com/kennel-stream/kennel/internal/diagnosis"
	"github.com/kennel-stream/kennel/internal/evidence"
	"github.com/kennel-stream/kennel/internal/logsource"
)

func newDoctorCompare(f *doctorFlags) *cobra.Command {
	var lastGood bool
	var format, plot string
	cmd := &cobra.Command{
		Use: "compare GOOD BAD", Short: "Hold a good session against a bad one",
		Long: `Hold a good session against a bad one: both timelines, what differs in GPU,
display, pipelines and container, and the first point at which they part.
With --last-good both are of one log: the first bad session and the last good
one before it.`,
		Example: "  kennel doctor compare good.log bad.log\n  kennel doctor compare --last-good wolf.log",
		Args:    cobra.RangeArgs(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			if (len(args) == 1) != lastGood {
				return evidence.Errorf(evidence.Invalid, "name two logs, or one with --last-good")
			}
			if format != "markdown" && format != "json" {
				return evidence.Errorf(evidence.Invalid, "--format %s: use markdown or json", format)
			}
			if err := checkPlot(plot); err != nil {
				return err
			}
			catalogue, err := loadCatalogue(f)
			if err != nil {
				return err
			}
			var both []*diagnosis.Diagnosis
			for _, name := range args {
				d, err := diagnose(cmd, catalogue, logsource.Options{}, []string{name})
				if err != nil {
					return err
				}
				both = append(both, d)
			}
			var c *diagnosis.Comparison
			if lastGood {
				c, err = catalogue.LastGood(both[0])
			} else {
				c, err = catalogue.Compare(both[0], both[1])
			}
			if err != nil {
				return err
			}
			if err := writePlot(plot, c.Picture); err != nil {
				return err
			}
			return writeComparison(cmd.OutOrStdout(), c, format)
		},
	}
	cmd.Flags().BoolVar(&lastGood, "last-good", false, "compare within one log")
	cmd.Flags().StringVar(&format, "format", "markdown", "markdown or json")
	plotFlag(cmd, &plot, "both timelines")
	return cmd
}

func writeComparison(w io.Writer, c *diagnosis.Comparison, format string) error {
	if format == "json" {
		return printJSON(w, c)
	}
	return c.WriteMarkdown(w)
}
