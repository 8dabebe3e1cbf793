package netpolicy

// Rule is one rule of a security group.
type Rule struct {
	ID       string // "sgr-…"
	Ingress  bool
	Protocol int // Any for all
	// From and To are the ports; of ICMP the type and the code, -1 for all.
	From, To int
	Peers    Set // addresses of the other side
	// Names limit the rule to flows to these hosts, and to TCP.
	Names []string
	// Broken rules allow nothing: what limits them cannot be read.
	Broken bool
}

// matches tells whether the rule speaks of a flow, its names apart.
func (r *Rule) matches(f *Flow) bool {
	return r.Ingress == f.Ingress && !r.Broken && (r.Protocol == Any || r.Protocol == int(f.Protocol)) &&
		r.ports(f) && r.Peers.Contains(f.Remote.Addr())
}

// ports tells whether the ports are right. Protocols without any have all.
func (r *Rule) ports(f *Flow) bool {
	if r.Protocol == Any {
		return true
	}
	switch f.Protocol {
	case TCP, UDP:
		port := int(f.server())
		return r.From == -1 || r.From <= port && port <= r.To
	case ICMP, ICMPv6:
		return (r.From == -1 || r.From == int(f.Type)) && (r.To == -1 || r.To == int(f.Code))
	}
	return true
}

// server is the port of the side that did not begin.
func (f *Flow) server() uint16 {
	if f.Ingress {
		return f.Local.Port()
	}
	return f.Remote.Port()
}

// named is what the names of a rule say to a flow that it matches.
func (r *Rule) named(f *Flow) Reason {
	if f.Protocol != TCP || f.Ingress {
		return ReasonName
	}
	why := ReasonName
	for _, host := range f.Names {
		for _, pattern := range r.Names {
			if !covers(pattern, host) {
				continue
			}
			if f.speaksFor(host) {
				return ReasonAllowed
			}
			why = ReasonSNI
		}
	}
	return why
}

// speaksFor tells whether the first bytes, as far as they are known, are for
// host. On port 443 they have to be TLS: what is served there under many names
// is told apart by nothing else that counts.
func (f *Flow) speaksFor(host string) bool {
	switch f.TLS {
	case Unseen:
		return true
	case Hello:
		return f.SNI == host
	}
	return f.Remote.Port() != 443
}

// groups decides by the security groups.
func (p *Policy) groups(f *Flow) Verdict {
	best := denied(ReasonSecurityGroup, "")
	for i := range p.Rules {
		r := &p.Rules[i]
		if !r.matches(f) {
			continue
		}
		if len(r.Names) == 0 {
			return Verdict{Allowed: true, Reason: ReasonAllowed, Rule: r.ID, Untracked: p.untracked(r, f)}
		}
		switch why := r.named(f); {
		case why == ReasonAllowed && !best.Allowed:
			best = Verdict{Allowed: true, Reason: why, Rule: r.ID, Named: true}
		case !best.Allowed && why > best.Reason:
			best = denied(why, r.ID)
		}
	}
	return best
}

// untracked tells whether EC2 keeps no state of a flow: TCP or UDP that a rule
// opens to everybody, with all answers let through to everybody as well.
func (p *Policy) untracked(r *Rule, f *Flow) bool {
	if f.Protocol != TCP && f.Protocol != UDP || !r.Peers.everybody(f.Remote.Addr()) {
		return false
	}
	for i := range p.Rules {
		back := &p.Rules[i]
		if back.Ingress != r.Ingress && !back.Broken && len(back.Names) == 0 && back.Peers.everybody(f.Remote.Addr()) &&
			(back.Protocol == Any || back.Protocol == int(f.Protocol) && (back.From == -1 || back.From == 0 && back.To == 65535)) {
			return true
		}
	}
	return false
}
