package escalation

import (
	"slices"
	"sort"
	"strings"

	"cloister/policy"
)

// attempt tries the techniques on behalf of one state.
type attempt struct {
	*graph
	s     *state
	named map[string][]string // ARNs to try, by kind, where it is not known which there are
	where map[string]fit      // by technique and kind, what needs upon any of those take
	found []edge
}

// fit is what part of a technique takes.
type fit struct {
	ok         bool
	conditions []string
}

func (f *fit) add(a answer) {
	f.ok = f.ok && a.possible
	for _, key := range a.keys {
		f.conditions = append(f.conditions, "conditions on "+key+" are met")
	}
}

func (f *fit) join(other fit) {
	f.ok = f.ok && other.ok
	f.conditions = append(f.conditions, other.conditions...)
}

func (a *attempt) try(t *Technique) {
	around := a.around(t)
	if !around.ok {
		return
	}
	self := a.s.p
	switch t.Target {
	case SelfUser, SelfRole:
		if self.IsRole() == (t.Target == SelfRole) && !self.serviceLinked() {
			a.self(t, around, self.ARN, "")
		}
	case OwnPolicy:
		for _, arn := range a.ownPolicies(self, true) {
			a.self(t, around, self.ARN, arn)
		}
	case OwnGroup:
		for _, g := range self.Groups {
			a.self(t, around, g.ARN, "")
		}
	case OtherGroup:
		for _, g := range a.account.Groups {
			if !self.IsRole() && a.s.joined == nil && !slices.Contains(self.Groups, g) {
				a.join(t, around, g)
			}
		}
	case OtherUser, OtherRole:
		a.others(t, around)
	}
}

// around settles what does not depend on the target.
func (a *attempt) around(t *Technique) fit {
	if t.Runs != "" { // on a resource of the target's
		return fit{ok: true}
	}
	f := a.existing(t)
	for _, kind := range kindsOf(t) {
		f.join(a.somewhere(t, kind, ""))
	}
	return f
}

// existing settles what must be there.
func (a *attempt) existing(t *Technique) fit {
	f := fit{ok: true}
	for _, kind := range t.Exists {
		if strings.HasPrefix(kind, "iam:") {
			continue // of the target
		}
		all, known := a.account.Resources[kind]
		switch {
		case !known:
			f.conditions = append(f.conditions, words[kind])
		case len(all) == 0:
			f.ok = false
		}
	}
	return f
}

// kindsOf lists the kinds of resources that a technique's needs are on.
func kindsOf(t *Technique) []string {
	var all []string
	for _, n := range t.Needs {
		if n.On != "target" && n.On != "policy" && n.On != "trust" && !slices.Contains(all, n.On) {
			all = append(all, n.On)
		}
	}
	return all
}

// somewhere says whether there is one place that has all needs of a kind:
// among those that belong to a role, or among all.
func (a *attempt) somewhere(t *Technique, kind, role string) fit {
	if all, known := a.account.Resources[kind]; known && role != "" {
		var places []string
		for _, r := range all {
			if r.Role == role {
				places = append(places, r.ARN)
			}
		}
		return a.best(t, kind, places)
	}
	key := t.ID + " " + kind
	f, ok := a.where[key]
	if !ok {
		f = a.best(t, kind, a.places(kind))
		a.where[key] = f
	}
	return f
}

func (a *attempt) best(t *Technique, kind string, places []string) fit {
	best := fit{}
	for _, place := range places {
		f := fit{ok: true}
		for _, n := range t.Needs {
			if n.On == kind {
				f.add(a.may(a.s, question{action: n.Action, resource: place}))
			}
		}
		if f.ok && (!best.ok || len(f.conditions) < len(best.conditions)) {
			best = f
		}
		if best.ok && len(best.conditions) == 0 {
			break
		}
	}
	return best
}

var (
	fill  = strings.NewReplacer(":R:", ":us-east-1:", "/N", "/name", ":N", ":name")
	shape = strings.NewReplacer(":R:", ":*:", "/N", "/*", ":N", ":*")
)

// places lists ARNs of a kind to try: any name, and names that the principal's
// policies speak of.
func (a *attempt) places(kind string) []string {
	form, ok := arns[kind]
	if !ok || form == "*" {
		return []string{"*"}
	}
	if a.named[kind] == nil {
		form = a.s.local(form)
		a.named[kind] = append([]string{fill.Replace(form)}, a.spoken(shape.Replace(form))...)
	}
	return a.named[kind]
}

// spoken lists ARNs of a shape that the principal's own policies speak of.
func (a *attempt) spoken(shape string) []string {
	fits := shaped(shape)
	var all []string
	for _, t := range a.s.identity {
		for _, pattern := range t.resources {
			one := a.example(pattern)
			if one != "" && fits(one) && !slices.Contains(all, one) {
				all = append(all, one)
			}
		}
	}
	sort.Strings(all)
	return all
}

