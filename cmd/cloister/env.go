package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"cloister/internal/node"
)

func newEnv(o *options) *cobra.Command {
	return &cobra.Command{
		Use:   "env",
		Short: "Print shell exports with which AWS clients use the node",
		Example: `  eval "$(cloister env)"
  aws lambda list-functions`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			variables, err := clientEnv(o.dir)
			if err != nil {
				return err
			}
			if o.json {
				return printJSON(cmd.OutOrStdout(), asMap(variables))
			}
			for _, v := range variables {
				fmt.Fprintf(cmd.OutOrStdout(), "export %s=%s\n", v[0], quote(v[1]))
			}
			return nil
		},
	}
}

// clientEnv is what AWS's clients need to know of the node on dir.
func clientEnv(dir string) ([][2]string, error) {
	root, err := node.ReadRootCredential(dir)
	if err != nil {
		return nil, err
	}
	endpoint, region, err := node.ReadEndpoint(dir)
	if err != nil {
		return nil, err
	}
	return [][2]string{
		{"AWS_ENDPOINT_URL", endpoint},
		{"AWS_CA_BUNDLE", node.CAFile(dir)},
		{"NODE_EXTRA_CA_CERTS", node.CAFile(dir)}, // Node's SDK does not read AWS_CA_BUNDLE
		{"AWS_REGION", region},
		{"AWS_DEFAULT_REGION", region},
		{"AWS_ACCESS_KEY_ID", root.AccessKeyID},
		{"AWS_SECRET_ACCESS_KEY", string(root.Secret.Reveal())},
	}, nil
}

func asMap(variables [][2]string) map[string]string {
	m := map[string]string{}
	for _, v := range variables {
		m[v[0]] = v[1]
	}
	return m
}

// quote quotes s for a POSIX shell.
func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
