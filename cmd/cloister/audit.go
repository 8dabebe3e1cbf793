package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"cloister/internal/audit"
	"cloister/internal/seal"
)

func newAudit(o *options) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "audit",
		Short: "Verify and read the audit log",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newAuditVerify(o), newAuditTail(o))
	return cmd
}

func newAuditVerify(o *options) *cobra.Command {
	var checkpoint string
	var keeper rootKey
	cmd := &cobra.Command{
		Use:   "verify",
		Short: "Recompute the whole audit log and say whether it was touched",
		Long: `Read every record of the audit log, on a stopped or a running node's directory,
and recompute the Merkle tree over them. Against a checkpoint that was kept on
another machine, a log that was wholly rewritten is detected, too.`,
		Example: `  cloister audit verify
  cloister audit verify --data /var/lib/cloister --checkpoint checkpoint-of-monday`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			opts := audit.VerifyOptions{Dir: o.dir}
			if checkpoint != "" {
				text, err := os.ReadFile(checkpoint)
				if err != nil {
					return err
				}
				opts.Checkpoint = text
			}
			custody, err := keeper.custody()
			if err != nil {
				return err
			}
			if keys, err := seal.Open(seal.RootOptions{Dir: o.dir, Custody: custody}); err == nil {
				opts.Keys = keys
			}
			opts.Progress = progress(cmd.ErrOrStderr(), "read", "MB of the audit log")
			return auditVerify(cmd, o, opts)
		},
	}
	cmd.Flags().StringVar(&checkpoint, "checkpoint", "", "a checkpoint file that was kept elsewhere")
	keeper.flags(cmd, "root-key-")
	return cmd
}

func auditVerify(cmd *cobra.Command, o *options, opts audit.VerifyOptions) error {
	report, err := audit.Verify(cmd.Context(), opts)
	if err != nil && !errors.Is(err, audit.ErrTampered) {
		return err
	}
	if o.json {
		if err := printJSON(cmd.OutOrStdout(), report); err != nil {
			return err
		}
	} else {
		printReport(cmd.OutOrStdout(), report)
	}
	if err != nil {
		return &exitError{exitFinding}
	}
	return nil
}

func newAuditTail(o *options) *cobra.Command {
	var follow bool
	var lines int64
	var filter audit.Filter
	var keeper rootKey
	cmd := &cobra.Command{
		Use:   "tail",
		Short: "Print the newest audit records",
		Example: `  cloister audit tail
  cloister audit tail --follow --event Invoke
  cloister audit tail --request-id 5f0c… --json | jq .needs`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			custody, err := keeper.custody()
			if err != nil {
				return err
			}
			keys, err := seal.Open(seal.RootOptions{Dir: o.dir, Custody: custody})
			if err != nil {
				return err
			}
			return auditTail(cmd.Context(), cmd.OutOrStdout(), o, keys, filter, lines, follow)
		},
	}
	flags := cmd.Flags()
	flags.BoolVarP(&follow, "follow", "f", false, "go on as records are written")
	flags.Int64VarP(&lines, "lines", "n", 20, "how many records")
	flags.StringVar(&filter.RequestID, "request-id", "", "only this request")
	flags.StringVar(&filter.Principal, "principal", "", "only this principal (ARN, id or access key id)")
	flags.StringVar(&filter.EventName, "event", "", "only this operation")
	flags.StringVar((*string)(&filter.Outcome), "outcome", "", "only allowed, denied or failed calls")
	keeper.flags(cmd, "root-key-")
	return cmd
}

// auditTail prints the last records that match and, following, those to come.
func auditTail(ctx context.Context, w io.Writer, o *options, keys *seal.Keyring, filter audit.Filter, lines int64, follow bool) error {
	next, last, err := lastRecords(ctx, o.dir, keys, &filter, lines)
	if err != nil {
		return err
	}
	for i := range last {
		if err := printRecord(w, o.json, &last[i]); err != nil {
			return err
		}
	}
	if !follow {
		return nil
	}
	for entry, err := range filter.Select(audit.Read(ctx, o.dir, keys, next, true)) {
		if errors.Is(err, context.Canceled) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := printRecord(w, o.json, &entry.Record); err != nil {
			return err
		}
	}
	return nil
}

// lastRecords are the last records that match, and the index behind them.
func lastRecords(ctx context.Context, dir string, keys *seal.Keyring, filter *audit.Filter, lines int64) (next int64, last []audit.Record, err error) {
	from, err := startOfTail(dir, filter, lines)
	if err != nil {
		return 0, nil, err
	}
	next = from
	for entry, err := range audit.Read(ctx, dir, keys, from, false) {
		if err != nil {
			return 0, nil, err
		}
		next = entry.Index + 1
		if !filter.Match(&entry.Record) {
			continue
		}
		last = append(last, entry.Record)
		if int64(len(last)) > lines {
			last = last[1:]
		}
	}
	return next, last, nil
}

// startOfTail skips what cannot be among the last records: without a filter
// that is all but the last.
func startOfTail(dir string, filter *audit.Filter, lines int64) (int64, error) {
	if *filter != (audit.Filter{}) {
		return 0, nil
	}
	size, err := audit.Size(dir)
	return max(0, size-lines), err
}

func printReport(w io.Writer, r *audit.Report) {
	for _, note := range r.Notes {
		fmt.Fprintln(w, "note:", note)
	}
	for _, p := range r.Problems {
		fmt.Fprintf(w, "%s: %s\n", p.Kind, p.Message)
	}
	if len(r.Problems) > 0 {
		fmt.Fprintln(w, "the audit log is NOT as it was written")
		return
	}
	opened := "integrity verified; the records were not opened (no root key)"
	if r.Opened {
		opened = "every record verified and opened"
	}
	fmt.Fprintf(w, "ok: %d records of %s, %s\n", r.Size, r.Origin, opened)
	if r.Outside >= 0 {
		fmt.Fprintf(w, "ok: the first %d records are those of the checkpoint kept elsewhere\n", r.Outside)
	} else {
		fmt.Fprintln(w, "keep a copy of the file audit/checkpoint on another machine and give it to --checkpoint: only then is a log that was wholly rewritten detected")
	}
}

func printRecord(w io.Writer, asJSON bool, rec *audit.Record) error {
	if asJSON {
		text, err := json.Marshal(rec)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(w, "%s\n", text)
		return err
	}
	who := rec.Principal.ARN
	if who == "" {
		who = rec.Principal.Service
	}
	if who == "" {
		who = "(nobody)"
	}
	_, err := fmt.Fprintf(w, "%s  %-7s  %s  %s  %s%s\n",
		rec.Time.Local().Format(time.DateTime), rec.Outcome, operation(rec), who, rec.RequestID, failure(rec))
	return err
}

// operation names what was called, if it could be recognised.
func operation(rec *audit.Record) string {
	if rec.EventName == "" {
		return "(not recognised)"
	}
	return strings.TrimSuffix(rec.EventSource, ".amazonaws.com") + ":" + rec.EventName
}

func failure(rec *audit.Record) string {
	if rec.ErrorCode == "" {
		return ""
	}
	return "\n    " + rec.ErrorCode + ": " + rec.ErrorMessage
}
