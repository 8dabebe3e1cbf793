package main

import (
	"fmt"
	"io"
	"strings"

	"cloister/internal/dial"
)

// outgoing is the flag --allow-outgoing, which may be given several times.
type outgoing []dial.Rule

// Set implements pflag.Value.
func (o *outgoing) Set(text string) error {
	r, err := dial.ParseRule(text)
	if err != nil {
		return err
	}
	*o = append(*o, r)
	return nil
}

// String implements pflag.Value.
func (o *outgoing) String() string {
	all := make([]string, len(*o))
	for i, r := range *o {
		all[i] = r.String()
	}
	return strings.Join(all, " ")
}

// Type implements pflag.Value.
func (o *outgoing) Type() string { return "CIDR|HOST[:PORT]" }

// printOutgoing tells of what opens more than somebody may know.
func printOutgoing(w io.Writer, rules []dial.Rule) {
	for _, r := range rules {
		if r.Wide() {
			fmt.Fprintf(w, "posture: --allow-outgoing %s lets whoever may name an identity provider have the node connect to a whole network\n", r)
		}
	}
}
