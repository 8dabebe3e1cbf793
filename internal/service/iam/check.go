package iam

import (
	"errors"
	"fmt"

	"cloister/internal/store"
	"cloister/policy"
)

// Check verifies that IAM's tables agree with each other: that everything in
// use exists, every document parses, quotas hold and the counts are right.
func (s *Service) Check(r store.Reader) error {
	c := &checker{service: s, r: r, counted: map[string]*counts{}}
	for _, check := range []func() error{
		c.users, c.groups, c.roles, c.instanceProfiles, c.providers, c.policies,
		c.accessKeys, c.lastUses, c.loginProfiles, c.mfaDevices, c.attempts, c.counts,
	} {
		if err := check(); err != nil {
			return fmt.Errorf("iam: %w", err)
		}
	}
	return nil
}

type checker struct {
	service *Service
	r       store.Reader
	counted map[string]*counts
}

func (c *checker) count(account string) *counts {
	n := c.counted[account]
	if n == nil {
		n = new(counts)
		c.counted[account] = n
	}
	return n
}

// scan applies fn to every row of a table.
func scan[T any](r store.Reader, table *store.Collection[T], fn func(store.Key, *T) error) error {
	for item, err := range table.Scan(r, store.K(), nil) {
		if err != nil {
			return err
		}
		if err := fn(item.Key, item.Value); err != nil {
			return fmt.Errorf("%s %v: %w", table.Table(), item.Key, err)
		}
	}
	return nil
}

func (c *checker) users() error {
	return scan(c.r, users, func(key store.Key, u *user) error {
		if len(u.Groups) > groupsPerUser {
			return fmt.Errorf("%d groups", len(u.Groups))
		}
		for _, id := range u.Groups {
			if _, err := groupKind.get(c.r, u.Account, id); err != nil {
				return fmt.Errorf("group %s: %w", id, err)
			}
		}
		return checkEntity(c, userKind, key, u)
	})
}

func (c *checker) groups() error {
	return scan(c.r, groups, func(key store.Key, g *group) error { return checkEntity(c, groupKind, key, g) })
}

func (c *checker) roles() error {
	return scan(c.r, roles, func(key store.Key, r *role) error {
		if err := c.service.checkTrust(r.Trust); err != nil {
			return err
		}
		if _, err := c.service.parse(policy.KindTrust, r.Bound); err != nil {
			return fmt.Errorf("bound trust policy: %w", err)
		}
		return checkEntity(c, roleKind, key, r)
	})
}

func (c *checker) instanceProfiles() error {
	return scan(c.r, instanceProfiles, func(key store.Key, p *instanceProfile) error {
		if p.RoleID != "" {
			if _, err := roleKind.get(c.r, p.Account, p.RoleID); err != nil {
				return fmt.Errorf("role %s: %w", p.RoleID, err)
			}
		}
		return checkEntity(c, profileKind, key, p)
	})
}

func (c *checker) providers() error {
	return scan(c.r, oidcProviders, func(key store.Key, p *oidcProvider) error {
		c.count(p.Account).Providers++
		if key[0] != p.Account || key[1] != p.Address {
			return fmt.Errorf("holds %s", p.arn())
		}
		if address, ok := issuerAddress("https://" + p.Address); !ok || address != p.Address {
			return fmt.Errorf("%s is no issuer", p.Address)
		}
		if len(p.ClientIDs) > clientIDsPerProvider || len(p.Thumbprints) > thumbprintsPerProvider {
			return fmt.Errorf("%d client ids, %d thumbprints", len(p.ClientIDs), len(p.Thumbprints))
		}
		return nil
	})
}

func checkEntity[T any](c *checker, k *kind[T], key store.Key, v *T) error {
	e := k.entity(v)
	*k.count(c.count(e.Account))++
	if key[0] != e.Account || key[1] != e.ID {
		return fmt.Errorf("holds %s of account %s", e.ID, e.Account)
	}
	if err := c.documents(e, k.inlineSize); err != nil {
		return err
	}
	if k.boundary == nil {
		return nil
	}
	return checkBoundary(c.r, e.Account, *k.boundary(v))
}

