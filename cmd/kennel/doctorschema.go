package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/kennel-stream/kennel/internal/diagnosis"
)

func newDoctorSchema() *cobra.Command {
	return &cobra.Command{
		Use: "schema [report|compare|trend|check]", Short: "Print the JSON Schema of what the doctor prints",
		Long: "Print the JSON Schema (draft 2020-12) of what the doctor prints for programs:\n" +
			"of a report, where nothing else is named.",
		Args: cobra.MaximumNArgs(1), ValidArgs: diagnosis.SchemaNames(),
		RunE: func(cmd *cobra.Command, args []string) error {
			of := diagnosis.SchemaNames()[0]
			if len(args) > 0 {
				of = args[0]
			}
			schema, err := diagnosis.Schema(of)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s", schema)
			return err
		},
	}
}
