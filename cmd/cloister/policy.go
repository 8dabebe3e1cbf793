package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"cloister/policy"
)

func newPolicy(o *options) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "policy",
		Short: "Write and compare policies",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newPolicyCompare(o), newPolicyLint(o), newPolicyGenerate(o), newPolicyEscalation(o))
	return cmd
}

// policyKinds are Access Analyzer's names of the kinds, in lower case.
var policyKinds = map[string]policy.Kind{"identity": policy.KindIdentity, "resource": policy.KindResource}

func newPolicyCompare(o *options) *cobra.Command {
	kind := "identity"
	cmd := &cobra.Command{
		Use:   "compare EXISTING UPDATED",
		Short: "Say whether a policy gives access that another does not",
		Long: `Compare two policy documents and say whether the updated one allows what the
existing one does not, however both are written: wildcards, NotAction, denies and
conditions are decided, not compared as text. The exit code is 3 if it does. A file
named - is standard input.

Conditions are taken for facts of their own: if new access depends on how two of
them relate, the answer says so.`,
		Example: `  cloister policy compare before.json after.json
  git show HEAD:policy.json | cloister policy compare - policy.json --json`,
		Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			k, ok := policyKinds[kind]
			if !ok {
				return usageError{fmt.Errorf("--type %q is not identity or resource", kind)}
			}
			if args[0] == "-" && args[1] == "-" {
				return usageError{errors.New("only one of the policies can be standard input")}
			}
			existing, err := readPolicy(cmd.InOrStdin(), k, args[0])
			if err != nil {
				return err
			}
			updated, err := readPolicy(cmd.InOrStdin(), k, args[1])
			if err != nil {
				return err
			}
			found, err := policy.Compare(existing, updated)
			if err != nil {
				return fmt.Errorf("%w: compare smaller parts of them", err)
			}
			return printComparison(cmd.OutOrStdout(), o, &found)
		},
	}
	cmd.Flags().StringVar(&kind, "type", kind, "what the policies belong to: identity or resource")
	return cmd
}

func readPolicy(stdin io.Reader, kind policy.Kind, name string) (*policy.Policy, error) {
	text, err := os.ReadFile(name)
	if name == "-" {
		text, err = io.ReadAll(stdin)
	}
	if err != nil {
		return nil, err
	}
	p, err := policy.Parse(kind, text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return p, nil
}

func printComparison(w io.Writer, o *options, c *policy.Comparison) error {
	switch {
	case o.json:
		if err := printJSON(w, c); err != nil {
			return err
		}
	case !c.NewAccess:
		fmt.Fprintln(w, "no new access")
	default:
		fmt.Fprintf(w, "new access: %s on %s, by statement %s\n", c.Action, c.Resource, numbered(c.Statements))
		if !c.Exact {
			fmt.Fprintln(w, "it depends on the conditions, variables or principals there, which were not decided")
		}
	}
	if c.NewAccess {
		return &exitError{exitFinding}
	}
	return nil
}

// numbered counts statements from 1, as people do.
func numbered(statements []int) string {
	all := make([]string, len(statements))
	for i, n := range statements {
		all[i] = fmt.Sprint(n + 1)
	}
	return strings.Join(all, ", ")
}
