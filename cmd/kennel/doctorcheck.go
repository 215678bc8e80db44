package main

import (
	"github.com/spf13/cobra"

	"github.com/kennel-stream/kennel/internal/vitals"
)

func newDoctorCheck() *cobra.Command {
	var asJSON bool
	var m vitals.Machine
	cmd := &cobra.Command{
		Use: "check", Short: "Look at this machine now: GPU, Wolf's container, displays, ports", Args: cobra.NoArgs,
		Long: `Look at this machine now: memory and processes of the GPU, its driver and
nodes, Wolf's container, its memory, the doctor's verdict on the end of its log
and apps that end at once, its open files of GPUs and its HTTPS, displays and
stale sockets, ports, input devices, sound, GStreamer.

What cannot be looked at is unknown, which is not ok; what is known not to be
needed here is ok. The exit status is 0 when
nothing is wrong, 1 when a fault was found, and 3 when something is unknown.`,
		Example: "  kennel doctor check\n  kennel doctor check --docker wolf --json",
		RunE: func(cmd *cobra.Command, _ []string) error {
			report := vitals.Look(cmd.Context(), &m)
			var err error
			if asJSON {
				err = printJSON(cmd.OutOrStdout(), report)
			} else {
				err = report.Render(cmd.OutOrStdout())
			}
			switch {
			case err != nil:
				return err
			case report.Verdict == vitals.VerdictFault:
				return verdictError(doctorFault)
			case report.Verdict == vitals.VerdictInconclusive:
				return verdictError(doctorInconclusive)
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&m.Container, "docker", "", "`name` of Wolf's container; found by its image where left out")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}