// documents checks an entity's inline and attached policies.
func (c *checker) documents(e *Entity, quota int) error {
	total := 0
	for _, doc := range e.Inline {
		total += size(doc.Text)
		if _, err := c.service.parse(policy.KindIdentity, doc.Text); err != nil {
			return fmt.Errorf("inline policy %s: %w", doc.Name, err)
		}
	}
	if total > quota || len(e.Attached) > policiesPerEntity {
		return fmt.Errorf("%d characters of inline policies, %d attached policies", total, len(e.Attached))
	}
	for _, arn := range e.Attached {
		if _, err := findPolicy(c.r, e.Account, arn); err != nil {
			return fmt.Errorf("attached policy %s: %w", arn, err)
		}
	}
	return nil
}

func (c *checker) policies() error {
	return scan(c.r, policies, func(key store.Key, p *managed) error {
		n := c.count(p.Account)
		n.Policies++
		n.Versions += int64(len(p.Versions))
		if key[0] != p.Account || key[1] != p.arn() {
			return fmt.Errorf("holds %s", p.arn())
		}
		if p.version(p.Default) == nil || len(p.Versions) > versionsPerPolicy {
			return fmt.Errorf("%d versions, default %d", len(p.Versions), p.Default)
		}
		for _, v := range p.Versions {
			if _, err := c.service.checkManaged(v.Text); err != nil {
				return fmt.Errorf("version %d: %w", v.Number, err)
			}
		}
		return nil
	})
}

func (c *checker) accessKeys() error {
	held := map[string]int{}
	return scan(c.r, accessKeys, func(_ store.Key, k *accessKey) error {
		if held[k.UserID]++; held[k.UserID] > keysPerUser {
			return fmt.Errorf("user %s has too many", k.UserID)
		}
		_, err := userKind.get(c.r, k.Account, k.UserID)
		return err
	})
}

func (c *checker) lastUses() error {
	return scan(c.r, lastUses, func(key store.Key, _ *lastUse) error {
		if key[0] == rootARN(c.service.account) {
			return nil
		}
		_, err := accessKeys.Get(c.r, key)
		return err
	})
}

func (c *checker) loginProfiles() error {
	return scan(c.r, loginProfiles, func(key store.Key, p *loginProfile) error {
		if key[0] != p.Account || key[1] != p.UserID || len(p.Earlier) > passwordsKept {
			return fmt.Errorf("holds %s of account %s with %d earlier passwords", p.UserID, p.Account, len(p.Earlier))
		}
		_, err := userKind.get(c.r, p.Account, p.UserID)
		return err
	})
}

func (c *checker) mfaDevices() error {
	held := map[string]int{}
	return scan(c.r, mfaDevices, func(key store.Key, d *mfaDevice) error {
		n := c.count(d.Account)
		n.MFADevices++
		if key[0] != d.Account || key[1] != d.arn() || len(d.Seed.Reveal()) != seedSize {
			return fmt.Errorf("holds %s of account %s with a seed of %d", d.arn(), d.Account, len(d.Seed.Reveal()))
		}
		if d.Holder == "" {
			return nil
		}
		n.MFADevicesInUse++
		if held[d.Holder]++; held[d.Holder] > devicesPerUser {
			return fmt.Errorf("%s has too many", d.Holder)
		}
		if d.Holder == d.Account {
			return nil
		}
		_, err := userKind.get(c.r, d.Account, d.Holder)
		return err
	})
}

func (c *checker) attempts() error {
	return scan(c.r, attempts, func(key store.Key, _ *attempt) error {
		account, _ := key[0].(string)
		entity, _ := key[1].(string)
		ok, err := exists(c.r, actor{account, entity})
		if err == nil && !ok {
			err = fmt.Errorf("%s does not exist", entity)
		}
		return err
	})
}

// counts compares what is counted with what is there.
func (c *checker) counts() error {
	for account, n := range c.counted {
		kept, err := accounts.Get(c.r, store.K(account))
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
		if kept == nil || *kept != *n {
			return fmt.Errorf("account %s counts %+v and has %+v", account, kept, *n)
		}
	}
	return nil
}
