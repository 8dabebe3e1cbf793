package main

import (
	"context"
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"cloister/internal/awsapi/platform"
	"cloister/internal/guardrail"
)

// guardrailState is platform.Guardrail as it comes by the wire.
type guardrailState struct {
	ID, Name, Title, Severity, Page, Mode string
	Exempt                                []string
	Changed                               *wireTime
	By                                    string
	Active                                int64
}

func newGuardrails(o *options) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "guardrails",
		Short: "List and set the rules that keep an account out of unsafe states",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newGuardrailsList(o), newGuardrailsSet(o), newGuardrailsExempt(o))
	return cmd
}

func newGuardrailsList(o *options) *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "List the guardrails with their modes",
		Example: `  cloister guardrails list
  cloister guardrails list --json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			states, err := listGuardrails(cmd.Context(), o)
			if err != nil {
				return err
			}
			return printGuardrails(cmd.OutOrStdout(), o.json, states)
		},
	}
}

func listGuardrails(ctx context.Context, o *options) ([]guardrailState, error) {
	at, err := o.place()
	if err != nil {
		return nil, err
	}
	var out struct{ Guardrails []guardrailState }
	err = callPlatform(ctx, at, platform.OpListGuardrails, &platform.ListGuardrailsRequest{}, &out)
	return out.Guardrails, err
}

func newGuardrailsSet(o *options) *cobra.Command {
	return &cobra.Command{
		Use:   "set NAME|all enforce|warn|off",
		Short: "Set what a guardrail does: refuse, allow with a finding, or nothing",
		Long: `Set the mode of a guardrail, by identifier or name, or of all. It holds for the
next write, and the change is in the audit log.`,
		Example: `  cloister guardrails set CLO-IAM-001 warn
  cloister guardrails set all enforce`,
		Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			if !guardrail.Mode(args[1]).Valid() {
				return usageError{fmt.Errorf("%q is not enforce, warn or off", args[1])}
			}
			return putGuardrail(cmd, o, &platform.PutGuardrailRequest{Guardrail: &args[0], Mode: &args[1]})
		},
	}
}

func newGuardrailsExempt(o *options) *cobra.Command {
	remove := false
	cmd := &cobra.Command{
		Use:   "exempt NAME ARN",
		Short: "Let a guardrail that has exemptions pass one resource",
		Example: `  cloister guardrails exempt CLO-IAM-003 arn:aws:iam::123456789012:role/cloudformation
  cloister guardrails exempt CLO-IAM-003 arn:aws:iam::123456789012:role/cloudformation --remove`,
		Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			in := &platform.PutGuardrailRequest{Guardrail: &args[0], Exempt: &args[1]}
			if remove {
				in.Exempt, in.Unexempt = nil, &args[1]
			}
			return putGuardrail(cmd, o, in)
		},
	}
	cmd.Flags().BoolVar(&remove, "remove", false, "take the exemption back")
	return cmd
}

func putGuardrail(cmd *cobra.Command, o *options, in *platform.PutGuardrailRequest) error {
	var out struct{ Guardrails []guardrailState }
	at, err := o.place()
	if err != nil {
		return err
	}
	if err := callPlatform(cmd.Context(), at, platform.OpPutGuardrail, in, &out); err != nil {
		return err
	}
	return printGuardrails(cmd.OutOrStdout(), o.json, out.Guardrails)
}

func printGuardrails(w io.Writer, asJSON bool, states []guardrailState) error {
	if asJSON {
		return printJSON(w, states)
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, s := range states {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", s.ID, s.Mode, s.Name, s.Title)
		for _, arn := range s.Exempt {
			fmt.Fprintf(table, "\t\texempt\t%s\n", arn)
		}
	}
	return table.Flush()
}
