package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/kennel-stream/kennel/internal/evidence"
	"github.com/kennel-stream/kennel/internal/web"
)

func newHealth() *cobra.Command {
	var dir string
	var asJSON, now bool
	cmd := &cobra.Command{
		Use: "health", Short: "Say whether a session could start now", Args: cobra.NoArgs,
		Long: "Say whether a session could start now, as the newest canary found out: a\n" +
			"session in miniature, whose first picture was encoded, decoded and read.\n" +
			"The exit status is 0 when the host is ready.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			api, err := remote(dir)
			if err != nil {
				return err
			}
			h, err := api.Health(cmd.Context(), now)
			if err != nil {
				return err
			}
			if asJSON {
				err = printJSON(cmd.OutOrStdout(), h)
			} else {
				err = printHealth(cmd.OutOrStdout(), h)
			}
			if err == nil && !h.Ready {
				return evidence.Errorf(evidence.Unavailable, "not ready: %s", h.Why)
			}
			return err
		},
	}
	dataFlag(cmd, &dir)
	cmd.Flags().BoolVar(&now, "now", false, "run a canary now")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func printHealth(w io.Writer, h web.Health) error {
	for _, r := range h.Encoders {
		if r.Hardware && r.Tried && !r.Works && !r.Closed && strings.HasSuffix(r.Reason, "not on this machine") {
			continue
		}
		_, _ = fmt.Fprintf(w, "encoder   %s\n", r)
	}
	for _, i := range h.Imports {
		if i.Tried {
			_, _ = fmt.Fprintf(w, "import    %s\n", i)
		}
	}
	if h.GPUs != nil {
		for _, d := range h.GPUs.Devices {
			_, _ = fmt.Fprintf(w, "gpu %d     %s: %s of %s in use\n", d.Index, d.Name, mebibytes(d.Used), mebibytes(d.Total))
		}
	}
	for _, b := range h.Budgets {
		_, _ = fmt.Fprintf(w, "%-9s %s\n", strings.ReplaceAll(b.Resource, "_", " "), b)
	}
	for _, m := range h.Meters {
		if m.Dark {
			_, _ = fmt.Fprintf(w, "dark      the meter %q since %s: %s\n", m.Name, m.Since.Format(time.TimeOnly), m.Error)
		}
	}
	for _, e := range h.Events {
		if e.Fault != "" {
			_, _ = fmt.Fprintf(w, "event     %s %s\n", e.Wall.Local().Format(time.TimeOnly), describe(e))
		}
	}
	c := h.Canary
	if c.At.IsZero() {
		_, err := fmt.Fprintln(w, "canary    not back yet")
		return err
	}
	verdict := "a picture came through"
	if !c.OK {
		verdict = fmt.Sprintf("%s: %s", c.Fault, c.Detail)
	}
	_, err := fmt.Fprintf(w, "canary    %s (%s ago, took %s)\n", verdict, time.Since(c.At).Round(time.Second), c.Took.Round(time.Millisecond))
	if c.Cure != "" {
		_, err = fmt.Fprintf(w, "cure      %s\n", c.Cure)
	}
	for _, id := range c.Warnings {
		if f, ok := evidence.LookupFault(id); ok {
			_, err = fmt.Fprintf(w, "warning   %s: %s\n", f.Meaning, f.Cure)
		}
	}
	return err
}
