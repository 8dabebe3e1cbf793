package main

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"unicode"

	"github.com/spf13/cobra"

	"cloister/policy"
	"cloister/policy/lint"
)

// lintKinds are the kinds of policies by what people call them.
var lintKinds = map[string]policy.Kind{
	"identity": policy.KindIdentity, "boundary": policy.KindBoundary, "session": policy.KindSession, "resource": policy.KindResource,
	"trust": policy.KindTrust, "scp": policy.KindOrganization, "rcp": policy.KindResourceOrganization,
}

// severity is how grave a finding must be, and the types that are.
type severity struct {
	name  string
	kinds []lint.Type
}

// severities are the types of findings by how the command line calls them,
// gravest first.
var severities = []severity{
	{"error", []lint.Type{lint.Error}},
	{"security", []lint.Type{lint.Error, lint.SecurityWarning}},
	{"warning", []lint.Type{lint.Error, lint.SecurityWarning, lint.Warning}},
	{"suggestion", []lint.Type{lint.Error, lint.SecurityWarning, lint.Warning, lint.Suggestion}},
}

// linted is what was found in one file.
type linted struct {
	File     string         `json:"file"`
	Findings []lint.Finding `json:"findings"`
}

func newPolicyLint(o *options) *cobra.Command {
	kind, failOn := "identity", "security"
	cmd := &cobra.Command{
		Use:   "lint FILE...",
		Short: "Find mistakes and dangers in policy files",
		Long: `Find what is wrong with policy documents: what AWS would refuse, actions, resources
and condition keys that do not exist, everything on everything, roles that may be
passed to anybody, public and unbound principals, statements without effect. The
codes and messages are those of IAM Access Analyzer's policy validation; those that
begin with CLOISTER_ are Cloister's. A file named - is standard input.

The exit code is 3 if a finding is as grave as --fail-on says, 0 otherwise.`,
		Example: `  cloister policy lint policy.json
  cloister policy lint --type trust --fail-on warning trust.json
  aws iam get-policy-version --policy-arn ARN --version-id v1 \
    --query PolicyVersion.Document | cloister policy lint - --json`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			k, ok := lintKinds[kind]
			if !ok {
				return usageError{fmt.Errorf("--type %q is not identity, boundary, session, resource, trust, scp or rcp", kind)}
			}
			grave := slices.IndexFunc(severities, func(s severity) bool { return s.name == failOn })
			if grave < 0 {
				return usageError{fmt.Errorf("--fail-on %q is not error, security, warning or suggestion", failOn)}
			}
			all, err := lintFiles(cmd.InOrStdin(), k, args)
			if err != nil {
				return err
			}
			return printLinted(cmd.OutOrStdout(), o, all, severities[grave].kinds)
		},
	}
	cmd.Flags().StringVar(&kind, "type", kind, "what the policies are: identity, boundary, session, resource, trust, scp or rcp")
	cmd.Flags().StringVar(&failOn, "fail-on", failOn, "the least grave finding that fails: error, security, warning or suggestion")
	return cmd
}

func lintFiles(stdin io.Reader, kind policy.Kind, names []string) ([]linted, error) {
	var all []linted
	for _, name := range names {
		read := func() ([]byte, error) { return os.ReadFile(name) }
		if name == "-" {
			read = func() ([]byte, error) { return io.ReadAll(io.LimitReader(stdin, lint.MaxSize+1)) }
		}
		text, err := read()
		if err != nil {
			return nil, err
		}
		found := lint.Check(kind, text)
		if found == nil {
			found = []lint.Finding{}
		}
		all = append(all, linted{name, found})
	}
	return all, nil
}

func printLinted(w io.Writer, o *options, all []linted, grave []lint.Type) error {
	if o.json {
		if err := printJSON(w, all); err != nil {
			return err
		}
	}
	failed := false
	for _, file := range all {
		if len(file.Findings) == 0 && !o.json {
			fmt.Fprintf(w, "%s: nothing found\n", file.File)
		}
		for i := range file.Findings {
			f := &file.Findings[i]
			failed = failed || slices.Contains(grave, f.Type)
			if !o.json {
				at := f.Locations[0].Span.Start
				fmt.Fprintf(w, "%s:%d:%d: %s %s: %s\n", file.File, at.Line, at.Column+1, f.Type, f.Code, printable(f.Message))
			}
		}
	}
	if failed {
		return &exitError{exitFinding}
	}
	return nil
}

// printable is text that cannot steer a terminal nor end its line: a message may
// quote what somebody wrote into a policy.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return unicode.ReplacementChar
		}
		return r
	}, text)
}
