package policy

// Evaluate decides a request. It allocates nothing and is safe for concurrent use.
//
// The order is AWS's: an explicit deny in any policy that applies; then the
// resource control policies, the service control policies, the resource's
// policy, the identity's policies, its boundary and its session policies must
// each have allowed, with the exceptions that decide states.
func Evaluate(ps *Policies, req *Request) Decision {
	var l layers
	begins := beginning(req.Action)
	for i := range l {
		l[i] = layer(i).look(ps, req, begins)
		if l[i].denies != ReasonNone {
			return Decision{Reason: l[i].denies, Policy: l[i].policy, Statement: l[i].statement}
		}
	}
	return decide(ps, req, &l)
}

// finding is what one layer of policies says.
type finding struct {
	denies    Reason // the reason of an explicit deny, ReasonNone without one
	grant     grant  // the most direct allow
	policy    *Named // of the statement that denied or allowed
	statement int
}

func (f *finding) allowed() bool { return f.grant != grantNone }

// layers holds the findings of all layers, in the order of evaluation.
type layers [6]finding

type layer int

const (
	layerRCP layer = iota
	layerSCP
	layerResource
	layerIdentity
	layerBoundary
	layerSession
)

// The names of the layers, as Step and Change have them.
const (
	LayerResourceOrganization = "resource control policy"
	LayerOrganization         = "service control policy"
	LayerResource             = "resource-based policy"
	LayerIdentity             = "identity-based policy"
	LayerBoundary             = "permissions boundary"
	LayerSession              = "session policy"
)

var layerNames = [...]string{LayerResourceOrganization, LayerOrganization, LayerResource, LayerIdentity, LayerBoundary, LayerSession}

func (l layer) String() string { return layerNames[l] }

// denies is the reason of an explicit deny in the layer.
func (l layer) denies() Reason { return ExplicitDenyRCP + Reason(l) }

// look looks through one layer. Service control policies speak only to
// principals of the accounts that they are attached to, and an organisation's
// policies not at all to service-linked roles.
func (l layer) look(ps *Policies, req *Request, begins uint64) finding {
	denies := l.denies()
	switch {
	case !l.speaksTo(&req.Principal):
		return finding{grant: grantDirect}
	case l == layerRCP:
		return levels(ps.ResourceOrganization, req, begins, denies)
	case l == layerSCP:
		return levels(ps.Organization, req, begins, denies)
	case l == layerResource:
		f := single(ps.Resource, req, begins, denies)
		for i := 0; i < len(ps.Grants) && f.denies == ReasonNone; i++ {
			f.lookForAllow(&ps.Grants[i], req, denies)
		}
		return f
	case l == layerIdentity:
		return list(ps.Identity, req, begins, denies)
	case l == layerBoundary:
		return single(ps.Boundary, req, begins, denies)
	}
	return list(ps.Session, req, begins, denies)
}

// speaksTo tells whether policies of the layer can limit the principal.
func (l layer) speaksTo(p *Principal) bool {
	switch l {
	case layerRCP:
		return !p.aboveOrganization()
	case layerSCP:
		return p.hasAccount() && !p.aboveOrganization()
	}
	return true
}

// levels looks through an organisation's policies, of which every level must allow.
func levels(all [][]Named, req *Request, begins uint64, denies Reason) finding {
	result := finding{grant: grantDirect}
	for _, level := range all {
		f := list(level, req, begins, denies)
		if f.denies != ReasonNone {
			return f
		}
		result.grant = min(result.grant, f.grant)
	}
	return result
}

func single(n *Named, req *Request, begins uint64, denies Reason) finding {
	var f finding
	if n != nil {
		f.look(n, req, begins, denies)
	}
	return f
}

func list(all []Named, req *Request, begins uint64, denies Reason) finding {
	var f finding
	for i := range all {
		if f.look(&all[i], req, begins, denies); f.denies != ReasonNone {
			break
		}
	}
	return f
}

// lookForAllow adds what one policy allows.
func (f *finding) lookForAllow(n *Named, req *Request, denies Reason) {
	if n.Policy == nil || !n.Policy.belongs(denies) {
		return
	}
	for i := range n.Policy.statements {
		s := &n.Policy.statements[i]
		if s.deny || f.grant == grantDirect {
			continue
		}
		if g := s.evaluate(req); g > f.grant {
			f.grant, f.policy, f.statement = g, n, i
		}
	}
}

// look adds what one policy says. An Allow is looked at only if it could say
// more than is known, a Deny always.
//
// A policy of a kind that does not belong where it is found can only deny:
// an identity policy taken for a resource's would allow everyone.
func (f *finding) look(n *Named, req *Request, begins uint64, denies Reason) {
	if n.Policy == nil {
		return
	}
	misplaced := !n.Policy.belongs(denies)
	for i := range n.Policy.openings {
		if !n.Policy.openings[i].fits(begins) {
			continue
		}
		s := &n.Policy.statements[i]
		if !s.deny && (misplaced || f.grant == grantDirect) {
			continue
		}
		g := s.evaluate(req)
		switch {
		case g == grantNone:
		case s.deny:
			*f = finding{denies: denies, policy: n, statement: i}
			return
		case g > f.grant:
			f.grant, f.policy, f.statement = g, n, i
		}
	}
}

