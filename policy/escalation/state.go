package escalation

import (
	"maps"
	"slices"
	"strings"

	"cloister/policy"
)

// state is a principal as an attacker may have it: as it is, or with what
// techniques changed of its policies.
type state struct {
	p         *Principal
	identity  []*twofold
	boundary  *twofold // nil for none
	all       bool     // a policy that allows everything was given to it
	unbound   bool     // its boundary is gone
	joined    *Group   // that it was put into
	undenied  bool     // policies of it that deny are gone
	otherwise string   // the managed policy's version that was put back

	sure, maybe []policy.Named // the identity policies both ways, once asked for
}

// key tells states apart.
func (s *state) key() string {
	parts := []string{s.p.ARN, s.otherwise}
	if s.joined != nil {
		parts = append(parts, s.joined.ARN)
	}
	for what, is := range map[string]bool{"all": s.all, "unbound": s.unbound, "undenied": s.undenied} {
		if is {
			parts = append(parts, what)
		}
	}
	slices.Sort(parts[1:])
	return strings.Join(parts, "\x00")
}

// everything is what an attacker gives itself.
const everything = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`

// asItIs is the principal's own state.
func (g *graph) asItIs(p *Principal) *state {
	if s := g.own[p]; s != nil {
		return s
	}
	s := &state{p: p}
	for _, d := range p.Inline {
		s.identity = append(s.identity, g.read(policy.KindIdentity, d))
	}
	for _, arn := range p.Attached {
		s.identity = append(s.identity, g.managed(policy.KindIdentity, p.ARN, arn))
	}
	for _, group := range p.Groups {
		s.identity = append(s.identity, g.ofGroup(group)...)
	}
	if p.Boundary != "" {
		s.boundary = g.managed(policy.KindBoundary, p.ARN, p.Boundary)
	}
	g.own[p] = s
	return s
}

func (g *graph) ofGroup(group *Group) []*twofold {
	var all []*twofold
	for _, d := range group.Inline {
		all = append(all, g.read(policy.KindIdentity, d))
	}
	for _, arn := range group.Attached {
		all = append(all, g.managed(policy.KindIdentity, group.ARN, arn))
	}
	return all
}

// copied is a state to be changed.
func (s *state) copied() *state {
	c := *s
	c.sure, c.maybe = nil, nil
	return &c
}

func (s *state) withEverything(g *graph) *state {
	c := s.copied()
	c.all = true
	c.identity = append(slices.Clone(s.identity), g.read(policy.KindIdentity, Document{"a policy of the attacker", everything}))
	return c
}

// read compiles a document once.
func (g *graph) read(kind policy.Kind, d Document) *twofold {
	key := kind.String() + "\x00" + d.Text
	if t := g.documents[key]; t != nil && t.name == d.Name {
		return t
	}
	t, err := read(kind, d)
	if err != nil {
		g.note("%s is no policy that is understood, and counts as one that says nothing: %v", d.Name, err)
	}
	g.documents[key] = t
	return t
}

// managed compiles the current version of a managed policy.
func (g *graph) managed(kind policy.Kind, of, arn string) *twofold {
	m := g.account.policies[arn]
	if m == nil {
		g.note("%s has the policy %s, which is not in the data and counts as one that says nothing.", name(of), arn)
		return &twofold{name: arn}
	}
	return g.read(kind, m.versions[m.current])
}

// answer says whether a permission is there, and which condition keys that
// depends on.
type answer struct {
	possible bool
	keys     []string
}

func (a answer) certain() bool { return a.possible && len(a.keys) == 0 }

// question is a permission that is asked for.
type question struct {
	action, resource string
	context          map[string]string // keys of the call, in lower case
	trust            *twofold          // the resource's policy, for sts:AssumeRole
}

// may says whether the principal of a state has a permission.
func (g *graph) may(s *state, q question) answer {
	req := s.request(q)
	sure, maybe := s.policies(g, q, true), s.policies(g, q, false)
	if policy.Evaluate(sure, req).Allowed {
		return answer{possible: true}
	}
	if !policy.Evaluate(maybe, req).Allowed {
		return answer{}
	}
	keys := append(s.assumed(g, q, maybe, req), s.feared(g, q, req)...)
	if len(keys) == 0 { // the sure policies lack what is not known at all
		keys = []string{"an unknown policy"}
	}
	slices.Sort(keys)
	return answer{true, slices.Compact(keys)}
}

// request is the question as the evaluator takes it.
func (s *state) request(q question) *policy.Request {
	account := accountID(s.p.ARN)
	short := s.p.ARN[strings.LastIndexByte(s.p.ARN, '/')+1:]
	ctx := policy.MapContext{
		"aws:principalarn": {s.p.ARN}, "aws:principalaccount": {account}, "aws:resourceaccount": {account},
		"aws:principalisawsservice": {"false"}, "aws:viaawsservice": {"false"},
	}
	for key, value := range s.p.Tags {
		ctx["aws:principaltag/"+strings.ToLower(key)] = []string{value}
	}
	for key, value := range q.context {
		ctx[key] = []string{value}
	}
	req := &policy.Request{
		Action: q.action, Resource: q.resource, ResourceAccount: account, Context: ctx, ResourcePolicyRequired: q.trust != nil,
		Principal: policy.Principal{Kind: policy.PrincipalUser, ARN: s.p.ARN, Account: account},
	}
	if s.p.IsRole() {
		req.Principal.Kind, req.Principal.RoleARN = policy.PrincipalAssumedRole, s.p.ARN
		req.Principal.ARN = "arn:" + partition(s.p.ARN) + ":sts::" + account + ":assumed-role/" + short + "/session"
		ctx["aws:principaltype"] = []string{"AssumedRole"}
	} else {
		ctx["aws:principaltype"], ctx["aws:username"] = []string{"User"}, []string{short}
	}
	return req
}

// policies are those that decide, as they surely are or as they may be.
func (s *state) policies(g *graph, q question, surely bool) *policy.Policies {
	pick := func(t *twofold) policy.Named {
		if surely {
			return t.sure
		}
		return t.maybe
	}
	if s.sure == nil {
		for _, t := range s.identity {
			s.sure, s.maybe = append(s.sure, t.sure), append(s.maybe, t.maybe)
		}
	}
	ps := &policy.Policies{Identity: s.sure}
	if !surely {
		ps.Identity = s.maybe
	}
	if s.boundary != nil {
		b := pick(s.boundary)
		ps.Boundary = &b
	}
	if q.trust != nil {
		t := pick(q.trust)
		ps.Resource = &t
	}
	for _, level := range g.organization {
		var all []policy.Named
		for _, t := range level {
			all = append(all, pick(t))
		}
		ps.Organization = append(ps.Organization, all)
	}
	return ps
}

// each yields every policy that bears on a question.
func (s *state) each(g *graph, q question, yield func(*twofold)) {
	for _, t := range s.identity {
		yield(t)
	}
	for _, level := range g.organization {
		for _, t := range level {
			yield(t)
		}
	}
	for _, t := range []*twofold{s.boundary, q.trust} {
		if t != nil {
			yield(t)
		}
	}
}

// assumed lists the keys of the conditions that must hold for what allows.
func (s *state) assumed(g *graph, q question, maybe *policy.Policies, req *policy.Request) []string {
	keys := map[string]bool{}
	s.each(g, q, func(t *twofold) {
		if t.maybe.Policy == nil {
			return
		}
		alone := &policy.Policies{Identity: []policy.Named{t.maybe}}
		if t == q.trust {
			alone = &policy.Policies{Resource: &t.maybe}
		}
		for _, m := range policy.Deciding(alone, req) {
			if m.Statement < len(t.assumed) {
				for _, key := range t.assumed[m.Statement] {
					keys[key] = true
				}
			}
		}
	})
	return slices.Collect(maps.Keys(keys))
}

// feared lists the keys of the conditions that must fail for what denies.
func (s *state) feared(g *graph, q question, req *policy.Request) []string {
	var keys []string
	s.each(g, q, func(t *twofold) {
		for _, d := range t.left {
			alone := &policy.Policies{Identity: []policy.Named{d.covers}}
			if t == q.trust {
				alone = &policy.Policies{Resource: &d.covers}
			}
			if len(policy.Deciding(alone, req)) > 0 {
				keys = append(keys, d.keys...)
			}
		}
	})
	return keys
}
