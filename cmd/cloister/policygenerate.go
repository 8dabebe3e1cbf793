package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"cloister/internal/awsapi/platform"
	"cloister/policy"
	"cloister/policy/generate"
)

func newPolicyGenerate(o *options) *cobra.Command {
	var role, since, until string
	var denied, inline bool
	cmd := &cobra.Command{
		Use:   "generate --role ROLE",
		Short: "Write the smallest policy that covers what a role was seen to do",
		Long: `Read in the audit log what the sessions of a role did, and write the smallest
policy that allows it, for what lies ahead as well: the streams of a log group
become the group, many objects of one folder the folder, the versions of a
function the function. Nothing is widened beyond its type, region, account and
bucket, no condition is invented, and what the policies of resources allow is left
out. What was not done in that time is not in it: choose a time that saw everything
the role is for.

The policy goes to standard output, as several documents where one would be longer
than IAM's quota. What was widened, and what the role's own policies grant that was
never used, goes to standard error.

A time is a date, a time as in RFC 3339, or how long ago: 36h, 30d. The call goes
where AWS's environment variables say, or to the node on --data as its root user. It
needs cloister:ListPrincipalActivity on the role, and for the comparison iam:GetRole,
iam:ListRolePolicies, iam:GetRolePolicy, iam:ListAttachedRolePolicies,
iam:GetPolicy and iam:GetPolicyVersion.`,
		Example: `  cloister policy generate --role app --since 30d > policy.json
  cloister policy generate --role arn:aws:iam::123456789012:role/app --denied
  cloister policy generate --role app --json | jq .Unused`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if role == "" {
				return usageError{errors.New("give a --role: its name or its ARN")}
			}
			in := &platform.ListPrincipalActivityRequest{}
			for text, to := range map[*string]**time.Time{&since: &in.Since, &until: &in.Until} {
				at, err := parseTime(*text, time.Now())
				if err != nil {
					return usageError{err}
				}
				*to = at
			}
			g := generation{in: in, limits: generate.Managed, denied: denied}
			if inline {
				g.limits = generate.Inline
			}
			if err := g.run(cmd.Context(), o, role); err != nil {
				return err
			}
			return g.print(cmd.OutOrStdout(), cmd.ErrOrStderr(), o.json)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&role, "role", "", "the role: its name or its ARN")
	flags.StringVar(&since, "since", "", "only calls from then on")
	flags.StringVar(&until, "until", "", "only calls before then")
	flags.BoolVar(&denied, "denied", false, "also list what the role was denied")
	flags.BoolVar(&inline, "inline", false, "keep the quota of inline policies: one of 10,240 characters")
	return cmd
}

// parseTime reads a date, a time, or how long ago; nothing is no time.
func parseTime(text string, now time.Time) (*time.Time, error) {
	if text == "" {
		return nil, nil
	}
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if at, err := time.Parse(layout, text); err == nil {
			return &at, nil
		}
	}
	hours := text
	if days, ok := strings.CutSuffix(text, "d"); ok {
		hours = days + "h"
	}
	ago, err := time.ParseDuration(hours)
	if err != nil || ago < 0 || ago > 1e6*time.Hour/24 {
		return nil, fmt.Errorf("%q is no time: write 2026-11-24, 2026-11-24T12:00:00Z, 36h or 30d", text)
	}
	if hours != text {
		ago *= 24
	}
	at := now.Add(-ago).UTC().Truncate(time.Second)
	return &at, nil
}

// generation is one run of the command, and what it gives as JSON.
type generation struct {
	Role     string
	Policies []string            // documents
	Widened  []generate.Widening // patterns that allow more than was seen
	Unused   []generate.Grant    // what the role has, and which parts were never used
	Denied   []denial            `json:",omitempty"`
	Notes    []string

	in     *platform.ListPrincipalActivityRequest
	limits generate.Limits
	denied bool
	uses   []generate.Use
	calls  int64
}

// denial is a permission that the role lacked.
type denial struct {
	Action, Resource, Reason string
	Count                    int64
}

func (g *generation) run(ctx context.Context, o *options, role string) error {
	at, err := o.place()
	if err != nil {
		return err
	}
	if g.Role, err = at.roleARN(ctx, role); err != nil {
		return err
	}
	if err := g.observe(ctx, at); err != nil {
		return err
	}
	r := generate.From(g.uses, g.limits)
	g.Policies, g.Widened, g.Notes = r.Policies, r.Widened, append(g.Notes, r.Notes...)
	for _, l := range r.Left {
		g.Notes = append(g.Notes, "No policy can name "+l.Action+" on "+l.Resource+".")
	}
	return g.compare(ctx, at)
}

