package cognitoidp

import (
	"errors"
	"fmt"
	"iter"
	"slices"

	"cloister/internal/store"
)

// Check verifies that whatever belongs to a pool belongs to one that there is,
// that every pool can sign, that users are in groups that there are and found
// by the aliases that they should have, and that sign-ins are of users.
func (s *Service) Check(r store.Reader) error {
	all := map[string]*pool{}
	var bad []error
	for item, err := range pools.Scan(r, nil, nil) {
		if err != nil {
			return err
		}
		p := item.Value
		all[p.ID] = p
		set, err := poolKeys.Get(r, p.key())
		if err != nil || set.current(idUse, p.Created) == nil || set.current(accessUse, p.Created) == nil {
			bad = append(bad, fmt.Errorf("pool %s cannot sign: %w", p.ID, err))
		}
	}
	bad = append(bad,
		belong(all, "client", clients.Scan(r, nil, nil), func(c *client) string { return c.Pool }),
		belong(all, "keys", poolKeys.Scan(r, nil, nil), func(k *keySet) string { return k.Pool }),
		belong(all, "domain", domains.Scan(r, nil, nil), func(d *domain) string { return d.Pool }),
		belong(all, "group", groups.Scan(r, nil, nil), func(g *group) string { return g.Pool }),
		belong(all, "resource server", servers.Scan(r, nil, nil), func(s *resourceServer) string { return s.Pool }),
		belong(all, "provider", providers.Scan(r, nil, nil), func(i *identityProvider) string { return i.Pool }),
		belong(all, "user", users.Scan(r, nil, nil), func(u *user) string { return u.Pool }),
	)
	for item, err := range users.Scan(r, nil, nil) {
		if err != nil {
			return err
		}
		if p := all[item.Value.Pool]; p != nil {
			bad = append(bad, checkUser(r, p, item.Value))
		}
	}
	for item, err := range grants.Scan(r, nil, nil) {
		if err != nil {
			return err
		}
		if _, err := users.Get(r, store.K(item.Value.Pool, item.Value.User)); err != nil {
			bad = append(bad, fmt.Errorf("sign-in %s is of nobody: %w", item.Value.ID, err))
		}
	}
	return errors.Join(bad...)
}

func belong[T any](all map[string]*pool, what string, rows iter.Seq2[store.Item[T], error], pool func(*T) string) error {
	for item, err := range rows {
		if err != nil {
			return err
		}
		if all[pool(item.Value)] == nil {
			return fmt.Errorf("a %s is of the pool %s, which is not", what, pool(item.Value))
		}
	}
	return nil
}

func checkUser(r store.Reader, p *pool, u *user) error {
	if u.Key != p.fold(u.Name) || u.Sub == "" || u.Status == "" {
		return fmt.Errorf("the user %s of %s is not whole", u.Sub, p.ID)
	}
	if !slices.Equal(u.Aliases, p.aliasesOf(u)) {
		return fmt.Errorf("the user %s of %s is found by other aliases than it has", u.Sub, p.ID)
	}
	for _, name := range u.Groups {
		if _, err := groups.Get(r, store.K(p.ID, name)); err != nil {
			return fmt.Errorf("the user %s of %s is in a group that is not: %w", u.Sub, p.ID, err)
		}
	}
	return nil
}
