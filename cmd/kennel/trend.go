package main

import (
	"fmt"
	"io"
	"math"

	"github.com/spf13/cobra"

	"github.com/kennel-stream/kennel/internal/meter"
	"github.com/kennel-stream/kennel/internal/session"
	"github.com/kennel-stream/kennel/internal/web"
)

func newSessionsTrend() *cobra.Command {
	var dir string
	var asJSON bool
	cmd := &cobra.Command{
		Use: "trend", Short: "Say what grows from session to session", Args: cobra.NoArgs,
		Long: "Say what grows from session to session: what kennel serve itself holds after\n" +
			"each, what the GPUs hold, whoever holds it, and what sessions did not give\n" +
			"back, from the receipts of this run of the host. A growth counts when its\n" +
			"whole 95 % confidence interval is above 0.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			api, err := remote(dir)
			if err != nil {
				return err
			}
			t, err := api.Trends(cmd.Context())
			if err != nil {
				return err
			}
			if asJSON {
				return printJSON(cmd.OutOrStdout(), t)
			}
			return printTrends(cmd.OutOrStdout(), t)
		},
	}
	dataFlag(cmd, &dir)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func printTrends(w io.Writer, t web.Trends) error {
	if len(t.Trends) == 0 {
		_, err := fmt.Fprintf(w, "too few sessions for a trend: %d have a receipt\n", t.Sessions)
		return err
	}
	table := newTable(w, "OF", "RESOURCE", "NOW", "PER SESSION", "95 % FROM", "TO", "VERDICT")
	for _, r := range t.Trends {
		if r.Of == "left" && r.Last == 0 && r.Slope == 0 {
			continue // the usual case, for every resource
		}
		table.row(r.Of, string(r.Resource), amountPer(r.Resource, r.Last), amountPer(r.Resource, r.Slope),
			amountPer(r.Resource, r.Low), amountPer(r.Resource, r.High), verdict(r))
	}
	return table.flush()
}

func verdict(r session.ResourceTrend) string {
	switch {
	case r.Rising && r.Limit > 0:
		return fmt.Sprintf("grows: %d more sessions", r.Remaining)
	case r.Rising:
		return "grows"
	}
	return "steady"
}

// amountPer is an amount that may be a fraction, or below 0.
func amountPer(r meter.Resource, v float64) string {
	switch {
	case math.Abs(v) >= math.MaxFloat64:
		return "unknown"
	case r == meter.Memory || r == meter.GPUMemory || r == meter.GPUUnowned:
		return fmt.Sprintf("%.1f KiB", v/1024)
	}
	return fmt.Sprintf("%.2f", v)
}
