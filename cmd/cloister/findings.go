package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"cloister/internal/awsapi"
	"cloister/internal/awsapi/platform"
)

// finding is platform.Finding as it comes by the wire.
type finding struct {
	ID, Rule, Severity, Status, Resource, Part, Text string
	First, Last                                      wireTime
}

func newFindings(o *options) *cobra.Command {
	everything := false
	cmd := &cobra.Command{
		Use:   "findings",
		Short: "List what is not as a guardrail wants it",
		Example: `  cloister findings
  cloister findings --all --json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			found, err := listFindings(cmd.Context(), o, everything)
			if err != nil {
				return err
			}
			if o.json {
				return printJSON(cmd.OutOrStdout(), found)
			}
			return printFindings(cmd.OutOrStdout(), found)
		},
	}
	cmd.Flags().BoolVar(&everything, "all", false, "also those that are resolved")
	return cmd
}

func listFindings(ctx context.Context, o *options, everything bool) ([]finding, error) {
	at, err := o.place()
	if err != nil {
		return nil, err
	}
	in := &platform.ListFindingsRequest{}
	if !everything {
		in.Status = awsapi.Ptr("ACTIVE")
	}
	found := []finding{}
	for {
		var page struct {
			Findings  []finding
			NextToken *string
		}
		if err := callPlatform(ctx, at, platform.OpListFindings, in, &page); err != nil {
			return nil, err
		}
		found = append(found, page.Findings...)
		if page.NextToken == nil {
			return found, nil
		}
		in.NextToken = page.NextToken
	}
}

func printFindings(w io.Writer, found []finding) error {
	if len(found) == 0 {
		_, err := fmt.Fprintln(w, "no findings")
		return err
	}
	for _, f := range found {
		if _, err := fmt.Fprintf(w, "%s  %-8s  %-8s  %s  %s  %s\n", f.Last.Local().Format(time.DateTime), f.Status, f.Severity, f.Rule, f.ID, f.Text); err != nil {
			return err
		}
	}
	return nil
}
