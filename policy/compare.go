package policy

import (
	"errors"
	"maps"
	"slices"
	"strings"
)

// ErrNotCompared tells that two policies use what Compare cannot decide.
var ErrNotCompared = errors.New("the policies are too complex to be compared")

// Comparison is what Compare found. Where NewAccess is false, no request is
// allowed by the updated policy that the existing one does not allow. Where it
// is true, Action and Resource are a request for which that happens; if Exact
// is false, it does so only if the conditions, variables or principals that
// meet there can hold together, which was not decided.
type Comparison struct {
	NewAccess  bool
	Exact      bool
	Action     string
	Resource   string
	Statements []int // of the updated policy, from 0: those that allow it
}

// Compare says whether updated allows a request that existing does not. A nil
// existing allows nothing. Actions and resources are decided as the languages
// of their patterns; a condition, a pattern with a policy variable and a named
// principal are each taken for a fact that may hold or not, the same fact
// wherever it is written alike. That the statements of both policies bear on
// any request at all (its account, its resource's) is taken for granted. It is
// what IAM Access Analyzer's CheckNoNewAccess answers
// (docs.aws.amazon.com/access-analyzer/latest/APIReference/API_CheckNoNewAccess.html).
// It returns ErrNotCompared for NotPrincipal, for policy variables in
// NotResource and for what is beyond its limits.
func Compare(existing, updated *Policy) (Comparison, error) {
	if existing == nil {
		existing = &Policy{kind: updated.kind}
	}
	b := &comparer{facts: map[string]int{}, actions: newVocabulary(), resources: newVocabulary(), left: allWork}
	old, err := b.all(existing)
	if err != nil {
		return Comparison{}, err
	}
	fresh, err := b.all(updated)
	if err != nil {
		return Comparison{}, err
	}
	return b.compare(old, fresh)
}

// comparable is a statement whose patterns and facts are numbers.
type comparable struct {
	deny, notAction, notResource, everyResource bool

	actions, resources []int
	resourceFacts      []int // any of them stands for a resource that matches
	principalFacts     []int // any of them must hold; nil for everyone
	conditions         []int // all of them must hold
}

type comparer struct {
	actions, resources *vocabulary
	facts              map[string]int
	left               work
}

func (b *comparer) fact(parts ...string) int {
	key := strings.Join(parts, "\x00")
	if i, ok := b.facts[key]; ok {
		return i
	}
	b.facts[key] = len(b.facts)
	return len(b.facts) - 1
}

func (b *comparer) all(p *Policy) ([]comparable, error) {
	var all []comparable
	for i := range p.statements {
		c, err := b.statement(p, &p.statements[i])
		if err != nil {
			return nil, err
		}
		all = append(all, c)
	}
	return all, nil
}

func (b *comparer) statement(p *Policy, s *statement) (comparable, error) {
	c := comparable{deny: s.deny, notAction: s.notAction, notResource: s.notResource, everyResource: s.resources == nil}
	for i := range s.actions {
		c.actions = append(c.actions, b.actions.add(s.actions[i].letters()))
	}
	for i := range s.resources {
		q := &s.resources[i]
		switch {
		case !q.variable():
			c.resources = append(c.resources, b.resources.add(q.letters()))
		case s.notResource:
			return c, ErrNotCompared
		default:
			c.resourceFacts = append(c.resourceFacts, b.fact("resource", q.key()))
		}
	}
	if ps := s.principals; ps != nil {
		if ps.negated {
			return c, ErrNotCompared
		}
		for _, n := range ps.names {
			if !ps.anyone {
				c.principalFacts = append(c.principalFacts, b.fact("principal", string('0'+rune(n.kind)), n.text))
			}
		}
	}
	for i := range s.conditions {
		c.conditions = append(c.conditions, b.condition(p, s, &s.conditions[i]))
	}
	return c, nil
}

