package netpolicy

import (
	"net/netip"
	"slices"

	"cloister/internal/dial"
)

// Target is what a route leads to.
type Target uint8

const (
	Blackhole  Target = iota // what was there is gone
	Local                    // the VPC itself
	Internet                 // an internet gateway
	NAT                      // a NAT gateway: IPv4 only
	EgressOnly               // an egress-only internet gateway: IPv6 only
	Elsewhere                // what cells do not reach: an endpoint, an interface
)

// Route is one of a route table's.
type Route struct {
	To     netip.Prefix
	Target Target
}

// SortRoutes puts routes in the order of a Policy: the most specific first. Of
// equals the local one is first, then the earlier one.
func SortRoutes(routes []Route) {
	slices.SortStableFunc(routes, func(a, b Route) int {
		if a.To.Bits() != b.To.Bits() {
			return b.To.Bits() - a.To.Bits()
		}
		return rank(a) - rank(b)
	})
}

func rank(r Route) int {
	if r.Target == Local {
		return 0
	}
	return 1
}

// route decides by the route to an address.
func (p *Policy) route(a netip.Addr) Verdict {
	for i := range p.Routes {
		if r := &p.Routes[i]; r.To.Contains(a) {
			return r.leads(a, p.RouteTable)
		}
	}
	return denied(ReasonNoRoute, p.RouteTable)
}

func (r *Route) leads(a netip.Addr, table string) Verdict {
	switch {
	case r.Target == Blackhole:
		return denied(ReasonBlackhole, table)
	case r.Target == Internet, r.Target == NAT && a.Is4(), r.Target == EgressOnly && a.Is6():
		if !dial.Public(a) {
			return denied(ReasonNotPublic, table)
		}
		return Verdict{Allowed: true}
	}
	return denied(ReasonNoDestination, table)
}
