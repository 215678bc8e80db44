package main

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/kennel-stream/kennel/internal/bench"
	"github.com/kennel-stream/kennel/internal/escape"
	"github.com/kennel-stream/kennel/internal/evidence"
	"github.com/kennel-stream/kennel/internal/meter"
)

func newBench() *cobra.Command {
	cmd := &cobra.Command{Use: "bench", Short: "Measure a host of its own on this machine"}
	cmd.AddCommand(newBenchChurn(), newBenchGPU())
	return cmd
}

func newBenchChurn() *cobra.Command {
	o := bench.ChurnOptions{}
	var asJSON bool
	var plot string
	cmd := &cobra.Command{
		Use: "churn", Short: "Open and close sessions, and look whether anything is left", Args: cobra.NoArgs,
		Long: "Open and close sessions whose clients in turn quit, leave and come back, or\n" +
			"vanish, on a host that is started for it. Nothing may be left of any. Some\n" +
			"come first and are not measured; of 200 sessions or more the trend of memory\n" +
			"is judged, and 240 come first.",
		Example: "  kennel bench churn --sessions 1000 --plot churn.svg",
		RunE: func(cmd *cobra.Command, _ []string) error {
			exe, err := os.Executable()
			if err != nil {
				return evidence.Errorf(evidence.Unavailable, "find the kennel program: %w", err)
			}
			o.Executable = exe
			if !asJSON && isTerminal(cmd.ErrOrStderr()) {
				o.WarmUp = func(done, all int) {
					_, _ = fmt.Fprintf(cmd.ErrOrStderr(), "\r%d of %d sessions that are not measured", done, all)
					if done == all {
						_, _ = fmt.Fprintln(cmd.ErrOrStderr())
					}
				}
				o.Progress = func(done, failed int) {
					_, _ = fmt.Fprintf(cmd.ErrOrStderr(), "\r%d of %d sessions, %d failed", done, o.Sessions, failed)
					if done == o.Sessions {
						_, _ = fmt.Fprintln(cmd.ErrOrStderr())
					}
				}
			}
			churn, err := bench.RunChurn(cmd.Context(), o)
			if err != nil {
				return err
			}
			if plot != "" {
				if err := os.WriteFile(plot, churn.SVG(), 0o644); err != nil {
					return evidence.Errorf(evidence.Invalid, "write the plot: %w", err)
				}
			}
			if asJSON {
				err = printJSON(cmd.OutOrStdout(), churn)
			} else {
				err = printChurn(cmd.OutOrStdout(), churn)
			}
			if err == nil && !churn.Sound() {
				return evidence.Errorf(evidence.Internal, "the host is not as it was: see above")
			}
			return err
		},
	}
	f := cmd.Flags()
	f.IntVar(&o.Sessions, "sessions", 100, "how many sessions")
	f.IntVar(&o.Parallel, "parallel", 3, "how many clients at a time")
	f.IntVar(&o.Port, "port", 46989, "base of the ports of the host that is started")
	f.BoolVar(&asJSON, "json", false, "print JSON")
	f.StringVar(&plot, "plot", "", "draw memory and files over the sessions into this SVG `file`")
	return cmd
}

func isTerminal(w io.Writer) bool {
	f, ok := escape.Below(w).(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// slope is a trend of bytes in KiB, with its interval.
func slope(t meter.Trend) string {
	return fmt.Sprintf("%+.2f (95 %%: %+.2f to %+.2f)", t.Slope/1024, t.Low/1024, t.High/1024)
}

func printChurn(w io.Writer, c *bench.Churn) error {
	_, _ = fmt.Fprintf(w, "%d sessions in %s: %d quit, %d resumed, %d vanished, %d failed\n", c.Sessions, c.Took.Round(time.Second), c.Quit, c.Resumed, c.Vanished, len(c.Failures))
	_, _ = fmt.Fprintf(w, "receipts with residue 0: %d of %d\n\n", c.Receipts, c.Sessions)
	t := newTable(w, "KENNEL SERVE", "BEFORE", "AFTER")
	t.row("goroutines", fmt.Sprint(c.Before.Goroutines), fmt.Sprint(c.After.Goroutines))
	t.row("open files", c.Before.Files.String(), c.After.Files.String())
	t.row("sockets", c.Before.Sockets.String(), c.After.Sockets.String())
	t.row("unix sockets", c.Before.UnixSockets.String(), c.After.UnixSockets.String())
	t.row("control groups", c.Before.Cgroups.String(), c.After.Cgroups.String())
	t.row("memory", fmt.Sprintf("%.1f MiB", float64(c.Before.RSS)/(1<<20)), fmt.Sprintf("%.1f MiB", float64(c.After.RSS)/(1<<20)))
	t.row("  its own", mebibytes(c.Before.Anon), mebibytes(c.After.Anon))
	t.row("  of files", mebibytes(c.Before.File), mebibytes(c.After.File))
	if err := t.flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "\nmemory per session: %s KiB, over %d points\nof it the program's own: %s KiB\n", slope(c.RSS), c.RSS.Cycles, slope(c.Anon))
	for _, line := range c.Rot() {
		_, _ = fmt.Fprintln(w, line)
	}
	return err
}
