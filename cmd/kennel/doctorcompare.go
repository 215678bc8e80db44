package main

import (
	"io"

	"github.com/spf13/cobra"

	"github.com/kennel-stream/kennel/internal/diagnosis"
	"github.com/kennel-stream/kennel/internal/evidence"
	"github.com/kennel-stream/kennel/internal/logsource"
)

// compareFlags say which sessions are compared, and how that is told.
type compareFlags struct {
	lastGood     bool
	sessions     []int
	format, plot string
}

func newDoctorCompare(f *doctorFlags) *cobra.Command {
	var o compareFlags
	cmd := &cobra.Command{
		Use: "compare GOOD BAD", Short: "Hold a good session against a bad one",
		Long: `Hold a good session against a bad one: both timelines, what differs in GPU,
display, pipelines and container, and the first point at which they part.
With --last-good both are of one log: the first bad session and the last good
one before it. With --sessions both are of one log, as kennel doctor numbers
them.`,
		Example: "  kennel doctor compare good.log bad.log\n  kennel doctor compare --last-good wolf.log\n  kennel doctor compare --sessions 3,7 wolf.log",
		Args:    cobra.RangeArgs(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := o.check(args); err != nil {
				return err
			}
			catalogue, err := loadCatalogue(f)
			if err != nil {
				return err
			}
			c, err := o.compare(cmd, catalogue, args)
			if err != nil {
				return err
			}
			if err := writePlot(o.plot, c.Picture); err != nil {
				return err
			}
			return writeComparison(cmd.OutOrStdout(), c, o.format)
		},
	}
	cmd.Flags().BoolVar(&o.lastGood, "last-good", false, "compare within one log")
	cmd.Flags().IntSliceVar(&o.sessions, "sessions", nil, "compare two sessions of one log: `GOOD,BAD`")
	cmd.Flags().StringVar(&o.format, "format", "markdown", "markdown or json")
	plotFlag(cmd, &o.plot, "both timelines")
	return cmd
}

func (o *compareFlags) check(args []string) error {
	switch {
	case o.lastGood && o.sessions != nil:
		return evidence.Errorf(evidence.Invalid, "use --last-good or --sessions, not both")
	case o.sessions != nil && len(o.sessions) != 2:
		return evidence.Errorf(evidence.Invalid, "--sessions: name two, as in --sessions 3,7")
	case (len(args) == 1) != (o.lastGood || o.sessions != nil):
		return evidence.Errorf(evidence.Invalid, "name two logs, or one with --last-good or --sessions GOOD,BAD")
	case o.format != "markdown" && o.format != "json":
		return evidence.Errorf(evidence.Invalid, "--format %s: use markdown or json", o.format)
	}
	return checkPlot(o.plot)
}

func (o *compareFlags) compare(cmd *cobra.Command, catalogue *diagnosis.Catalogue, args []string) (*diagnosis.Comparison, error) {
	var both []*diagnosis.Diagnosis
	for _, name := range args {
		d, err := diagnose(cmd, catalogue, logsource.Options{}, nil, []string{name})
		if err != nil {
			return nil, err
		}
		both = append(both, d)
	}
	switch {
	case o.lastGood:
		return catalogue.LastGood(both[0])
	case o.sessions != nil:
		return catalogue.CompareSessions(both[0], o.sessions[0], o.sessions[1])
	}
	return catalogue.Compare(both[0], both[1])
}

func writeComparison(w io.Writer, c *diagnosis.Comparison, format string) error {
	if format == "json" {
		return printJSON(w, c)
	}
	return c.WriteMarkdown(w)
}
