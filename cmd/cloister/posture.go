package main

import (
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"cloister/internal/guardrail"
)

func newPosture(o *options) *cobra.Command {
	return &cobra.Command{
		Use:   "posture",
		Short: "Show which guardrails hold, and what they found",
		Example: `  cloister posture
  cloister posture --json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			states, err := listGuardrails(cmd.Context(), o)
			if err != nil {
				return err
			}
			if o.json {
				return printJSON(cmd.OutOrStdout(), states)
			}
			return printPosture(cmd.OutOrStdout(), states)
		},
	}
}

// printPosture has a line for each guardrail and one that sums them up.
func printPosture(w io.Writer, states []guardrailState) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	enforced, active := 0, int64(0)
	for _, s := range states {
		fmt.Fprintf(table, "%s\t%s\t%s\t%d active findings\n", s.ID, s.Mode, s.Title, s.Active)
		active += s.Active
		if s.Mode == string(guardrail.Enforce) {
			enforced++
		}
	}
	if err := table.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "posture: %d of %d guardrails enforced, %d active findings\n", enforced, len(states), active)
	return err
}

// postureOf is the posture of a node in this process.
func postureOf(states []guardrail.State) []guardrailState {
	shown := make([]guardrailState, len(states))
	for i, s := range states {
		shown[i] = guardrailState{ID: s.Rule.ID, Title: s.Rule.Title, Mode: string(s.Setting.Mode), Active: s.Active}
	}
	return shown
}
