package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/spf13/cobra"

	"cloister/policy/escalation"
)

func newPolicyEscalation(o *options) *cobra.Command {
	var principal, file string
	var scps []string
	var all, catalogue bool
	cmd := &cobra.Command{
		Use:   "escalation",
		Short: "Find the known ways in which principals can become administrators",
		Long: `Look for the published IAM privilege escalation paths in an account: each way from
a user or role that is no administrator to one that is, by the permissions that it
takes, step by step. Whether a permission is there is decided by evaluating all
policies: groups, boundaries, denies, trust policies and conditions. What the data
does not tell is said: "if a function runs as it", "if conditions on aws:SourceIp
are met". Techniques of services that this node does not have count as well:
policies travel.

The account is that of the node (see cloister policy generate --help for which one
and who calls; it takes iam:GetAccountAuthorizationDetails, and lambda:ListFunctions
if that is allowed), or that of a file that the aws CLI wrote, of any AWS account:
a file named - is standard input. Service control policies that bind the account
are given with --scp, once for each level from the root of the organization on.

Of ways that begin alike the best is printed, unless --all is given. The exit code
is 3 if there is any.`,
		Example: `  cloister policy escalation
  cloister policy escalation --principal arn:aws:iam::123456789012:user/dev --json
  aws iam get-account-authorization-details | cloister policy escalation --file -
  cloister policy escalation --catalogue`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if catalogue {
				return printCatalogue(cmd.OutOrStdout(), o.json)
			}
			account, err := readAccount(cmd.Context(), o, cmd.InOrStdin(), file)
			if err != nil {
				return err
			}
			for _, name := range scps {
				text, err := os.ReadFile(name)
				if err != nil {
					return err
				}
				account.Organization = append(account.Organization, []escalation.Document{{Name: name, Text: string(text)}})
			}
			if principal != "" && !account.Has(principal) {
				return fmt.Errorf("there is no user and no role %s in the account", principal)
			}
			return printEscalation(cmd.OutOrStdout(), cmd.ErrOrStderr(), escalation.Find(account, principal), o.json, all)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&principal, "principal", "", "only the ways of this user or role: an ARN")
	flags.StringVar(&file, "file", "", "what `aws iam get-account-authorization-details` printed, instead of a node")
	flags.StringArrayVar(&scps, "scp", nil, "a service control policy, from the root on")
	flags.BoolVar(&all, "all", false, "print every way, also those that begin alike")
	flags.BoolVar(&catalogue, "catalogue", false, "list the techniques that are known, with their sources")
	return cmd
}

func readAccount(ctx context.Context, o *options, stdin io.Reader, file string) (*escalation.Account, error) {
	switch file {
	case "":
	case "-":
		return escalation.Read(stdin)
	default:
		f, err := os.Open(file)
		if err != nil {
			return nil, err
		}
		defer func() { _ = f.Close() }()
		account, err := escalation.Read(f)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		return account, nil
	}
	at, err := o.place()
	if err != nil {
		return nil, err
	}
	account, err := at.authorizationDetails(ctx)
	if err != nil {
		return nil, err
	}
	account.Resources = at.functions(ctx)
	return account, nil
}

// authorizationDetails reads the account of a node.
func (p *place) authorizationDetails(ctx context.Context) (*escalation.Account, error) {
	var text bytes.Buffer
	pages := iam.NewGetAccountAuthorizationDetailsPaginator(p.iam(), &iam.GetAccountAuthorizationDetailsInput{})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		if err := json.NewEncoder(&text).Encode(map[string]any{
			"UserDetailList": append([]types.UserDetail{}, page.UserDetailList...), "GroupDetailList": page.GroupDetailList, "RoleDetailList": page.RoleDetailList, "Policies": page.Policies,
		}); err != nil {
			return nil, err
		}
	}
	return escalation.Read(&text)
}

// functions says which functions run as which roles. To a caller who may not
// list them it is not known.
func (p *place) functions(ctx context.Context) map[string][]escalation.Resource {
	client := lambda.New(lambda.Options{Region: p.region, BaseEndpoint: &p.endpoint, HTTPClient: p.client, Credentials: p.credentials()})
	found := []escalation.Resource{}
	pages := lambda.NewListFunctionsPaginator(client, &lambda.ListFunctionsInput{})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil
		}
		for _, f := range page.Functions {
			found = append(found, escalation.Resource{ARN: aws.ToString(f.FunctionArn), Role: aws.ToString(f.Role)})
		}
	}
	known := map[string][]escalation.Resource{escalation.Function: found}
	if len(found) == 0 {
		known[escalation.TriggeredFunction] = found
	}
	return known
}

func printEscalation(w, notes io.Writer, r *escalation.Report, asJSON, all bool) error {
	if asJSON {
		if err := printJSON(w, r); err != nil {
			return err
		}
	} else if err := printPaths(w, notes, r, all); err != nil {
		return err
	}
	if len(r.Paths) > 0 {
		return &exitError{exitFinding}
	}
	return nil
}

func printPaths(w, notes io.Writer, r *escalation.Report, all bool) error {
	shown, more := r.Paths, map[string]int{}
	if !all {
		shown, more = bestOfEach(r.Paths)
	}
	for i := range shown {
		p := &shown[i]
		line := p.String()
		if n := more[beginning(p)]; n > 0 {
			line += fmt.Sprintf("  [and %d more that begin alike]", n)
		}
		if _, err := fmt.Fprintln(w, line); err != nil {
			return err
		}
	}
	if len(r.Paths) == 0 {
		if _, err := fmt.Fprintln(w, "no way to become an administrator was found"); err != nil {
			return err
		}
	}
	fmt.Fprintf(notes, "administrators already: %s\n", orNone(r.Administrators))
	for _, note := range r.Notes {
		fmt.Fprintln(notes, "note:", note)
	}
	return nil
}

func orNone(list []string) string {
	if len(list) == 0 {
		return "none"
	}
	return strings.Join(list, ", ")
}

func beginning(p *escalation.Path) string { return p.From + " " + p.Steps[0].Technique }

// bestOfEach keeps one path for each principal and technique that it begins
// with: a certain one before others, then the shortest.
func bestOfEach(paths []escalation.Path) (best []escalation.Path, more map[string]int) {
	at := map[string]int{}
	more = map[string]int{}
	for _, p := range paths {
		key := beginning(&p)
		i, ok := at[key]
		if !ok {
			at[key] = len(best)
			best = append(best, p)
			continue
		}
		more[key]++
		if better(&p, &best[i]) {
			best[i] = p
		}
	}
	return best, more
}

func better(a, b *escalation.Path) bool {
	if a.Certain() != b.Certain() {
		return a.Certain()
	}
	return len(a.Steps) < len(b.Steps)
}

func printCatalogue(w io.Writer, asJSON bool) error {
	type technique struct{ ID, Permissions, Source string }
	var all []technique
	for _, t := range escalation.Catalogue() {
		all = append(all, technique{t.ID, t.Name(), t.Source})
	}
	slices.SortFunc(all, func(a, b technique) int { return strings.Compare(a.ID, b.ID) })
	if asJSON {
		return printJSON(w, all)
	}
	for _, t := range all {
		if _, err := fmt.Fprintf(w, "%s  %s\n    %s\n", t.ID, t.Permissions, t.Source); err != nil {
			return err
		}
	}
	return nil
}
