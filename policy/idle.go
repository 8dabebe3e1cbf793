package policy

import (
	"maps"
	"slices"
)

// Idle returns the statements, from 0, that change nothing: without all of them
// the policy allows what it allows, and denies where something else would allow.
// Conditions, variables and named principals are taken for facts as by Compare.
// Where Compare would not decide, a statement counts as one that does something.
func (p *Policy) Idle() []int {
	b := &comparer{facts: map[string]int{}, actions: newVocabulary(), resources: newVocabulary(), left: allWork / 6}
	all, err := b.all(p)
	if err != nil || len(all) < 2 {
		return nil
	}
	actions, err := b.actions.words(isAction, &b.left)
	if err != nil {
		return nil
	}
	resources, err := b.resources.words(isResource, &b.left)
	if err != nil {
		return nil
	}
	var idle []int
	for i := len(all) - 1; i >= 0; i-- {
		does, err := b.does(all, i, actions, resources)
		if err != nil {
			break
		}
		if !does {
			idle = append(idle, i)
			all[i] = comparable{deny: true} // speaks of nothing
		}
	}
	slices.Reverse(idle)
	return idle
}

// does says whether statement i decides some request.
func (b *comparer) does(all []comparable, i int, actions, resources []word) (bool, error) {
	cost := size(all[i : i+1])
	for _, a := range actions {
		if err := b.left.spend(cost); err != nil {
			return false, err
		}
		if a.in(all[i].actions) == all[i].notAction {
			continue
		}
		for _, r := range resources {
			if err := b.left.spend(cost); err != nil {
				return false, err
			}
			if len(meeting(all[i:i+1], a, r)) == 0 {
				continue
			}
			if err := b.left.spend(size(all)); err != nil {
				return false, err
			}
			if does, err := b.decides(meeting(all, a, r), i); does || err != nil {
				return does, err
			}
		}
	}
	return false, nil
}

// decides says whether some combination of the facts that meet is decided by
// statement i alone: no other of its effect applies and, if it allows, none that
// denies.
func (b *comparer) decides(met []meet, i int) (bool, error) {
	set := map[int]bool{}
	for _, m := range met {
		for _, list := range append(m.any, m.all) {
			for _, f := range list {
				set[f] = true
			}
		}
	}
	facts := slices.Sorted(maps.Keys(set))
	if len(facts) > maxFacts {
		return true, nil
	}
	if err := b.left.spend(len(met) * (1 + len(facts)) << len(facts)); err != nil {
		return false, err
	}
	for mask := range 1 << len(facts) {
		holds := map[int]bool{}
		for k, f := range facts {
			holds[f] = mask>>k&1 == 1
		}
		if alone(met, i, holds) {
			return true, nil
		}
	}
	return false, nil
}

func alone(met []meet, i int, holds map[int]bool) bool {
	applies, deny := false, false
	for _, m := range met {
		if m.index == i {
			applies, deny = m.applies(holds), m.deny
		}
	}
	return applies && !slices.ContainsFunc(met, func(m meet) bool {
		return m.index != i && (m.deny || !deny) && m.applies(holds)
	})
}