// belongs tells whether the policy's kind fits the layer with these denies:
// only policies of resources say whom they speak of.
func (p *Policy) belongs(denies Reason) bool {
	ofResource := denies == ExplicitDenyRCP || denies == ExplicitDenyResource
	return p.kind.hasPrincipal() == ofResource
}

// decide weighs the layers when nothing denied explicitly.
func decide(ps *Policies, req *Request, l *layers) Decision {
	switch {
	case !l[layerRCP].allowed():
		return implicit(ImplicitDenyRCP)
	case !l[layerSCP].allowed():
		return implicit(ImplicitDenySCP)
	case !req.Principal.hasAccount():
		return outsider(&l[layerResource])
	case req.sameAccount():
		return insideAccount(ps, req, l)
	case !l[layerResource].allowed():
		return implicit(ImplicitDenyResource)
	}
	// Another account's resource: both sides must allow.
	return limited(ps, req, l, false)
}

// outsider decides for callers without an account behind them: services,
// identity providers' users and the anonymous. Only the resource can let them in.
func outsider(resource *finding) Decision {
	if !resource.allowed() {
		return implicit(ImplicitDenyResource)
	}
	return allow(AllowedByResource, resource)
}

// insideAccount decides for a resource of the caller's own account. Its policy
// may allow on its own: for good when it names the caller itself or everyone,
// within boundary and session policies when it names the caller's role. When
// it names the account, it leaves the matter to the identity policies.
func insideAccount(ps *Policies, req *Request, l *layers) Decision {
	switch {
	case l[layerResource].grant == grantDirect:
		return allow(AllowedByResource, &l[layerResource])
	case req.ResourcePolicyRequired && !l[layerResource].allowed():
		return implicit(ImplicitDenyResource)
	}
	return limited(ps, req, l, l[layerResource].grant == grantRole)
}

// limited requires what speaks for the principal: identity policies, unless
// the resource's policy spoke for its role, within boundary and session policies.
func limited(ps *Policies, req *Request, l *layers, byResource bool) Decision {
	root := req.Principal.Kind == PrincipalRoot
	switch {
	case !root && !byResource && !l[layerIdentity].allowed():
		return implicit(ImplicitDenyIdentity)
	case ps.Boundary != nil && !l[layerBoundary].allowed():
		return implicit(ImplicitDenyBoundary)
	case needsSession(ps, req) && !l[layerSession].allowed():
		return implicit(ImplicitDenySession)
	case byResource:
		return allow(AllowedByResource, &l[layerResource])
	case root:
		return Decision{Allowed: true, Reason: AllowedByRoot, Statement: -1}
	}
	return allow(AllowedByIdentity, &l[layerIdentity])
}

// needsSession tells whether session policies limit the principal. A session
// from GetFederationToken that was given none may do nothing by itself.
func needsSession(ps *Policies, req *Request) bool {
	return ps.hasSession() || req.Principal.Kind == PrincipalFederatedUser
}

func implicit(r Reason) Decision { return Decision{Reason: r, Statement: -1} }

func allow(r Reason, f *finding) Decision {
	return Decision{Allowed: true, Reason: r, Policy: f.policy, Statement: f.statement}
}

// evaluate says what the statement gives to, or for a Deny takes from, the
// request; grantNone means that it does not apply.
func (s *statement) evaluate(req *Request) grant {
	if !s.hasAction(req.Action) {
		return grantNone
	}
	ctx := req.context()
	if !s.hasResource(req.Resource, ctx) {
		return grantNone
	}
	g := s.hasPrincipal(&req.Principal)
	if g == grantNone {
		return grantNone
	}
	for i := range s.conditions {
		if !s.conditions[i].holds(ctx, s.deny) {
			return grantNone
		}
	}
	return g
}

func (s *statement) hasAction(action string) bool {
	for i := range s.actions {
		if s.actions[i].matchAction(action) {
			return !s.notAction
		}
	}
	return s.notAction
}

// hasResource: a NotResource with a variable that has no value makes an Allow
// void, and lets a Deny stand.
func (s *statement) hasResource(resource string, ctx Context) bool {
	if s.resources == nil {
		return true
	}
	switch anyOf(s.resources, func(p *pattern) outcome { return p.match(resource, ctx) }) {
	case matches:
		return !s.notResource
	case unresolved:
		return s.notResource && s.deny
	}
	return s.notResource
}

func (s *statement) hasPrincipal(p *Principal) grant {
	switch {
	case s.principals == nil:
		return grantDirect
	case s.deny:
		return directIf(s.principals.denies(p))
	}
	return s.principals.grants(p)
}
