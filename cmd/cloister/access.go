package main

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"text/tabwriter"
	"time"

	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/spf13/cobra"

	"cloister/internal/awsapi/platform"
	"cloister/internal/service/access"
)

// accessRule is platform.AccessRule as it comes by the wire.
type accessRule struct {
	Range, Effect, By string
	Changed           wireTime
}

func newAccess(o *options) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "access",
		Short: "Say which addresses may come to the node",
		Long: `Say which addresses may come to the node. Who is denied is kept out; as soon as
some are allowed, all others are kept out, too. Loopback always gets in, and no
header says where a request comes from. A change counts from the next request on and
is in the audit log.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newAccessPut(o, "allow", "Let a range of addresses in"), newAccessPut(o, "deny", "Keep a range of addresses out"), newAccessRemove(o), newAccessList(o))
	return cmd
}

func newAccessPut(o *options, effect, short string) *cobra.Command {
	return &cobra.Command{
		Use: effect + " CIDR", Short: short, Args: cobra.ExactArgs(1),
		Example: "  cloister access " + effect + " 192.0.2.0/24\n  cloister access " + effect + " 2001:db8::/32",
		RunE: func(cmd *cobra.Command, args []string) error {
			at, err := o.place()
			if err != nil {
				return err
			}
			var out struct{ Rule accessRule }
			if err := callPlatform(cmd.Context(), at, platform.OpPutAccessRule, &platform.PutAccessRuleRequest{Range: &args[0], Effect: &effect}, &out); err != nil {
				return err
			}
			return printAccess(cmd.OutOrStdout(), o.json, []accessRule{out.Rule})
		},
	}
}

func newAccessRemove(o *options) *cobra.Command {
	return &cobra.Command{
		Use: "remove CIDR", Short: "Take a rule away", Args: cobra.ExactArgs(1),
		Example: "  cloister access remove 192.0.2.0/24",
		RunE: func(cmd *cobra.Command, args []string) error {
			at, err := o.place()
			if err != nil {
				return err
			}
			return callPlatform(cmd.Context(), at, platform.OpDeleteAccessRule, &platform.DeleteAccessRuleRequest{Range: &args[0]}, &struct{}{})
		},
	}
}

func newAccessList(o *options) *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List the rules", Args: cobra.NoArgs,
		Example: "  cloister access list\n  cloister access list --json",
		RunE: func(cmd *cobra.Command, _ []string) error {
			at, err := o.place()
			if err != nil {
				return err
			}
			var out struct{ Rules []accessRule }
			if err := callPlatform(cmd.Context(), at, platform.OpListAccessRules, &platform.ListAccessRulesRequest{}, &out); err != nil {
				return err
			}
			return printAccess(cmd.OutOrStdout(), o.json, out.Rules)
		},
	}
}

func printAccess(w io.Writer, asJSON bool, rules []accessRule) error {
	if asJSON {
		return printJSON(w, rules)
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, r := range rules {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", r.Effect, r.Range, r.Changed.Format(time.RFC3339), r.By)
	}
	return table.Flush()
}

// emptyHash is the SHA-256 of nothing.
const emptyHash = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

func newMetrics(o *options) *cobra.Command {
	return &cobra.Command{
		Use:   "metrics",
		Short: "Read the node's counters, in Prometheus's text format",
		Long: `Read the node's counters from ` + access.MetricsPath + `, in Prometheus's text
format. The request is signed, and the permission is cloister:GetMetrics.`,
		Example: `  cloister metrics
  cloister metrics > /var/lib/node_exporter/cloister.prom`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			at, err := o.place()
			if err != nil {
				return err
			}
			return readMetrics(cmd, at)
		},
	}
}

func readMetrics(cmd *cobra.Command, at *place) error {
	req, err := http.NewRequestWithContext(cmd.Context(), http.MethodGet, strings.TrimSuffix(at.endpoint, "/")+access.MetricsPath, nil)
	if err != nil {
		return err
	}
	if err := v4.NewSigner().SignHTTP(cmd.Context(), at.caller, req, emptyHash, platform.Name, at.region, time.Now()); err != nil {
		return err
	}
	res, err := at.client.Do(req)
	if err != nil {
		return fmt.Errorf("the node does not answer: is cloister up running there? %w", err)
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(res.Body, 1000))
		return fmt.Errorf("the node answered %s: %s", res.Status, strings.TrimSpace(string(text)))
	}
	_, err = io.Copy(cmd.OutOrStdout(), res.Body)
	return err
}
