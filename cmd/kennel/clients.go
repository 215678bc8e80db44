package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/kennel-stream/kennel/internal/web"
)

func newClients() *cobra.Command {
	var dir string
	var asJSON bool
	list := func(cmd *cobra.Command, _ []string) error {
		api, err := remote(dir)
		if err != nil {
			return err
		}
		clients, err := api.Clients(cmd.Context())
		if err != nil {
			return err
		}
		if asJSON {
			return printJSON(cmd.OutOrStdout(), clients)
		}
		return printClients(cmd, clients)
	}
	cmd := &cobra.Command{Use: "clients", Short: "List and revoke paired clients", Args: cobra.NoArgs, RunE: list}
	sub := &cobra.Command{Use: "list", Short: "List the paired clients", Args: cobra.NoArgs, RunE: list}
	for _, c := range []*cobra.Command{cmd, sub} {
		dataFlag(c, &dir)
		c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	}
	cmd.AddCommand(sub, newClientsRevoke())
	return cmd
}

func printClients(cmd *cobra.Command, clients []web.Client) error {
	if len(clients) == 0 {
		_, err := fmt.Fprintln(cmd.OutOrStdout(), "no client is paired")
		return err
	}
	table := newTable(cmd.OutOrStdout(), "CLIENT", "NAME", "PAIRED", "LAST SEEN")
	for _, c := range clients {
		table.row(shortFingerprint(c.ID), c.Name, stamp(c.PairedAt), stamp(c.LastSeen))
	}
	return table.flush()
}

func newClientsRevoke() *cobra.Command {
	var dir string
	cmd := &cobra.Command{
		Use: "revoke ID", Aliases: []string{"remove"}, Short: "Unpair a client and end its session", Args: cobra.ExactArgs(1),
		Long: `Unpair a client. Its session ends, and what it asks from now on is refused,
also over connections that it has open. It must be paired anew to come back.

The beginning of an ID is enough where it is unique.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			api, err := remote(dir)
			if err != nil {
				return err
			}
			if err := api.RemoveClient(cmd.Context(), args[0]); err != nil {
				return err
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "revoked %s: it must be paired anew to come back\n", args[0])
			return err
		},
	}
	dataFlag(cmd, &dir)
	return cmd
}
