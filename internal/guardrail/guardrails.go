package guardrail

import (
	"fmt"
	"time"

	"cloister/internal/awsapi"
	"cloister/internal/store"
)

// Guardrails decides for the services. It is immutable and safe for concurrent
// use.
type Guardrails struct {
	services []*awsapi.Service
	member   Membership // nil on a node without organisations
}

// Membership says in which organisation an account is, and where in it, as
// aws:PrincipalOrgID and aws:PrincipalOrgPaths do; "" for an account on its own.
type Membership func(account string) (id, path string, err error)

// Within gives guardrails that know of organisations.
func (g *Guardrails) Within(member Membership) *Guardrails {
	return &Guardrails{services: g.services, member: member}
}

// New makes the guardrails of a node that has the given services, whose
// operations are the actions that there are.
func New(services ...*awsapi.Service) *Guardrails {
	if len(services) == 0 {
		panic("guardrail: a node without services has no actions to guard")
	}
	return &Guardrails{services: services}
}

// Subject is what is about to be written.
type Subject struct {
	Account  string
	Resource string // ARN
	Part     string // "inline policy x", where the resource has several
	Time     time.Time
}

func (s *Subject) String() string {
	if s.Part == "" {
		return s.Resource
	}
	return s.Part + " of " + s.Resource
}

// violation is what a rule found.
type violation struct {
	found   string // "gives every action on every resource (statement 1)"
	instead string // a whole sentence
}

// apply has a rule look at a subject, and does what the account's setting says.
func apply(tx *store.Tx, id string, s *Subject, look func(*Setting) (*violation, error)) error {
	set, err := Of(tx, s.Account, id)
	if err != nil || set.Mode == Off {
		return err
	}
	v, err := look(set)
	if err != nil {
		return err
	}
	if v == nil {
		return resolve(tx, s.Account, findingID(id, s.Resource, s.Part), s.Time)
	}
	if set.Mode == Enforce {
		return refusal(id, s, v)
	}
	rule, _ := Find(id)
	return Record(tx, Finding{
		Account: s.Account, Rule: id, Severity: rule.Severity, Resource: s.Resource, Part: s.Part,
		Text: s.String() + " " + v.found, Last: s.Time,
	})
}

// refusal is AWS-shaped; in the JSON protocols its code is
// GuardrailViolationException.
func refusal(id string, s *Subject, v *violation) error {
	return awsapi.Errorf("GuardrailViolation", "%s", fmt.Sprintf("%s: %s %s. %s", id, s, v.found, v.instead))
}
