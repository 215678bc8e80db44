package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/kennel-stream/kennel/internal/escape"
	"github.com/kennel-stream/kennel/internal/evidence"
	"github.com/kennel-stream/kennel/internal/probe"
	"github.com/kennel-stream/kennel/internal/terminal"
)

// endless is longer than anybody looks.
const endless = 1000 * time.Hour

// showStream makes the options those of a person who looks: in the terminal,
// into a directory, or both.
func showStream(cmd *cobra.Command, f probeFlags, o *probe.Options) error {
	show := &probe.Show{Directory: f.png}
	if cmd.Flags().Changed("seconds") {
		show.For = o.Duration
	}
	o.Duration = endless
	if out, ok := escape.Below(cmd.OutOrStdout()).(*os.File); ok && !f.asJSON && terminal.Is(os.Stdin, out) {
		o.Script = func(ctx context.Context, p *probe.Pilot) (err error) {
			// Not before there is something to see: pairing may need a person.
			if show.Screen, err = terminal.Open(os.Stdin, out, os.Getenv); err != nil {
				return err
			}
			defer show.Screen.Close()
			return show.Run(ctx, p)
		}
		return nil
	}
	if f.png == "" {
		return evidence.Errorf(evidence.Invalid, "--show draws in a terminal, and this is none: use --show --png DIR to get a picture a second as a file")
	}
	show.Wrote = func(path string) { _, _ = fmt.Fprintln(cmd.ErrOrStderr(), "wrote", path) }
	o.Script = show.Run
	return nil
}
