package main

import (
	"os"

	"github.com/spf13/cobra"

	"github.com/kennel-stream/kennel/internal/drawing"
	"github.com/kennel-stream/kennel/internal/evidence"
)

// plotFlag offers a picture beside the report.
func plotFlag(cmd *cobra.Command, file *string, what string) {
	cmd.Flags().StringVar(file, "plot", "", "draw "+what+" into this `file`, a .svg or .png")
}

// checkPlot refuses the name of a picture before a long log is read for it.
func checkPlot(file string) error {
	if file == "" {
		return nil
	}
	if _, err := drawing.New(1, 1, "").Encode(file); err != nil {
		return evidence.Errorf(evidence.Invalid, "--plot: %w", err)
	}
	return nil
}

// writePlot writes a picture into a file, "" for none.
func writePlot(file string, draw func() *drawing.Picture) error {
	if file == "" {
		return nil
	}
	out, err := draw().Encode(file)
	if err != nil {
		return evidence.Errorf(evidence.Invalid, "--plot: %w", err)
	}
	if err := os.WriteFile(file, out, 0o644); err != nil {
		return evidence.Errorf(evidence.Invalid, "--plot: write the picture: %w", err)
	}
	return nil
}
