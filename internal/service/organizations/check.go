package organizations

import (
	"fmt"

	api "cloister/internal/awsapi/organizations"
	"cloister/internal/store"
)

// Check verifies that the tables agree with each other: that every account has
// its place and every place its account, that trees hang together and keep
// their bounds, and that every policy in use exists and parses.
func (s *Service) Check(r store.Reader) error {
	for _, check := range []func(store.Reader) error{checkOrganizations, checkAccounts, checkTargets, checkDocuments, checkCreations} {
		if err := check(r); err != nil {
			return fmt.Errorf("organizations: %w", err)
		}
	}
	return nil
}

// scan applies fn to every row of a table.
func scan[T any](r store.Reader, table *store.Collection[T], fn func(*T) error) error {
	for item, err := range table.Scan(r, store.K(), nil) {
		if err != nil {
			return err
		}
		if err := fn(item.Value); err != nil {
			return fmt.Errorf("%s %v: %w", table.Table(), item.Key, err)
		}
	}
	return nil
}

func checkOrganizations(r store.Reader) error {
	return scan(r, organizations, func(o *organization) error {
		if _, err := o.target(r, o.Root, errNoRoot); err != nil {
			return err
		}
		a, err := accounts.Get(r, store.K(o.Management))
		if err == nil && a.Org != o.ID {
			err = fmt.Errorf("its management account is in %q", a.Org)
		}
		return err
	})
}

func checkAccounts(r store.Reader) error {
	return scan(r, accounts, func(a *account) error {
		if a.Org == "" {
			return nil
		}
		_, err := targets.Get(r, store.K(a.Org, a.ID))
		return err
	})
}

func checkTargets(r store.Reader) error {
	return scan(r, targets, func(t *target) error {
		o, err := organizations.Get(r, store.K(t.Org))
		if err != nil {
			return err
		}
		way, err := o.way(r, t)
		if err != nil {
			return err
		}
		if way[0].ID != o.Root || len(way) > maxDepth+2 {
			return fmt.Errorf("%d levels below %s", len(way)-1, way[0].ID)
		}
		if t.Kind == api.TargetTypeAccount {
			if a, err := accounts.Get(r, store.K(t.ID)); err != nil || a.Org != t.Org {
				return fmt.Errorf("the account is not of the organization (%v)", err)
			}
		}
		return checkAttached(r, o, t)
	})
}

func checkAttached(r store.Reader, o *organization, t *target) error {
	for _, kind := range policyTypes {
		list := t.Policies[kind]
		if o.enabled(kind) != (len(list) > 0) || len(list) > maxAttached {
			return fmt.Errorf("%d policies of type %s", len(list), kind)
		}
		for _, id := range list {
			p, err := o.policy(r, id)
			if err != nil {
				return err
			}
			if p.Type != kind {
				return fmt.Errorf("%s is of type %s", id, p.Type)
			}
		}
	}
	return nil
}

func checkDocuments(r store.Reader) error {
	return scan(r, documents, func(p *document) error {
		if _, err := organizations.Get(r, store.K(p.Org)); err != nil {
			return err
		}
		return checkContent(p.Type, p.Content)
	})
}

func checkCreations(r store.Reader) error {
	return scan(r, creations, func(m *creation) error {
		if m.State == api.CreateAccountStateFailed && m.Reason == api.CreateAccountFailureReasonEmailAlreadyExists {
			return nil
		}
		_, err := accounts.Get(r, store.K(m.Account))
		return err
	})
}
