package main

import (
	"context"
	"errors"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/kennel-stream/kennel/internal/checkup"
	"github.com/kennel-stream/kennel/internal/config"
	"github.com/kennel-stream/kennel/internal/evidence"
)

// checkTimeout is long because GStreamer looks at all of its plugins once.
const checkTimeout = 2 * time.Minute

// runCheck says what the machine lacks for this configuration.
func runCheck(cmd *cobra.Command, c config.Config, f serveFlags) error {
	exe, err := os.Executable()
	if err != nil {
		return evidence.Errorf(evidence.Unavailable, "find the kennel program: %w", err)
	}
	api, err := remote(f.data)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(cmd.Context(), checkTimeout)
	defer cancel()
	report := checkup.Run(ctx, checkup.Options{
		Config: c, Data: f.data, Runtime: runtimeDir(instanceOf(f.data)), Executable: exe, Running: api.Alive(ctx) == nil,
	})
	if f.asJSON {
		err = printJSON(cmd.OutOrStdout(), report)
	} else {
		err = report.Render(cmd.OutOrStdout())
	}
	if err == nil && !report.Ready {
		return errors.New("this machine cannot stream yet: see what is missing, and its cure")
	}
	return err
}
