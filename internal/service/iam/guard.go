package iam

import (
	"cloister/internal/door"
	"cloister/internal/guardrail"
	"cloister/internal/store"
	"cloister/policy"
)

// guardInline asks the guardrails about an inline policy. The members of a
// group are many; a user or a role is the one whom its inline policy speaks of.
func (s *Service) guardInline(c *door.Call, tx *store.Tx, arn, noun, name string, p *policy.Policy) error {
	holder := arn
	if noun == groupKind.noun {
		holder = ""
	}
	return s.guard.IdentityPolicy(tx, &guardrail.Subject{
		Account: c.Account, Resource: arn, Part: inlinePart(name), Time: c.Time,
	}, holder, p)
}

// inlinePart names an inline policy, whose name's case does not count.
func inlinePart(name string) string { return "inline policy " + fold(name) }

// guardVersion asks the guardrails about a version of a managed policy.
func (s *Service) guardVersion(c *door.Call, tx *store.Tx, m *managed, number int64, p *policy.Policy) error {
	return s.guard.IdentityPolicy(tx, &guardrail.Subject{
		Account: m.Account, Resource: m.arn(), Part: versionPart(number), Time: c.Time,
	}, "", p)
}

func versionPart(number int64) string { return "version " + versionID(number) }
