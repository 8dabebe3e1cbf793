package iam

import (
	"slices"

	"cloister/internal/awsapi"
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

func roleSubject(c *door.Call, r *role) *guardrail.Subject {
	return &guardrail.Subject{Account: r.Account, Resource: roleKind.arn(r), Time: c.Time}
}

// guardTrust asks the guardrails about a role's trust policy.
func (s *Service) guardTrust(c *door.Call, tx *store.Tx, r *role) error {
	trust, err := s.parse(policy.KindTrust, r.Trust)
	if err != nil {
		return err
	}
	return s.guard.TrustPolicy(tx, roleSubject(c, r), trust)
}

// guardRole asks the guardrails about what a role's trust policy and its
// attached policies make of it together.
func (s *Service) guardRole(c *door.Call, tx *store.Tx, r *role) error {
	trust, err := s.parse(policy.KindTrust, r.Trust)
	if err != nil {
		return err
	}
	return s.guard.RoleState(tx, roleSubject(c, r), slices.Contains(r.Attached, guardrail.AdministratorPolicy), trust)
}

// guardAttached asks about a role to which a policy was attached, or from which
// it was detached, if it is the one that counts: what is wrong with the role
// already does not keep anybody from detaching another.
func (s *Service) guardAttached(c *door.Call, tx *store.Tx, name, policyArn *string) (*awsapi.None, error) {
	if awsapi.Val(policyArn) != guardrail.AdministratorPolicy {
		return &awsapi.None{}, nil
	}
	r, err := roleKind.find(tx, c.Account, awsapi.Val(name))
	if err != nil {
		return nil, err
	}
	return &awsapi.None{}, s.guardRole(c, tx, r)
}