// example puts names in the place of a pattern's wildcards.
func (a *attempt) example(pattern string) string {
	fields := strings.SplitN(pattern, ":", 6)
	if len(fields) < 6 {
		return ""
	}
	for i, otherwise := range map[int]string{3: "us-east-1", 4: accountID(a.s.p.ARN)} {
		if fields[i] == "*" {
			fields[i] = otherwise
		}
	}
	return strings.NewReplacer("*", "x", "?", "x").Replace(strings.Join(fields, ":"))
}

// shaped matches a shape, which has stars, by the evaluator.
func shaped(shape string) func(arn string) bool {
	p, err := policy.Parse(policy.KindIdentity, []byte(`{"Statement":{"Effect":"Allow","Action":"*","Resource":"`+shape+`"}}`))
	ps := &policy.Policies{Identity: []policy.Named{{Policy: p}}}
	return func(arn string) bool {
		return err == nil && policy.Evaluate(ps, &policy.Request{
			Principal: policy.Principal{Kind: policy.PrincipalUser, Account: "000000000000"}, Action: "any:Thing", Resource: arn,
		}).Allowed
	}
}

// self tries a technique upon oneself, one's policy or one's group.
func (a *attempt) self(t *Technique, f fit, target, managed string) {
	f.conditions = slices.Clone(f.conditions)
	for _, n := range t.Needs {
		q := question{action: n.Action, resource: target, context: a.callKeys(a.s.p)}
		if n.On == "policy" {
			q.resource, q.context = managed, nil
		}
		f.add(a.may(a.s, q))
	}
	if !f.ok {
		return
	}
	switch t.Gain {
	case Everything:
		if !a.s.all {
			a.step(t, a.s.withEverything(a.graph), f)
		}
	case Unbound:
		if a.s.boundary != nil {
			to := a.s.copied()
			to.boundary, to.unbound = nil, true
			a.step(t, to, f)
		}
	case Undeny:
		a.undeny(t, f)
	case OldVersions:
		a.oldVersions(t, f, managed)
	}
}

// callKeys are the condition keys of calls upon a user or role.
func (a *attempt) callKeys(target *Principal) map[string]string {
	keys := map[string]string{"iam:policyarn": "arn:" + partition(target.ARN) + ":iam::aws:policy/AdministratorAccess"}
	if target.Boundary != "" {
		keys["iam:permissionsboundary"] = target.Boundary
	}
	return keys
}

// undeny takes away the policies that deny: inline ones by Delete, attached
// ones by Detach.
func (a *attempt) undeny(t *Technique, f fit) {
	if a.s.undenied {
		return
	}
	inline := strings.Contains(t.Needs[0].Action, ":Delete")
	own := len(a.s.p.Inline)
	to := a.s.copied()
	to.undenied, to.identity = true, nil
	for i, d := range a.s.identity {
		mine := (i < own) == inline && i < own+len(a.s.p.Attached)
		if !mine || !d.denies {
			to.identity = append(to.identity, d)
		}
	}
	if len(to.identity) < len(a.s.identity) {
		a.step(t, to, f)
	}
}

// oldVersions puts another version of a managed policy in the place of the
// current one.
func (a *attempt) oldVersions(t *Technique, f fit, arn string) {
	m := a.account.policies[arn]
	if m == nil || a.s.otherwise != "" {
		return
	}
	ids := make([]string, 0, len(m.versions))
	for id := range m.versions {
		ids = append(ids, id)
	}
	sort.Strings(ids)
	for _, id := range ids {
		if id == m.current {
			continue
		}
		to := a.s.copied()
		to.otherwise, to.identity = arn+" "+id, nil
		for _, d := range a.s.identity {
			if d.name == arn {
				d = a.read(policy.KindIdentity, Document{arn + " " + id, m.versions[id].Text})
			}
			to.identity = append(to.identity, d)
		}
		a.step(t, to, f)
	}
}

// ownPolicies lists the customer's managed policies of a principal, with those
// of its groups.
func (a *attempt) ownPolicies(p *Principal, groups bool) []string {
	all := slices.Clone(p.Attached)
	for _, g := range p.Groups {
		if groups {
			all = append(all, g.Attached...)
		}
	}
	all = slices.DeleteFunc(all, func(arn string) bool { return accountID(arn) != accountID(p.ARN) })
	sort.Strings(all)
	return slices.Compact(all)
}

func (a *attempt) join(t *Technique, f fit, g *Group) {
	f.conditions = slices.Clone(f.conditions)
	f.add(a.may(a.s, question{action: t.Needs[0].Action, resource: g.ARN}))
	if !f.ok {
		return
	}
	to := a.s.copied()
	to.joined = g
	to.identity = append(slices.Clone(a.s.identity), a.ofGroup(g)...)
	a.step(t, to, f)
}

