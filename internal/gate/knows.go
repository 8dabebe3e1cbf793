package gate

import (
	"context"
	"strings"
)

// A Knower is a front that can say whether it has a name, so that certificates
// are asked for those that there are.
type Knower interface {
	Knows(ctx context.Context, t Target) bool
}

// Knows says whether a host is the node's domain, a name below it that somebody
// has, or the domain of a user.
func (g *Gate) Knows(ctx context.Context, host string) bool {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	if g.domain != "" && host == g.domain {
		return true
	}
	if g.isDomains(host) {
		name, rest, _ := strings.Cut(host, ".")
		kind, suffix, _ := strings.Cut(rest, ".")
		return suffix == g.domain && anyKnows(ctx, g.fronts[kind], Target{Name: name, Host: host})
	}
	return anyKnows(ctx, g.domains, Target{Host: host})
}

func anyKnows(ctx context.Context, fronts []Front, t Target) bool {
	for _, f := range fronts {
		if k, ok := f.(Knower); ok && k.Knows(ctx, t) {
			return true
		}
	}
	return false
}
