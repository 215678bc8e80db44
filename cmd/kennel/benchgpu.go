package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/kennel-stream/kennel/internal/bench"
	"github.com/kennel-stream/kennel/internal/evidence"
	"github.com/kennel-stream/kennel/internal/meter"
)

func newBenchGPU() *cobra.Command {
	o := bench.GPUOptions{}
	var asJSON bool
	var mib int64
	cmd := &cobra.Command{
		Use: "gpu", Short: "Let processes take a GPU in turn, and look what comes back", Args: cobra.NoArgs,
		Long: "Let processes take a CUDA and an EGL context and be killed, as sessions do\n" +
			"whose encoder runs on the GPU. Nothing may be left of any. With --plant one\n" +
			"process serves all and gives nothing back: the receipts must find it.\n" +
			"It wants an NVIDIA GPU that nobody else uses, and nvidia-smi to compare with.",
		Example: "  kennel bench gpu --cycles 100\n  kennel bench gpu --plant --cycles 200",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if o.Plant && !cmd.Flags().Changed("mib") {
				mib = plantedMiB
			}
			o.Bytes = mib << 20
			if !asJSON && isTerminal(cmd.ErrOrStderr()) {
				o.Progress = func(done int) { _, _ = fmt.Fprintf(cmd.ErrOrStderr(), "\r%d cycles", done) }
			}
			run, err := bench.RunGPU(cmd.Context(), o)
			if err != nil {
				return err
			}
			if asJSON {
				err = printJSON(cmd.OutOrStdout(), run)
			} else {
				err = printGPU(cmd.OutOrStdout(), run)
			}
			if err != nil {
				return err
			}
			return verdictOfGPU(run, o.Plant)
		},
	}
	f := cmd.Flags()
	f.IntVar(&o.Cycles, "cycles", 20, "how many processes")
	f.Int64Var(&mib, "mib", 64, "device memory that each takes beside its contexts; with --plant 4096")
	f.BoolVar(&o.Plant, "plant", false, "let one process serve all, and leak")
	f.BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// plantedMiB is what each cycle of a planted leak takes, so that the device's
// memory is full before the driver has no more contexts for one process.
const plantedMiB = 4096

// verdictOfGPU is nil for a device that is as it was, or a planted leak that was found.
func verdictOfGPU(r *bench.GPURun, planted bool) error {
	wrong, what := r.Rot(), "the GPU is not as it was"
	if planted {
		wrong, what = r.Missed(), "the planted leak was not found as it should be"
	}
	if len(wrong) == 0 {
		return nil
	}
	return evidence.Errorf(evidence.Internal, "%s: %s", what, strings.Join(wrong, "; "))
}

func printGPU(w io.Writer, r *bench.GPURun) error {
	_, _ = fmt.Fprintf(w, "%s, driver %s, %d MiB, %d in use before\n\n", r.Device, r.Driver, r.Total, r.Before)
	t := newTable(w, "CYCLE", "HELD", "GPU FILES", "DEVICE", "SMI", "AFTER", "SMI", "START", "BACK", "RESIDUE")
	for i, c := range r.Cycles {
		if i >= 5 && i < len(r.Cycles)-2 && len(c.Residue) == 0 {
			continue
		}
		residue := "0"
		if len(c.Residue) > 0 {
			residue = fmt.Sprint(c.Residue)
		}
		t.row(fmt.Sprint(i+1), mebibytes(c.Took[meter.GPUMemory]), c.Took[meter.GPUFiles].String(),
			fmt.Sprint(c.During), fmt.Sprint(c.DuringSMI), fmt.Sprint(c.After), fmt.Sprint(c.AfterSMI),
			c.Start.Round(time.Millisecond).String(), c.Back.Round(time.Millisecond).String(), residue)
	}
	if err := t.flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "\n%d cycles; %d readings in which NVML and nvidia-smi differ\nafter a cycle the device holds %.2f MiB more (95%%: %.2f to %.2f)\n",
		len(r.Cycles), r.Mismatches, r.Trend.Slope, r.Trend.Low, r.Trend.High)
	if r.CaughtAt > 0 {
		_, _ = fmt.Fprintf(w, "residue was found first at cycle %d\n", r.CaughtAt)
	}
	if r.RisingAt > 0 {
		_, _ = fmt.Fprintf(w, "the trend was sure at cycle %d, which forecast that cycle %d would fail\n", r.RisingAt, r.Forecast)
	}
	if r.FailedAt > 0 {
		_, _ = fmt.Fprintf(w, "cycle %d failed: %s\n", r.FailedAt, r.Failure)
	}
	return err
}

func mebibytes(v meter.Value) string {
	if !v.Known {
		return v.String()
	}
	return fmt.Sprintf("%d MiB", v.N>>20)
}
