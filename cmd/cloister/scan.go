package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"cloister/internal/secretscan"
)

func newScan(o *options) *cobra.Command {
	format := "text"
	cmd := &cobra.Command{
		Use:   "scan PATH",
		Short: "Find secrets in clear text in a folder, a zip or a file, without a node",
		Long: `Scan a folder, a zip package or a file for secrets in clear text, by gitleaks'
rules: what functions and layers are refused for (CLO-SECRET-002, CLO-SECRET-003).
Where each stands is printed, never the secret. The exit code is 3 if there are any.
A line that only looks like a secret may say gitleaks:allow.`,
		Example: `  cloister scan .
  cloister scan function.zip --json
  cloister scan src --format sarif > secrets.sarif`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if o.json {
				format = "json"
			}
			show, ok := scanFormats[format]
			if !ok {
				return usageError{fmt.Errorf("--format %q is not text, json or sarif", format)}
			}
			report, err := scanPath(cmd.Context(), args[0], scanProgress(cmd.ErrOrStderr()))
			if err != nil {
				return err
			}
			if err := show(cmd.OutOrStdout(), report); err != nil {
				return err
			}
			if len(report.Findings) > 0 {
				return &exitError{exitFinding}
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&format, "format", format, "text, json or sarif (2.1.0)")
	return cmd
}

var scanFormats = map[string]func(io.Writer, *secretscan.Report) error{
	"text": printScan,
	"json": func(w io.Writer, r *secretscan.Report) error { return printJSON(w, scanDocument(r)) },
	"sarif": func(w io.Writer, r *secretscan.Report) error {
		return printJSON(w, sarifOf(r.Findings))
	},
}

// scanPath scans what is at path, whatever it is.
func scanPath(ctx context.Context, path string, progress secretscan.Progress) (report *secretscan.Report, err error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.IsDir() {
		return secretscan.Folder(ctx, os.DirFS(path), progress)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if isZip(f) {
		return secretscan.Zip(ctx, f, info.Size(), progress)
	}
	return secretscan.File(ctx, info.Name(), f, progress)
}

// isZip looks at how a file begins.
func isZip(f io.ReaderAt) bool {
	var magic [4]byte
	_, err := f.ReadAt(magic[:], 0)
	return err == nil && (string(magic[:]) == "PK\x03\x04" || string(magic[:]) == "PK\x05\x06")
}

// scanProgress tells on a terminal how far a long scan is.
func scanProgress(w io.Writer) secretscan.Progress {
	if !isTerminal(w) {
		return nil
	}
	tick := time.NewTicker(time.Second)
	return func(files int, bytes int64) {
		select {
		case <-tick.C:
			fmt.Fprintf(w, "scanned %d files, %d MB\n", files, bytes>>20)
		default:
		}
	}
}

func printScan(w io.Writer, r *secretscan.Report) error {
	for _, f := range r.Findings {
		if _, err := fmt.Fprintf(w, "%s:%d:%d  %s  %s\n", visible(f.File), f.Line, f.Column, f.Rule, f.Description); err != nil {
			return err
		}
	}
	more := ""
	if r.More {
		more = ", and there are more"
	}
	_, err := fmt.Fprintf(w, "%d secrets in %d files%s (%.1f MB of text; %d binary, %d left out)\n",
		len(r.Findings), r.Files, more, float64(r.Bytes)/(1<<20), r.Binary, r.Skipped)
	return err
}

// visible is a file's name that plays no tricks with a terminal.
func visible(name string) string {
	if quoted := fmt.Sprintf("%q", name); quoted != `"`+name+`"` {
		return quoted
	}
	return name
}

// scanJSON is what --json prints.
type scanJSON struct {
	Findings []secretscan.Finding `json:"findings"`
	Files    int                  `json:"files"`
	Bytes    int64                `json:"bytes"`
	Binary   int                  `json:"binary"`
	Skipped  int                  `json:"skipped"`
	More     bool                 `json:"more"`
}

func scanDocument(r *secretscan.Report) *scanJSON {
	found := r.Findings
	if found == nil {
		found = []secretscan.Finding{}
	}
	return &scanJSON{found, r.Files, r.Bytes, r.Binary, r.Skipped, r.More}
}