// others tries a technique upon every other user or role.
func (a *attempt) others(t *Technique, around fit) {
	targets := a.account.Users
	if t.Target == OtherRole {
		targets = a.account.Roles
	}
	for _, target := range targets {
		if target == a.s.p || target.serviceLinked() || t.Profile && !target.Profile {
			continue
		}
		f := fit{ok: true, conditions: slices.Clone(around.conditions)}
		a.upon(t, target, &f)
		if !f.ok {
			continue
		}
		to := a.asItIs(target)
		if t.Gain == BecomeAll {
			to = to.withEverything(a.graph)
		}
		a.step(t, to, f)
	}
}

// upon settles what depends on the target.
func (a *attempt) upon(t *Technique, target *Principal, f *fit) {
	if t.Service != "" {
		f.add(a.trusts(target, t.Service))
	}
	a.ofTarget(t, target, f)
	if t.Runs != "" && f.ok {
		f.join(a.runs(t, target))
	}
	for i := 0; i < len(t.Needs) && f.ok; i++ {
		a.need(t, &t.Needs[i], target, f)
	}
}

func (a *attempt) ofTarget(t *Technique, target *Principal, f *fit) {
	for _, kind := range t.Exists {
		if !strings.HasPrefix(kind, "iam:") {
			continue
		}
		all, known := a.account.Resources[kind]
		switch {
		case !known:
			f.conditions = append(f.conditions, words[kind])
		case !slices.ContainsFunc(all, func(r Resource) bool { return r.Role == target.ARN }):
			f.ok = false
		}
	}
}

// runs settles the needs upon what runs as the target.
func (a *attempt) runs(t *Technique, target *Principal) fit {
	f := fit{ok: true}
	if _, known := a.account.Resources[t.Runs]; !known {
		f.conditions = append(f.conditions, words[t.Runs])
	}
	for _, kind := range kindsOf(t) {
		role := ""
		if kind == t.Runs {
			role = target.ARN
		}
		f.join(a.somewhere(t, kind, role))
	}
	return f
}

func (a *attempt) need(t *Technique, n *Need, target *Principal, f *fit) {
	q := question{action: n.Action, resource: target.ARN, context: a.callKeys(target)}
	switch n.On {
	case "target":
		if t.Passed && n.Action == "iam:PassRole" {
			q.context["iam:passedtoservice"] = t.Service
		}
		f.add(a.may(a.s, q))
		if n.Action == "iam:UpdateAssumeRolePolicy" && f.ok {
			f.add(a.assume(target, a.read(policy.KindTrust, Document{"a trust policy of the attacker", trusting(a.s.p.ARN)})))
		}
	case "trust":
		f.add(a.assume(target, a.read(policy.KindTrust, target.Trust)))
	case "policy":
		best := answer{}
		for _, arn := range a.ownPolicies(target, false) {
			if one := a.may(a.s, question{action: n.Action, resource: arn}); one.possible && (!best.possible || len(one.keys) < len(best.keys)) {
				best = one
			}
		}
		f.add(best)
	}
}

func trusting(arn string) string {
	return `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"` + arn + `"},"Action":"sts:AssumeRole"}}`
}

func (a *attempt) assume(target *Principal, trust *twofold) answer {
	return a.may(a.s, question{action: "sts:AssumeRole", resource: target.ARN, trust: trust})
}

// trusts says whether a role trusts a service that works for its own account.
func (g *graph) trusts(role *Principal, service string) answer {
	key := role.ARN + " " + service
	known, ok := g.trusted[key]
	if !ok {
		known = g.decideTrust(role, service)
		g.trusted[key] = known
	}
	return known
}

func (g *graph) decideTrust(role *Principal, service string) answer {
	trust := g.read(policy.KindTrust, role.Trust)
	account := accountID(role.ARN)
	req := &policy.Request{
		Principal: policy.Principal{Kind: policy.PrincipalService, Service: service}, Action: "sts:AssumeRole", Resource: role.ARN,
		ResourceAccount: account, ResourcePolicyRequired: true,
		Context: policy.MapContext{"aws:sourceaccount": {account}, "aws:principalisawsservice": {"true"}},
	}
	if policy.Evaluate(&policy.Policies{Resource: &trust.sure}, req).Allowed {
		return answer{possible: true}
	}
	if !policy.Evaluate(&policy.Policies{Resource: &trust.maybe}, req).Allowed {
		return answer{}
	}
	return answer{true, []string{"the role's trust policy"}}
}

func (a *attempt) step(t *Technique, to *state, f fit) {
	slices.Sort(f.conditions)
	a.found = append(a.found, edge{t, to, slices.Compact(f.conditions)})
}
