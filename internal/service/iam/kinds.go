package iam

import (
	"errors"
	"sort"
	"time"

	"cloister/internal/awsapi"
	"cloister/internal/guardrail"
	"cloister/internal/store"
)

// kind says how users, groups, roles and instance profiles differ where they
// are alike.
type kind[T any] struct {
	noun       string // "user", as in ARNs
	title      string // "User", as in quotas
	missing    string // message for a name that nobody has
	taken      string // message for a name that somebody has
	idPrefix   string
	table      *store.Collection[T]
	entity     func(*T) *Entity
	tags       func(*T) *[]Tag  // nil for groups
	boundary   func(*T) *string // nil but for users and roles
	inlineSize int              // characters of all inline policies together
	quota      int              // of such entities in an account
	count      func(*counts) *int64
}

var (
	userKind = &kind[user]{
		noun: "user", title: "User",
		missing: "The user with name %s cannot be found.", taken: "User with name %s already exists.",
		idPrefix: "AIDA", table: users,
		entity:     func(u *user) *Entity { return &u.Entity },
		tags:       func(u *user) *[]Tag { return &u.Tags },
		boundary:   func(u *user) *string { return &u.Boundary },
		inlineSize: 2048, quota: 5000,
		count: func(c *counts) *int64 { return &c.Users },
	}
	groupKind = &kind[group]{
		noun: "group", title: "Group",
		missing: "The group with name %s cannot be found.", taken: "Group with name %s already exists.",
		idPrefix: "AGPA", table: groups,
		entity:     func(g *group) *Entity { return &g.Entity },
		inlineSize: 5120, quota: 300,
		count: func(c *counts) *int64 { return &c.Groups },
	}
	roleKind = &kind[role]{
		noun: "role", title: "Role",
		missing: "The role with name %s cannot be found.", taken: "Role with name %s already exists.",
		idPrefix: "AROA", table: roles,
		entity:     func(r *role) *Entity { return &r.Entity },
		tags:       func(r *role) *[]Tag { return &r.Tags },
		boundary:   func(r *role) *string { return &r.Boundary },
		inlineSize: 10240, quota: 1000,
		count: func(c *counts) *int64 { return &c.Roles },
	}
	profileKind = &kind[instanceProfile]{
		noun: "instance-profile", title: "InstanceProfile",
		missing: "Instance Profile %s cannot be found.", taken: "Instance Profile %s already exists.",
		idPrefix: "AIPA", table: instanceProfiles,
		entity: func(p *instanceProfile) *Entity { return &p.Entity },
		tags:   func(p *instanceProfile) *[]Tag { return &p.Tags },
		quota:  1000,
		count:  func(c *counts) *int64 { return &c.InstanceProfiles },
	}
)

func (k *kind[T]) arn(v *T) string {
	e := k.entity(v)
	return arn(e.Account, k.noun, e.Path, e.Name)
}

// find reads the entity of a name, or gives NoSuchEntity.
func (k *kind[T]) find(r store.Reader, account, name string) (*T, error) {
	item, err := k.table.Lookup(r, "name", store.K(account, fold(name)))
	if errors.Is(err, store.ErrNotFound) {
		return nil, noSuchEntity(k.missing, name)
	}
	return item.Value, err
}

// change is find for what changes what an entity may do, which only AWS does to a
// service-linked role.
func (k *kind[T]) change(r store.Reader, account string, name *string) (*T, error) {
	v, err := k.find(r, account, awsapi.Val(name))
	if err != nil {
		return nil, err
	}
	return v, protect(v)
}

// get reads the entity of an id, or gives store.ErrNotFound.
func (k *kind[T]) get(r store.Reader, account, id string) (*T, error) {
	return k.table.Get(r, store.K(account, id))
}

// put stores an entity that exists.
func (k *kind[T]) put(tx *store.Tx, v *T) error {
	e := k.entity(v)
	return k.table.Put(tx, store.K(e.Account, e.ID), v)
}

// create stores a new entity under a name that must be free.
func (k *kind[T]) create(tx *store.Tx, v *T) error {
	e := k.entity(v)
	if err := k.free(tx, e.Account, e.Name); err != nil {
		return err
	}
	if err := adjust(tx, e.Account, k.count, 1, k.title+"s", k.quota); err != nil {
		return err
	}
	e.ID = newID(k.idPrefix)
	return k.table.Insert(tx, store.K(e.Account, e.ID), v)
}

// free gives EntityAlreadyExists when the name is taken.
func (k *kind[T]) free(r store.Reader, account, name string) error {
	_, err := k.table.Lookup(r, "name", store.K(account, fold(name)))
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err == nil {
		return alreadyExists(k.taken, name)
	}
	return err
}

// remove deletes an entity on which nothing hangs any more.
func (k *kind[T]) remove(tx *store.Tx, v *T, at time.Time) error {
	e := k.entity(v)
	if len(e.Attached) > 0 {
		return deleteConflict("Cannot delete entity, must detach all policies first.")
	}
	if len(e.Inline) > 0 {
		return deleteConflict("Cannot delete entity, must delete policies first.")
	}
	if err := adjust(tx, e.Account, k.count, -1, k.title+"s", k.quota); err != nil {
		return err
	}
	if err := guardrail.Gone(tx, e.Account, k.arn(v), "", at); err != nil {
		return err
	}
	if err := forgetAttempts(tx, e.Account, e.ID); err != nil {
		return err
	}
	return k.table.Delete(tx, store.K(e.Account, e.ID))
}

// all reads the account's entities, sorted by name.
func (k *kind[T]) all(r store.Reader, account string) ([]*T, error) {
	var found []*T
	for item, err := range k.table.Scan(r, store.K(account), nil) {
		if err != nil {
			return nil, err
		}
		found = append(found, item.Value)
	}
	sort.Slice(found, func(i, j int) bool { return k.sortKey(found[i]) < k.sortKey(found[j]) })
	return found, nil
}

// holding reads the entities that an index finds under a key, sorted by name.
func (k *kind[T]) holding(r store.Reader, index string, key store.Key) ([]*T, error) {
	var found []*T
	for item, err := range k.table.ScanIndex(r, index, key, nil) {
		if err != nil {
			return nil, err
		}
		found = append(found, item.Value)
	}
	sort.Slice(found, func(i, j int) bool { return k.sortKey(found[i]) < k.sortKey(found[j]) })
	return found, nil
}

func (k *kind[T]) sortKey(v *T) string { return fold(k.entity(v).Name) }

// adjust changes one of the account's counts and keeps it within its quota.
func adjust(tx *store.Tx, account string, field func(*counts) *int64, by int64, quota string, limit int) error {
	c, err := countsOf(tx, account)
	if err != nil {
		return err
	}
	n := field(c)
	*n += by
	if by > 0 && *n > int64(limit) {
		return overQuota(quota+"PerAccount", limit)
	}
	return accounts.Put(tx, store.K(account), c)
}

func countsOf(r store.Reader, account string) (*counts, error) {
	c, err := accounts.Get(r, store.K(account))
	if errors.Is(err, store.ErrNotFound) {
		return &counts{}, nil
	}
	return c, err
}

// str is shorthand for a member of an answer.
func str(s string) *string { return awsapi.Ptr(s) }

// optional leaves a member out when it is empty.
func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
