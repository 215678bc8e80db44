package main

import (
	"bufio"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/kennel-stream/kennel/internal/bundle"
	"github.com/kennel-stream/kennel/internal/evidence"
)

// usualConfigs are where the configurations of Wolf and Kennel usually lie.
var usualConfigs = []string{"/etc/wolf/cfg/config.toml", "/etc/kennel/kennel.toml"}

func newDoctorBundle(f *doctorFlags) *cobra.Command {
	var o bundle.Options
	var output string
	var yes bool
	cmd := &cobra.Command{
		Use: "bundle [FILE...]", Short: "Write one file with all that a report of a failure needs",
		Long: `Write one file, a tar.zst, with all that a report of a failure needs: the end
of logs, the doctor's report, versions, the state of the GPU and of containers,
and the configuration. Secrets are taken out; names, paths and addresses stay.
The contents are listed before, and nothing is sent anywhere.`,
		Example: "  kennel doctor bundle\n  kennel doctor bundle --container wolf --yes\n  kennel doctor bundle wolf.log --output report.tar.zst",
		Args:    cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := loadCatalogue(f)
			if err != nil {
				return err
			}
			o.Logs, o.Version = args, version
			if len(o.Configs) == 0 {
				for _, path := range usualConfigs {
					if fileExists(path) {
						o.Configs = append(o.Configs, path)
					}
				}
			}
			b, err := bundle.Gather(cmd.Context(), c, o)
			if err != nil {
				return err
			}
			return writeBundle(cmd, b, output, yes)
		},
	}
	cmd.Flags().StringArrayVar(&o.Containers, "container", nil, "take the log and the state of the container with this `name`; may be repeated")
	cmd.Flags().StringArrayVar(&o.Configs, "config", nil, "take this configuration `file`, without its secrets; may be repeated")
	cmd.Flags().StringVarP(&output, "output", "o", "", "`file` to write; kennel-bundle-TIME.tar.zst in this directory where left out")
	cmd.Flags().BoolVar(&yes, "yes", false, "do not ask")
	return cmd
}

// writeBundle lists what is in a bundle, asks, and writes it.
func writeBundle(cmd *cobra.Command, b *bundle.Bundle, output string, yes bool) error {
	at := time.Now().UTC()
	if output == "" {
		output = "kennel-bundle-" + at.Format("20060102-150405") + ".tar.zst"
	}
	out := cmd.OutOrStdout()
	t := newTable(out, "BYTES", "FILE")
	for _, e := range b.Entries {
		t.row(fmt.Sprint(len(e.Data)), e.Name)
	}
	if err := t.flush(); err != nil {
		return err
	}
	for _, missing := range b.Missing {
		_, _ = fmt.Fprintln(out, "missing: "+missing)
	}
	if !yes {
		_, _ = fmt.Fprintf(out, "Secrets are taken out; names, paths and addresses stay. Write it to %s? [y/N] ", output)
		answer, _ := bufio.NewReader(cmd.InOrStdin()).ReadString('\n')
		if a := strings.ToLower(strings.TrimSpace(answer)); a != "y" && a != "yes" {
			return evidence.Errorf(evidence.Invalid, "nothing was written: answer y, or give --yes")
		}
	}
	if err := b.WriteFile(output, at); err != nil {
		return err
	}
	info, err := os.Stat(output)
	if err != nil {
		return fmt.Errorf("look at the bundle: %w", err)
	}
	_, err = fmt.Fprintf(out, "wrote %s, %d bytes; nothing was sent\n", output, info.Size())
	return err
}