// condition is a fact for each way of writing it: what a variable without a
// value means depends on the effect and on the version.
func (b *comparer) condition(p *Policy, s *statement, c *condition) int {
	values := slices.Clone(c.values)
	slices.Sort(values)
	key := append([]string{"condition", c.operator, c.key}, slices.Compact(values)...)
	if strings.Contains(strings.Join(values, ""), "${") {
		key = append(key, string('0'+rune(index(s.deny))), string('0'+rune(index(p.variables))))
	}
	return b.fact(key...)
}

// maxFacts bounds the combinations that are tried where statements meet.
const maxFacts = 12

func (b *comparer) compare(old, fresh []comparable) (Comparison, error) {
	actions, err := b.actions.words(isAction, &b.left)
	if err != nil {
		return Comparison{}, err
	}
	resources, err := b.resources.words(isResource, &b.left)
	if err != nil {
		return Comparison{}, err
	}
	cost := size(old) + size(fresh)
	var found Comparison
	for _, a := range actions {
		for _, r := range resources {
			if err := b.left.spend(cost); err != nil {
				return Comparison{}, err
			}
			c, err := b.compareAt(meeting(old, a, r), meeting(fresh, a, r))
			if err != nil {
				return Comparison{}, err
			}
			if c.NewAccess && !found.NewAccess || c.Exact && !found.Exact {
				found = c
				found.Action, found.Resource = a.text, r.text
			}
		}
	}
	return found, nil
}

// size is what it costs to find the statements that speak of one action and
// resource.
func size(all []comparable) int {
	n := 1
	for i := range all {
		n += 1 + len(all[i].actions) + len(all[i].resources)
	}
	return n
}

// meet is a statement that can speak of one action and resource.
type meet struct {
	index int
	deny  bool
	all   []int   // facts that must all hold
	any   [][]int // of each list a fact must hold
}

func meeting(all []comparable, action, resource word) []meet {
	var met []meet
	for i := range all {
		s := &all[i]
		if action.in(s.actions) == s.notAction {
			continue
		}
		m := meet{index: i, deny: s.deny, all: s.conditions}
		switch {
		case s.everyResource || resource.in(s.resources) != s.notResource:
		case len(s.resourceFacts) > 0:
			m.any = append(m.any, s.resourceFacts)
		default:
			continue
		}
		if s.principalFacts != nil {
			m.any = append(m.any, s.principalFacts)
		}
		met = append(met, m)
	}
	return met
}

// compareAt tries every combination of the facts that meet.
func (b *comparer) compareAt(old, fresh []meet) (Comparison, error) {
	if !slices.ContainsFunc(fresh, func(m meet) bool { return !m.deny }) {
		return Comparison{}, nil
	}
	set := map[int]bool{}
	for _, m := range slices.Concat(old, fresh) {
		for _, list := range append(m.any, m.all) {
			for _, f := range list {
				set[f] = true
			}
		}
	}
	facts := slices.Sorted(maps.Keys(set))
	if len(facts) > maxFacts {
		return Comparison{}, ErrNotCompared
	}
	if err := b.left.spend((len(old) + len(fresh)) * (1 + len(facts)) << len(facts)); err != nil {
		return Comparison{}, err
	}
	for mask := range 1 << len(facts) {
		holds := map[int]bool{}
		for i, f := range facts {
			holds[f] = mask>>i&1 == 1
		}
		if by := allows(fresh, holds); by != nil && allows(old, holds) == nil {
			return Comparison{NewAccess: true, Exact: len(facts) == 0, Statements: by}, nil
		}
	}
	return Comparison{}, nil
}

// allows returns the statements that allow, nil where none does or one denies.
func allows(met []meet, holds map[int]bool) []int {
	var by []int
	for _, m := range met {
		switch {
		case !m.applies(holds):
		case m.deny:
			return nil
		default:
			by = append(by, m.index)
		}
	}
	return by
}

func (m *meet) applies(holds map[int]bool) bool {
	fact := func(f int) bool { return holds[f] }
	for _, list := range m.any {
		if !slices.ContainsFunc(list, fact) {
			return false
		}
	}
	return !slices.ContainsFunc(m.all, func(f int) bool { return !holds[f] })
}
