package iam

import (
	"iter"
	"strings"
	"time"

	"cloister/internal/door"
	"cloister/internal/store"
	"cloister/policy"
)

// TrustPolicies lists an account's roles with their trust policies, as they were
// given, for the analysis of who may take them. A policy that cannot be read is
// left out: it lets nobody in.
func (s *Service) TrustPolicies(r store.Reader, account string) iter.Seq2[door.Need, error] {
	return func(yield func(door.Need, error) bool) {
		for item, err := range roles.Scan(r, store.K(account), nil) {
			if err != nil {
				yield(door.Need{}, err)
				return
			}
			arn := roleKind.arn(item.Value)
			trust, err := policy.Parse(policy.KindTrust, []byte(item.Value.Trust))
			if err != nil {
				continue
			}
			if !yield(door.Need{Resource: arn, Account: account, ResourcePolicy: &policy.Named{Name: arn, Policy: trust}, ResourcePolicyRequired: true}, nil) {
				return
			}
		}
	}
}

// Identity is a user or role with what of it may lie unused.
type Identity struct {
	ARN      string
	Role     bool
	Created  time.Time
	Tags     map[string]string
	Policies []policy.Named
	Keys     []IdentityKey // active access keys
	Password time.Time     // when it was set; zero: there is none
}

// IdentityKey is an access key; LastUsed is zero for one that never was.
type IdentityKey struct {
	ID                string
	Created, LastUsed time.Time
}

// Identities lists an account's users and roles but those linked to services.
func (s *Service) Identities(r store.Reader, account string) iter.Seq2[Identity, error] {
	return func(yield func(Identity, error) bool) {
		for item, err := range roles.Scan(r, store.K(account), nil) {
			if err == nil && strings.HasPrefix(item.Value.Path, serviceLinkedPath) {
				continue
			}
			var found Identity
			if err == nil {
				found, err = s.identity(policy.PrincipalAssumedRole, &item.Value.Entity, item.Value.Tags, roleKind.arn(item.Value))
			}
			if !yield(found, err) || err != nil {
				return
			}
		}
		for item, err := range users.Scan(r, store.K(account), nil) {
			var found Identity
			if err == nil {
				found, err = s.userIdentity(r, item.Value)
			}
			if !yield(found, err) || err != nil {
				return
			}
		}
	}
}

func (s *Service) identity(kind policy.PrincipalKind, e *Entity, tags []Tag, arn string) (Identity, error) {
	found := Identity{ARN: arn, Role: kind == policy.PrincipalAssumedRole, Created: e.Created, Tags: map[string]string{}}
	for _, t := range tags {
		found.Tags[t.Key] = t.Value
	}
	b, err := s.bindingOf(kind, e.Account, e.ID)
	if err != nil {
		if absent(err) { // deleted after the snapshot
			err = nil
		}
		return found, err
	}
	found.Policies = b.policies.Identity
	return found, nil
}

func (s *Service) userIdentity(r store.Reader, u *user) (Identity, error) {
	found, err := s.identity(policy.PrincipalUser, &u.Entity, u.Tags, userKind.arn(u))
	if err != nil {
		return found, err
	}
	keys, err := keysOf(r, u)
	if err != nil {
		return found, err
	}
	for _, k := range keys {
		if k.Inactive {
			continue
		}
		shown := IdentityKey{ID: k.ID, Created: k.Created}
		used, err := s.lastUse(r, k.ID)
		if err != nil {
			return found, err
		}
		if used != nil {
			shown.LastUsed = used.At
		}
		found.Keys = append(found.Keys, shown)
	}
	login, err := loginProfiles.Get(r, store.K(u.Account, u.ID))
	if err == nil {
		found.Password = login.Created
	} else if absent(err) {
		err = nil
	}
	return found, err
}
