package guardrail

import (
	"cloister/internal/store"
)

// The tag by which a resource says that everyone may reach it.
const (
	PublicTag   = "cloister:public"
	publicValue = "true"
)

// DeclaredPublic says whether tags declare that everyone may reach their resource.
func DeclaredPublic(tags map[string]string) bool { return tags[PublicTag] == publicValue }

// OpenRoute asks whether something that clients reach may be without
// authorisation (CLO-GATE-001): a route, a method, a function's URL, which the
// subject names. tags are those of its resource. What is open and declared is
// written together with its finding, so that it is listed as public.
func (g *Guardrails) OpenRoute(tx *store.Tx, s *Subject, open bool, tags map[string]string) error {
	if open && DeclaredPublic(tags) {
		return g.listed(tx, OpenRoute, s, "lets everyone in, as the tag "+PublicTag+" declares")
	}
	return apply(tx, OpenRoute, s, func(*Setting) (*violation, error) {
		if !open {
			return nil, nil
		}
		return &violation{
			found:   "would let everyone in",
			instead: "Give it an authorizer or AWS_IAM or, if everyone is meant to reach it, tag its resource " + PublicTag + "=" + publicValue,
		}, nil
	})
}

// UnusedAuthorizer keeps a finding of an authoriser that no route has
// (CLO-GATE-002). It refuses nothing: an authoriser is made before it is used.
func (g *Guardrails) UnusedAuthorizer(tx *store.Tx, s *Subject, unused bool) error {
	if unused {
		return g.listed(tx, UnusedAuthorizer, s, "protects nothing: no route has it")
	}
	return resolve(tx, s.Account, findingID(UnusedAuthorizer, s.Resource, s.Part), s.Time)
}

// listed keeps a finding of what is written all the same.
func (g *Guardrails) listed(tx *store.Tx, id string, s *Subject, found string) error {
	set, err := Of(tx, s.Account, id)
	if err != nil || set.Mode == Off {
		return err
	}
	rule, _ := Find(id)
	return Record(tx, Finding{
		Account: s.Account, Rule: id, Severity: rule.Severity, Resource: s.Resource, Part: s.Part, Text: s.String() + " " + found, Last: s.Time,
	})
}
