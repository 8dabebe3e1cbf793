package organizations

import (
	"context"
	"errors"
	"fmt"
	"sync"

	api "cloister/internal/awsapi/organizations"
	"cloister/internal/door"
	"cloister/internal/store"
	"cloister/policy"
)

// memberships remembers what the door asks for. Organisations change seldom, so
// that any change drops all of it.
//
// What is made from rows read before a change and offered after it would be
// stale. So whoever makes something notes the number of changes before reading,
// and what is offered under another number is not remembered.
type memberships struct {
	mu       sync.RWMutex
	changes  uint64
	kept     map[string]*door.Membership // by account
	compiled map[compiled]*policy.Policy
}

// compiled names a policy by what it says, which never changes its meaning.
type compiled struct {
	kind policy.Kind
	text string
}

// maxCompiled bounds the policies that are kept compiled.
const maxCompiled = 2 * maxPolicies

func newMemberships() memberships {
	return memberships{kept: map[string]*door.Membership{}, compiled: map[compiled]*policy.Policy{}}
}

func (m *memberships) get(account string) *door.Membership {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.kept[account]
}

func (m *memberships) now() uint64 {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.changes
}

func (m *memberships) keep(since uint64, made *door.Membership) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.changes == since {
		m.kept[made.Account] = made
	}
}

func (m *memberships) changed(store.Change) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.changes++
	m.kept = map[string]*door.Membership{}
}

// compile gives the policy of a text, one for all that say the same.
func (m *memberships) compile(kind policy.Kind, text string) (*policy.Policy, error) {
	key := compiled{kind, text}
	m.mu.RLock()
	p := m.compiled[key]
	m.mu.RUnlock()
	if p != nil {
		return p, nil
	}
	p, err := policy.Parse(kind, []byte(text))
	if err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.compiled) >= maxCompiled {
		m.compiled = map[compiled]*policy.Policy{}
	}
	m.compiled[key] = p
	return p, nil
}

func (s *Service) subscribe() {
	for _, table := range []string{organizations.Table(), accounts.Table(), targets.Table(), documents.Table()} {
		s.db.Subscribe(table, s.members.changed)
	}
}

// Of implements door.Organizations. What does not exist is not remembered:
// anybody can name it.
func (s *Service) Of(account string) (*door.Membership, error) {
	if m := s.members.get(account); m != nil {
		return m, nil
	}
	since := s.members.now()
	var made *door.Membership
	err := s.db.View(context.Background(), func(r store.Reader) (err error) {
		made, err = s.load(r, account)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("the organization of account %s: %w", account, err)
	}
	if made.Exists {
		s.members.keep(since, made)
	}
	return made, nil
}

// Place is a guardrail.Membership.
func (s *Service) Place(account string) (id, path string, err error) {
	m, err := s.Of(account)
	if err != nil {
		return "", "", err
	}
	return m.Organization, m.Path, nil
}

func (s *Service) load(r store.Reader, id string) (*door.Membership, error) {
	m := &door.Membership{Account: id}
	a, err := accounts.Get(r, store.K(id))
	if errors.Is(err, store.ErrNotFound) {
		m.Exists = id == s.first
		return m, nil
	}
	if err != nil {
		return nil, err
	}
	m.Exists, m.Closed = a.State != accountFailed, a.State == api.AccountStateSuspended
	if a.Org == "" {
		return m, nil
	}
	o, err := organizations.Get(r, store.K(a.Org))
	if err != nil {
		return nil, corrupt(err, id)
	}
	t, err := targets.Get(r, store.K(o.ID, id))
	if err != nil {
		return nil, corrupt(err, id)
	}
	way, err := o.way(r, t)
	if err != nil {
		return nil, err
	}
	return m, s.bind(r, m, o, way)
}

// bind adds what an account is in its organisation, and what binds it there.
// The management account is bound by nothing.
func (s *Service) bind(r store.Reader, m *door.Membership, o *organization, way []*target) (err error) {
	m.Organization, m.Management = o.ID, o.Management
	m.Path = o.ID + "/"
	for _, t := range way[:len(way)-1] {
		m.Path += t.ID + "/"
	}
	if m.Account == o.Management {
		return nil
	}
	if m.ServiceControl, err = s.levels(r, o, way, scp); err != nil {
		return err
	}
	m.ResourceControl, err = s.levels(r, o, way, rcp)
	return err
}

// levels are the policies of a type on the way, nil if the type is not enabled.
func (s *Service) levels(r store.Reader, o *organization, way []*target, kind string) ([][]policy.Named, error) {
	if !o.enabled(kind) {
		return nil, nil
	}
	levels := make([][]policy.Named, len(way))
	for i, t := range way {
		for _, id := range t.Policies[kind] {
			p, err := o.policy(r, id)
			if err != nil {
				return nil, corrupt(err, t.ID)
			}
			text, err := s.members.compile(kinds[kind], p.Content)
			if err != nil {
				return nil, fmt.Errorf("policy %s: %w", id, err)
			}
			levels[i] = append(levels[i], policy.Named{Name: o.policyAt(p), Policy: text})
		}
	}
	return levels, nil
}
