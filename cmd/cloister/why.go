package main

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"cloister/internal/awsapi/platform"
	"cloister/policy"
)

func newWhy(o *options) *cobra.Command {
	var principal, action, resource string
	var keys []string
	cmd := &cobra.Command{
		Use:   "why [REQUEST_ID]",
		Short: "Say why a request is allowed or denied, and what would allow it",
		Long: `Explain a decision step by step: every policy that was looked at, the statement
that decided with its line, the conditions that failed with the values they saw,
and the smallest change that would allow it.

With a REQUEST_ID, a call of the audit log is explained: its caller, its address
and its condition keys as they were, on the policies as they are now. Otherwise
the question is whether a principal may do an action on a resource; --context
gives condition keys that the call would have (give a key again for a second
value). A principal is the ARN of a user, a role or a session, or a service such
as lambda.amazonaws.com.

The call goes where AWS's environment variables say, or to the node on --data as
its root user; it needs cloister:Explain on the principal's ARN, or on * for a
request of the log.`,
		Example: `  cloister why 5f0c1f5e-7a53-4f4b-9d35-2f0b5c1f7a10
  cloister why --principal arn:aws:iam::123456789012:role/app \
    --action lambda:InvokeFunction \
    --resource arn:aws:lambda:us-east-1:123456789012:function:hello \
    --context aws:SourceIp=10.0.0.1
  cloister why --json 5f0c… | jq '.Explanations[].Changes'`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			in, err := whyRequest(args, principal, action, resource, keys)
			if err != nil {
				return err
			}
			var out platform.ExplainResponse
			at, err := o.place()
			if err != nil {
				return err
			}
			if err := callPlatform(cmd.Context(), at, platform.OpExplain, in, &out); err != nil {
				return err
			}
			if o.json {
				return printJSON(cmd.OutOrStdout(), &out)
			}
			printWhy(cmd.OutOrStdout(), &out)
			return nil
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&principal, "principal", "", "who: an ARN, or a service")
	flags.StringVar(&action, "action", "", "what: service:Operation")
	flags.StringVar(&resource, "resource", "*", "on what: an ARN, or * for an action without resource")
	flags.StringArrayVar(&keys, "context", nil, "a condition key, KEY=VALUE")
	return cmd
}

func whyRequest(args []string, principal, action, resource string, keys []string) (*platform.ExplainRequest, error) {
	if len(args) == 1 {
		if principal != "" || action != "" || len(keys) > 0 {
			return nil, usageError{errors.New("give either a REQUEST_ID, or --principal and --action; see cloister why --help")}
		}
		return &platform.ExplainRequest{RequestID: &args[0]}, nil
	}
	if principal == "" || action == "" {
		return nil, usageError{errors.New("give a REQUEST_ID, or --principal and --action; see cloister why --help")}
	}
	in := &platform.ExplainRequest{Principal: &principal, Action: &action, Resource: &resource}
	for _, pair := range keys {
		key, value, ok := strings.Cut(pair, "=")
		if !ok || key == "" {
			return nil, usageError{fmt.Errorf("--context %q is not KEY=VALUE; see cloister why --help", pair)}
		}
		if in.Context == nil {
			in.Context = map[string][]string{}
		}
		in.Context[key] = append(in.Context[key], value)
	}
	return in, nil
}

func printWhy(w io.Writer, out *platform.ExplainResponse) {
	if r := out.Recorded; r != nil {
		fmt.Fprintf(w, "request %s: %s by %s at %s, %s\n", r.RequestID, r.Operation, orNobody(r.Principal), r.Time, r.Outcome)
		if r.ErrorCode != "" {
			fmt.Fprintf(w, "  %s: %s\n", r.ErrorCode, r.ErrorMessage)
		}
	}
	for i := range out.Explanations {
		printExplanation(w, &out.Explanations[i])
	}
	for _, note := range out.Notes {
		fmt.Fprintln(w, "note:", note)
	}
}

func orNobody(who string) string {
	if who == "" {
		return "(nobody)"
	}
	return who
}

func printExplanation(w io.Writer, e *platform.Explanation) {
	verdict := "DENIED"
	if e.Allowed {
		verdict = "ALLOWED"
	}
	fmt.Fprintf(w, "%s: %s\n  who     %s\n  what    %s\n  on      %s\n", verdict, e.Reason, orNobody(e.Principal), e.Action, e.Resource)
	if d := e.DecidedBy; d != nil {
		fmt.Fprintf(w, "  decided by %s\n", statementName(d.Policy, d.Sid, d.Line))
	}
	for i := range e.Steps {
		printStep(w, &e.Steps[i])
	}
	if len(e.Changes) > 0 {
		fmt.Fprintln(w, "the smallest change that would allow it:")
	}
	for i := range e.Changes {
		printChange(w, &e.Changes[i])
	}
}

func statementName(policy, sid string, line int64) string {
	if sid != "" {
		return fmt.Sprintf("%s, line %d (%s)", policy, line, sid)
	}
	return fmt.Sprintf("%s, line %d", policy, line)
}

func printStep(w io.Writer, s *platform.Step) {
	level := ""
	if s.Level > 0 {
		level = fmt.Sprintf(" (level %d)", s.Level)
	}
	fmt.Fprintf(w, "%s%s: %s\n", s.Layer, level, s.Outcome)
	if len(s.Policies) == 0 {
		fmt.Fprintln(w, "  (none)")
	}
	for _, p := range s.Policies {
		fmt.Fprintf(w, "  %s: %s\n", p.Name, p.Outcome)
		for i := range p.Statements {
			printStatement(w, &p.Statements[i])
		}
	}
}

func printStatement(w io.Writer, s *platform.StatementTrace) {
	says := "applies"
	if !s.Applies {
		says = "does not apply: its " + s.Failed + " does not match"
	}
	fmt.Fprintf(w, "    %s %s\n", statementName(s.Effect, s.Sid, s.Line), says)
	for _, c := range s.Conditions {
		holds := "holds"
		if !c.Holds {
			holds = "fails"
		}
		fmt.Fprintf(w, "      line %d: %s %s wants %s, saw %s: %s\n", c.Line, c.Operator, c.Key, values(c.Wanted), seen(&c), holds)
	}
}

func seen(c *platform.ConditionTrace) string {
	if !c.Present {
		return "no such key"
	}
	return values(c.Seen)
}

func values(list []string) string {
	quoted := make([]string, len(list))
	for i, v := range list {
		quoted[i] = fmt.Sprintf("%q", v)
	}
	return strings.Join(quoted, " or ")
}

func printChange(w io.Writer, c *platform.Change) {
	name := c.Layer + " " + c.Policy
	if c.Layer == policy.LayerOrganization || c.Layer == policy.LayerResourceOrganization {
		name = fmt.Sprintf("%s (level %d)", name, c.Level)
	}
	switch {
	case c.Kind == policy.ChangeAdd && c.Policy == "":
		fmt.Fprintf(w, "  give it a new %s with\n    %s\n", c.Layer, c.Statement)
	case c.Kind == policy.ChangeAdd:
		fmt.Fprintf(w, "  add to the %s\n    %s\n", name, c.Statement)
	case c.Denies == nil:
	case c.Kind == policy.ChangeExcept:
		fmt.Fprintf(w, "  narrow the Deny in line %d of the %s: add to its Condition\n    %s\n", c.Denies.Line, name, c.Condition)
	default:
		fmt.Fprintf(w, "  narrow or remove the Deny in line %d of the %s\n", c.Denies.Line, name)
	}
}