// observe reads what the role did, page by page.
func (g *generation) observe(ctx context.Context, at *place) error {
	g.in.Principal = &g.Role
	byResources := map[generate.Use]bool{}
	denied := map[denial]int64{}
	for {
		var page struct {
			Activity []struct {
				Action, Resource, Reason string
				Allowed                  bool
				Count                    int64
			}
			NextToken *string
		}
		if err := callPlatform(ctx, at, platform.OpListPrincipalActivity, g.in, &page); err != nil {
			return err
		}
		for _, a := range page.Activity {
			u := generate.Use{Action: a.Action, Resource: a.Resource}
			switch {
			case !a.Allowed:
				denied[denial{Action: a.Action, Resource: a.Resource, Reason: a.Reason}] += a.Count
			case a.Reason == policy.AllowedByResource.String():
				byResources[u] = true
			default:
				g.uses = append(g.uses, u)
				g.calls += a.Count
			}
		}
		if g.in.NextToken = page.NextToken; g.in.NextToken == nil {
			break
		}
	}
	if n := len(byResources); n > 0 {
		g.Notes = append(g.Notes, fmt.Sprintf("Permissions that the policies of resources gave are left out: %d.", n))
	}
	if g.denied {
		g.Denied = sortedDenials(denied)
	}
	return nil
}

func sortedDenials(counted map[denial]int64) []denial {
	var all []denial
	for d, n := range counted {
		d.Count = n
		all = append(all, d)
	}
	slices.SortFunc(all, func(a, b denial) int {
		return strings.Compare(a.Action+" "+a.Resource+" "+a.Reason, b.Action+" "+b.Resource+" "+b.Reason)
	})
	return all
}

// compare says what of the role's own policies was never used. A caller who may
// not read them, or a role that is no more, has no comparison.
func (g *generation) compare(ctx context.Context, at *place) error {
	has, err := at.policiesOf(ctx, g.Role)
	if err != nil {
		g.Notes = append(g.Notes, "The role's own policies could not be read, so that nothing is said of them: "+err.Error())
		return nil
	}
	g.Unused, err = generate.Granted(has, g.uses)
	return err
}

func (g *generation) print(out, report io.Writer, asJSON bool) error {
	if asJSON {
		return printJSON(out, g)
	}
	for _, text := range g.Policies {
		if _, err := fmt.Fprintln(out, text); err != nil {
			return err
		}
	}
	g.printReport(report)
	if len(g.Policies) == 0 {
		return fmt.Errorf("the audit log has no use of %s in that time, so that there is no policy to write", g.Role)
	}
	return nil
}

func (g *generation) printReport(w io.Writer) {
	fmt.Fprintf(w, "%s: permissions were used %d times\n", g.Role, g.calls)
	for _, p := range g.Widened {
		fmt.Fprintf(w, "widened to %s: %d seen, by %s\n", p.Pattern, p.Seen, strings.Join(p.Actions, ", "))
	}
	for i := range g.Unused {
		printGrant(w, &g.Unused[i])
	}
	for _, d := range g.Denied {
		fmt.Fprintf(w, "denied %d times: %s on %s: %s\n", d.Count, d.Action, d.Resource, d.Reason)
	}
	for _, note := range g.Notes {
		fmt.Fprintln(w, "note:", note)
	}
}

func printGrant(w io.Writer, g *generate.Grant) {
	switch {
	case len(g.Statement) == 0:
		fmt.Fprintf(w, "it has %s, which allows nothing\n", g.Policy)
		return
	case !g.Used:
		fmt.Fprintf(w, "it has %s, which was never used\n", g.Policy)
		return
	}
	fmt.Fprintf(w, "it has %s, which was used\n", g.Policy)
	for _, s := range g.Statement {
		name := fmt.Sprintf("statement %d", s.Index+1)
		if s.Sid != "" {
			name += " (" + s.Sid + ")"
		}
		if !s.Used {
			fmt.Fprintf(w, "  %s was never used\n", name)
			continue
		}
		printUnused(w, name, "actions", s.Actions)
		printUnused(w, name, "resources", s.Resources)
	}
}

func printUnused(w io.Writer, statement, what string, parts []string) {
	if len(parts) > 0 {
		fmt.Fprintf(w, "  %s: %s that were never used: %s\n", statement, what, strings.Join(parts, ", "))
	}
}
