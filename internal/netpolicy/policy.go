package netpolicy

import (
	"net/netip"

	"cloister/internal/dial"
)

// Policy is all that decides on the flows of one interface. It is immutable and
// safe for concurrent use.
type Policy struct {
	Rules      []Rule  // of all its security groups
	ACLID      string  // of the subnet's network ACL
	ACL        []Entry // in the order of their numbers
	RouteTable string
	Routes     []Route // as SortRoutes orders them
	// Own are this machine's addresses, which no flow reaches.
	Own Set
}

// Closed is the policy of an interface without a network.
func Closed() *Policy { return &Policy{} }

// Open is the policy of what may reach the public internet, and nothing else.
func Open(own Set) *Policy {
	all4, all6 := netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0")
	p := &Policy{
		Rules:  []Rule{{ID: "internet", Protocol: Any, Peers: NewSet(all4, all6)}},
		Routes: []Route{{all4, Internet}, {all6, Internet}},
		Own:    own,
	}
	for _, egress := range []bool{true, false} {
		p.ACL = append(p.ACL, Entry{ID: "internet", Egress: egress, Allow: true, Protocol: Any, Peers: all4},
			Entry{ID: "internet", Egress: egress, Allow: true, Protocol: Any, Peers: all6})
	}
	return p
}

// Decide decides on a flow that begins.
func (p *Policy) Decide(f *Flow) Verdict {
	if why := p.limits(f); !why.Allowed {
		return why
	}
	v := p.groups(f)
	if !v.Allowed {
		return v
	}
	if why := p.stateless(f); !why.Allowed {
		return why
	}
	return v
}

// Established decides on a flow again that was allowed with the verdict before,
// after the policy has changed. What EC2 keeps state of outlives the rule that
// allowed it; network ACLs, routes and what is forbidden count at once.
func (p *Policy) Established(f *Flow, before Verdict) Verdict {
	if before.Untracked {
		return p.Decide(f)
	}
	if why := p.limits(f); !why.Allowed {
		return why
	}
	if why := p.stateless(f); !why.Allowed {
		return why
	}
	return before
}

// limits are those that no rule opens.
func (p *Policy) limits(f *Flow) Verdict {
	switch {
	case len(p.Rules) == 0 && len(p.ACL) == 0 && len(p.Routes) == 0:
		return denied(ReasonNoEgress, "")
	case Forbidden(f.Remote.Addr()) || p.Own.Contains(dial.Real(f.Remote.Addr())):
		return denied(ReasonForbidden, "")
	}
	return Verdict{Allowed: true}
}

// stateless decides by the network ACL, in both directions, and by the route.
func (p *Policy) stateless(f *Flow) Verdict {
	there := f.there()
	if ok, by := p.passes(&there, 0, there.first, there.last); !ok {
		return denied(ReasonACL, by)
	}
	if v := p.route(f.Remote.Addr()); !v.Allowed && !(f.Ingress && v.Reason == ReasonNoDestination) {
		return v
	}
	if back, any := f.back(); any {
		if ok, by := p.passes(&back, 0, back.first, back.last); !ok {
			return denied(ReasonACLReturn, by)
		}
	}
	return Verdict{Allowed: true}
}
