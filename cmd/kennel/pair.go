package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/kennel-stream/kennel/internal/evidence"
	"github.com/kennel-stream/kennel/internal/web"
)

func newPair() *cobra.Command {
	var dir, request, deny string
	var list bool
	cmd := &cobra.Command{
		Use: "pair [PIN]", Short: "Enter the PIN that a Moonlight client shows",
		Long: `Enter the PIN that a Moonlight client shows while it pairs.

The command waits until the client has paired, or has not: the exit status is 0
only where it is paired, 3 where the PIN was wrong, and 7 where it went away.

With more than one client waiting, --list shows them with their address and
the fingerprint of their certificate, and --request says which one is meant.
A PIN given to the wrong request would let a stranger in. --deny refuses one.`,
		Example: `  kennel pair 1234
  kennel pair --list
  kennel pair 1234 --request 0a1b2c3d
  kennel pair --deny 0a1b2c3d`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			api, err := remote(dir)
			if err != nil {
				return err
			}
			if cmd.Flags().Changed("deny") {
				if deny == "" || len(args) > 0 || request != "" || list {
					return evidence.Errorf(evidence.Invalid, "--deny needs the id of a request, and no PIN, --request or --list beside it")
				}
				if err := api.DenyPairing(cmd.Context(), deny); err != nil {
					return err
				}
				_, err := fmt.Fprintf(cmd.OutOrStdout(), "denied request %s\n", deny)
				return err
			}
			if list || len(args) == 0 {
				return listPairings(cmd, api)
			}
			p, err := api.AcceptPairing(cmd.Context(), web.Accept{PIN: args[0], Request: request})
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "paired %q at %s (fingerprint %s)\n", p.Client, p.Address, shortFingerprint(p.Fingerprint))
			return err
		},
	}
	dataFlag(cmd, &dir)
	cmd.Flags().StringVar(&request, "request", "", "`id` of the request that is meant, or its first digits")
	cmd.Flags().StringVar(&deny, "deny", "", "refuse the request with this `id`, or its first digits")
	cmd.Flags().BoolVar(&list, "list", false, "list the clients that wait for their PIN")
	return cmd
}

func listPairings(cmd *cobra.Command, api *web.Remote) error {
	pending, err := api.Pairings(cmd.Context())
	if err != nil {
		return err
	}
	if len(pending) == 0 {
		return evidence.Errorf(evidence.NotFound, "no client is waiting for a PIN: start pairing in Moonlight first")
	}
	table := newTable(cmd.OutOrStdout(), "REQUEST", "ADDRESS", "FINGERPRINT", "WAITING")
	for _, p := range pending {
		table.row(p.ID, p.Address, shortFingerprint(p.Fingerprint), time.Since(p.Since).Round(time.Second).String())
	}
	return table.flush()
}

// shortFingerprint keeps what a person compares.
func shortFingerprint(f string) string {
	if len(f) > 16 {
		return f[:16]
	}
	return f
}
