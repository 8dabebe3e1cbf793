package escalation

import (
	"fmt"
	"slices"
	"strings"

	"cloister/policy"
)

// graph is what is known of an account while paths through it are sought.
type graph struct {
	account      *Account
	organization [][]*twofold
	own          map[*Principal]*state
	documents    map[string]*twofold
	edges        map[string][]edge
	admins       map[string]answer
	trusted      map[string]answer // by role and service
	notes        []string
	noted        map[string]bool
}

// edge is a step that a principal can take.
type edge struct {
	technique  *Technique
	to         *state
	conditions []string // in words
}

func newGraph(a *Account) *graph {
	g := &graph{
		account: a, own: map[*Principal]*state{}, documents: map[string]*twofold{},
		edges: map[string][]edge{}, admins: map[string]answer{}, trusted: map[string]answer{}, notes: slices.Clone(a.notes), noted: map[string]bool{},
	}
	for _, level := range a.Organization {
		var all []*twofold
		for _, d := range level {
			all = append(all, g.read(policy.KindOrganization, d))
		}
		g.organization = append(g.organization, all)
	}
	return g
}

func (g *graph) note(format string, args ...any) {
	if text := fmt.Sprintf(format, args...); !g.noted[text] {
		g.noted[text] = true
		g.notes = append(g.notes, text)
	}
}

// probes are what only an administrator may do all of: an action that nobody
// lists, and the ways to give oneself the rest.
var probes = []question{
	{action: "probe:Anything", resource: "arn:aws:probe:us-east-1:A:anything"},
	{action: "iam:CreateUser", resource: "arn:aws:iam::A:user/probe"},
	{action: "iam:PutUserPolicy", resource: "arn:aws:iam::A:user/probe"},
	{action: "iam:AttachRolePolicy", resource: "arn:aws:iam::A:role/probe"},
	{action: "iam:CreatePolicyVersion", resource: "arn:aws:iam::A:policy/probe"},
	{action: "iam:PassRole", resource: "arn:aws:iam::A:role/probe"},
}

// admin says whether a state is an administrator.
func (g *graph) admin(s *state) answer {
	if known, ok := g.admins[s.key()]; ok {
		return known
	}
	a := answer{possible: true}
	for _, q := range probes {
		q.resource = s.local(q.resource)
		one := g.may(s, q)
		if !one.possible {
			a = answer{}
			break
		}
		a.keys = append(a.keys, one.keys...)
	}
	slices.Sort(a.keys)
	a.keys = slices.Compact(a.keys)
	g.admins[s.key()] = a
	return a
}

// local fills in the account of an ARN's form.
func (s *state) local(arn string) string {
	arn = strings.Replace(arn, ":A:", ":"+accountID(s.p.ARN)+":", 1)
	return strings.Replace(arn, "arn:aws:", "arn:"+partition(s.p.ARN)+":", 1)
}

// from returns the steps that a state can take.
func (g *graph) from(s *state) []edge {
	if known, ok := g.edges[s.key()]; ok {
		return known
	}
	a := &attempt{graph: g, s: s, named: map[string][]string{}, where: map[string]fit{}}
	for i := range catalogue {
		a.try(&catalogue[i])
	}
	found := g.shortest(a.found)
	g.edges[s.key()] = found
	return found
}

// shortest leaves out a step that takes more than another one to the same.
func (g *graph) shortest(all []edge) []edge {
	return slices.DeleteFunc(slices.Clone(all), func(e edge) bool {
		return slices.ContainsFunc(all, func(other edge) bool {
			return len(other.technique.Needs) < len(e.technique.Needs) && subset(other.technique.Needs, e.technique.Needs) &&
				subset(other.conditions, e.conditions) && g.asGood(other.to, e.to)
		})
	})
}

// asGood says whether a state has what another one of the same principal has.
func (g *graph) asGood(s, other *state) bool {
	return s.p == other.p && (s.key() == other.key() || g.admin(s).certain())
}

func subset[E comparable](some, of []E) bool {
	return !slices.ContainsFunc(some, func(e E) bool { return !slices.Contains(of, e) })
}
