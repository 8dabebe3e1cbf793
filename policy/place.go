package policy

import "slices"

// place is where a policy stands among those that apply; index is one behind
// the last for a policy that is to be made.
type place struct {
	layer        layer
	level, index int
}

// shownLevel is the level as a Step has it.
func (p place) shownLevel() int {
	if p.layer == layerRCP || p.layer == layerSCP {
		return p.level + 1
	}
	return 0
}

// kind is the kind of policies in the layer, for a request.
func (l layer) kind(req *Request) Kind {
	if l == layerResource && req.assumesRole() {
		return KindTrust
	}
	return [...]Kind{KindResourceOrganization, KindOrganization, KindResource, KindIdentity, KindBoundary, KindSession}[l]
}

// clone copies what place.put changes.
func (ps *Policies) clone() *Policies {
	c := *ps
	c.Identity, c.Session = slices.Clone(ps.Identity), slices.Clone(ps.Session)
	c.Organization, c.ResourceOrganization = cloneLevels(ps.Organization), cloneLevels(ps.ResourceOrganization)
	return &c
}

func cloneLevels(levels [][]Named) [][]Named {
	c := slices.Clone(levels)
	for i := range c {
		c[i] = slices.Clone(c[i])
	}
	return c
}

// list is the policies of one level of a layer.
func (ps *Policies) list(l layer, level int) []Named {
	switch l {
	case layerRCP:
		return ps.ResourceOrganization[level]
	case layerSCP:
		return ps.Organization[level]
	case layerIdentity:
		return ps.Identity
	case layerSession:
		return ps.Session
	case layerResource:
		return one(ps.Resource)
	}
	return one(ps.Boundary)
}

func one(n *Named) []Named {
	if n == nil {
		return nil
	}
	return []Named{*n}
}

func (ps *Policies) levels(l layer) int {
	switch l {
	case layerRCP:
		return len(ps.ResourceOrganization)
	case layerSCP:
		return len(ps.Organization)
	}
	return 1
}

// find is the place of a policy that stands in a layer. The policies of one
// that has a single place are found there.
func (ps *Policies) find(l layer, n *Named) place {
	for level := range ps.levels(l) {
		list := ps.list(l, level)
		for i := range list {
			if &list[i] == n {
				return place{l, level, i}
			}
		}
	}
	return place{layer: l}
}

// target is where a statement is best added for a layer to allow: in the first
// policy of the level that does not, or in a new one.
func (ps *Policies) target(req *Request, l layer) (place, *Named) {
	at := place{layer: l}
	for at.level < ps.levels(l)-1 {
		if f := list(ps.list(l, at.level), req, beginning(req.Action), l.denies()); !f.allowed() {
			break
		}
		at.level++
	}
	all := ps.list(l, at.level)
	single := l == layerResource || l == layerBoundary
	for i := range all {
		if single || all[i].Policy != nil && all[i].Policy.belongs(l.denies()) {
			at.index = i
			return at, &all[i]
		}
	}
	at.index = len(all)
	return at, nil
}

// with is the policy with the statements of another behind its own. A policy
// that is gone has none.
func (p *Policy) with(added *Policy) *Policy {
	if p == nil {
		return added
	}
	c := *p
	c.statements = append(slices.Clone(p.statements), added.statements...)
	c.openings = append(slices.Clone(p.openings), added.openings...)
	return &c
}

// without is the policy with one statement that speaks of nothing any more.
func (p *Policy) without(i int) *Policy {
	c := *p
	c.statements = slices.Clone(p.statements)
	c.statements[i] = statement{deny: true, start: p.statements[i].start}
	return &c
}

// apply makes the edit in a clone. Edits of one policy build on each other.
func (e *edit) apply(ps *Policies) {
	all := ps.list(e.at.layer, e.at.level)
	n := Named{Name: e.change.Policy, Policy: e.made}
	switch {
	case e.denies >= 0:
		n = all[e.at.index]
		n.Policy = n.Policy.without(e.denies)
	case e.at.index < len(all):
		n = all[e.at.index]
		n.Policy = n.Policy.with(e.made)
	}
	ps.put(e.at, n)
}

// put sets the policy at a place, or adds one.
func (ps *Policies) put(at place, n Named) {
	switch at.layer {
	case layerResource:
		ps.Resource = &n
	case layerBoundary:
		ps.Boundary = &n
	case layerRCP:
		ps.ResourceOrganization[at.level] = placed(ps.ResourceOrganization[at.level], at.index, n)
	case layerSCP:
		ps.Organization[at.level] = placed(ps.Organization[at.level], at.index, n)
	case layerIdentity:
		ps.Identity = placed(ps.Identity, at.index, n)
	case layerSession:
		ps.Session = placed(ps.Session, at.index, n)
	}
}

func placed(list []Named, i int, n Named) []Named {
	if i < len(list) {
		list[i] = n
		return list
	}
	return append(list, n)
}
