package iam

import (
	"fmt"

	"cloister/internal/store"
	"cloister/policy"
)

// loader makes a binding from rows and notes which.
type loader struct {
	service *Service
	r       store.Reader
	account string
	rows    []string
	out     binding
}

// load reads a user or role. It gives store.ErrNotFound when there is none of
// the id; any other error means that what binds it is not known.
func (l *loader) load(kind policy.PrincipalKind, id string) error {
	if kind == policy.PrincipalAssumedRole {
		return l.role(id)
	}
	return l.user(id)
}

func (l *loader) user(id string) error {
	l.rows = append(l.rows, userRow(id))
	u, err := userKind.get(l.r, l.account, id)
	if err != nil {
		return err
	}
	if err := l.principal(&u.Entity, userKind.arn(u), u.Tags, u.Boundary); err != nil {
		return err
	}
	for _, g := range u.Groups {
		if err := l.group(g); err != nil {
			return err
		}
	}
	return nil
}

func (l *loader) group(id string) error {
	l.rows = append(l.rows, groupRow(id))
	g, err := groupKind.get(l.r, l.account, id)
	if err != nil {
		return fmt.Errorf("read group %s: %w", id, broken(err))
	}
	return l.identity(&g.Entity)
}

func (l *loader) role(id string) error {
	l.rows = append(l.rows, roleRow(id))
	r, err := roleKind.get(l.r, l.account, id)
	if err != nil {
		return err
	}
	return l.principal(&r.Entity, roleKind.arn(r), r.Tags, r.Boundary)
}

func (l *loader) principal(e *Entity, arn string, tags []Tag, boundary string) error {
	l.out.entity = Entity{Account: e.Account, Path: e.Path, Name: e.Name, ID: e.ID}
	l.out.arn, l.out.tags = arn, tagMap(tags)
	if boundary != "" {
		named, err := l.managed(policy.KindBoundary, boundary)
		if err != nil {
			return broken(err)
		}
		l.out.policies.Boundary = &named
	}
	return l.identity(e)
}

// identity adds the inline and attached policies of an entity.
func (l *loader) identity(e *Entity) error {
	for _, doc := range e.Inline {
		p, err := l.service.compiler.compile(policy.KindIdentity, doc.Text)
		if err != nil {
			return fmt.Errorf("inline policy %s of %s: %w", doc.Name, e.ID, err)
		}
		l.out.policies.Identity = append(l.out.policies.Identity, policy.Named{Name: doc.Name, Policy: p})
	}
	for _, arn := range e.Attached {
		named, err := l.managed(policy.KindIdentity, arn)
		if err != nil {
			return broken(err)
		}
		l.out.policies.Identity = append(l.out.policies.Identity, named)
	}
	return nil
}

// managed reads the version in force of a managed policy. Of one that is gone
// it gives the name and NoSuchEntity.
func (l *loader) managed(kind policy.Kind, arn string) (policy.Named, error) {
	named := policy.Named{Name: arn}
	l.rows = append(l.rows, policyRow(arn))
	p, err := findPolicy(l.r, l.account, arn)
	if err != nil {
		return named, err
	}
	named.Policy, err = l.service.compiler.compile(kind, p.text())
	if err != nil {
		return named, fmt.Errorf("policy %s: %w", arn, err)
	}
	return named, nil
}

// broken turns "not found" of something that must exist into a failure, so
// that it is not taken for the absence of the principal.
func broken(err error) error {
	if absent(err) {
		return fmt.Errorf("%w: a policy or group that is in use does not exist: %v", store.ErrCorrupt, err)
	}
	return err
}

func tagMap(tags []Tag) map[string]string {
	if len(tags) == 0 {
		return nil
	}
	m := make(map[string]string, len(tags))
	for _, t := range tags {
		m[t.Key] = t.Value
	}
	return m
}
