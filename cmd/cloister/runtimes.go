package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"cloister/internal/node"
)

func newRuntimes(o *options) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "runtimes",
		Short: "List, add and remove Lambda runtimes",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newRuntimesList(o), newRuntimesAdd(o), newRuntimesRemove(o))
	return cmd
}

func newRuntimesList(o *options) *cobra.Command {
	return &cobra.Command{
		Use:     "list",
		Short:   "List the runtimes of this machine",
		Example: "  cloister runtimes list",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return printRuntimes(cmd, o)
		},
	}
}

func newRuntimesAdd(o *options) *cobra.Command {
	return &cobra.Command{
		Use:   "add NAME DIRECTORY|OCI-LAYOUT",
		Short: "Add a runtime, or the SDK that one lacks",
		Long: `Add a runtime under the name that functions ask for, in place of what was added
under it before. It comes from one of

  a root file system      a directory with the interpreter in var/lang/bin,
                          usr/local/bin or usr/bin; it is used where it is
  an OCI image layout     a directory with oci-layout and index.json, as skopeo
                          and buildah write them; its image is unpacked into the
                          data directory, after every digest was checked
  only an SDK             a directory with node_modules/@aws-sdk or boto3, for
                          the interpreter that this machine has

A directory that is used where it is must belong to root or to you, and nobody
else may write to it. The node sees the runtime when it is started next.`,
		Example: `  npm install --prefix ./sdk @aws-sdk/client-s3 && cloister runtimes add nodejs20.x ./sdk
  pip install --target ./sdk boto3 && cloister runtimes add python3.11 ./sdk
  skopeo copy docker://public.ecr.aws/lambda/python:3.13 oci:./python && cloister runtimes add python3.13 ./python`,
		Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			show := progress(cmd.ErrOrStderr(), "unpacked", "MB of the image")
			added, err := node.RegisterRuntime(cmd.Context(), o.dir, args[0], args[1], show)
			if err != nil {
				return err
			}
			return printAdded(cmd, o, added)
		},
	}
}

func printAdded(cmd *cobra.Command, o *options, added *node.AddedRuntime) error {
	out := cmd.OutOrStdout()
	if o.json {
		return printJSON(out, added)
	}
	fmt.Fprintf(out, "added %s", added.Name)
	if added.Unpacked {
		fmt.Fprintf(out, " (%d MB in %d entries", (added.Bytes+1<<20-1)>>20, added.Entries)
		if added.Skipped > 0 {
			fmt.Fprintf(out, "; %d devices or unusable links left out", added.Skipped)
		}
		fmt.Fprint(out, ")")
	}
	fmt.Fprintln(out, "; restart the node to use it")
	return nil
}

func newRuntimesRemove(o *options) *cobra.Command {
	return &cobra.Command{
		Use:   "remove NAME",
		Short: "Forget a runtime that was added",
		Long: `Forget what was added under a name. An image that was unpacked is deleted, for
which the node must be stopped; a directory that is used where it is stays.`,
		Example: "  cloister runtimes remove nodejs20.x",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := node.RemoveRuntime(o.dir, args[0]); err != nil {
				return err
			}
			if !o.json {
				fmt.Fprintf(cmd.OutOrStdout(), "removed %s; restart the node if it runs\n", args[0])
				return nil
			}
			return printJSON(cmd.OutOrStdout(), map[string]string{"removed": args[0]})
		},
	}
}
