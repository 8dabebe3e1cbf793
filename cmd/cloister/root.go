package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
)

// options are the flags that every command has.
type options struct {
	dir   string
	given bool // --data was
	json  bool
}

func newRoot() *cobra.Command {
	o := &options{}
	root := &cobra.Command{
		Use:   "cloister",
		Short: "A self-hosted serverless platform that is secure by default and speaks AWS's protocols",
		Long: `Cloister runs functions in sandboxes behind one door, where every call is
authenticated, authorised and audited. The aws CLI, boto3 and the AWS SDKs are
its clients, unmodified.`,
		Example: `  cloister up &
  eval "$(cloister env)"
  aws lambda list-functions`,
		SilenceErrors:    true,
		SilenceUsage:     true,
		Args:             cobra.NoArgs,
		RunE:             func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
		PersistentPreRun: func(cmd *cobra.Command, _ []string) { o.given = cmd.Flags().Changed("data") },
	}
	root.PersistentFlags().StringVar(&o.dir, "data", defaultDir(), "the node's data directory")
	root.PersistentFlags().BoolVar(&o.json, "json", false, "print JSON")
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usageError{fmt.Errorf("%w; see %s --help", err, cmd.CommandPath())}
	})
	root.CompletionOptions.HiddenDefaultCmd = true
	root.AddCommand(newUp(o), newEnv(o), newDemo(o), newDoctor(o), newAudit(o), newRuntimes(o), newGuardrails(o), newPosture(o), newFindings(o), newWhy(o), newPolicy(o), newSeal(o), newOutbox(o), newAccess(o), newMetrics(o), newScan(o), newSecrets(o))
	wrapUsage(root)
	return root
}

// wrapUsage has wrong arguments end with the usage exit code.
func wrapUsage(cmd *cobra.Command) {
	if check := cmd.Args; check != nil {
		cmd.Args = func(cmd *cobra.Command, args []string) error {
			if err := check(cmd, args); err != nil {
				return usageError{fmt.Errorf("%w; see %s --help", err, cmd.CommandPath())}
			}
			return nil
		}
	}
	for _, sub := range cmd.Commands() {
		wrapUsage(sub)
	}
}

// defaultDir is where a node keeps its data if not told otherwise.
func defaultDir() string {
	if dir := os.Getenv("CLOISTER_DATA"); dir != "" {
		return dir
	}
	if dir := os.Getenv("XDG_DATA_HOME"); dir != "" {
		return filepath.Join(dir, "cloister")
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "cloister-data"
	}
	return filepath.Join(home, ".local", "share", "cloister")
}

// printJSON writes v as indented JSON.
func printJSON(w io.Writer, v any) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	return encoder.Encode(v)
}

// isTerminal says whether w is a terminal that shows colours.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok || os.Getenv("NO_COLOR") != "" || os.Getenv("TERM") == "dumb" {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
