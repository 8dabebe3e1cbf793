package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"cloister/internal/node"
)

func newRuntimes(o *options) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "runtimes",
		Short: "List and add Lambda runtimes",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(
		&cobra.Command{
			Use:     "list",
			Short:   "List the runtimes of this machine",
			Example: "  cloister runtimes list",
			Args:    cobra.NoArgs,
			RunE: func(cmd *cobra.Command, _ []string) error {
				return printRuntimes(cmd, o)
			},
		},
		&cobra.Command{
			Use:   "add NAME DIRECTORY|OCI-LAYOUT",
			Short: "Add a runtime, or what one lacks, from a directory or an OCI layout",
			Example: `  cloister runtimes add python3.13 /opt/python3.13
  cloister runtimes add nodejs20.x ./node-with-sdk`,
			Args: cobra.ExactArgs(2),
			RunE: func(cmd *cobra.Command, args []string) error {
				if err := node.RegisterRuntime(o.dir, args[0], args[1]); err != nil {
					return err
				}
				fmt.Fprintf(cmd.OutOrStdout(), "added %s; restart the node to use it\n", args[0])
				return nil
			},
		},
	)
	return cmd
}
