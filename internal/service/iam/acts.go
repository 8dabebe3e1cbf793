package iam

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"cloister/internal/door"
	"cloister/internal/store"
	"cloister/policy"
)

const (
	// actsKept is how long what a user or role did is remembered, as by AWS
	// (https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_last-accessed.html).
	actsKept = 400 * 24 * time.Hour
	// maxActs bounds the acts waiting to be written; further ones wait for the
	// next time they are done.
	maxActs = 50_000
	// actsAtOnce is how many one transaction writes.
	actsAtOnce = 1000
)

// actor and act say who tried to do what.
type actor struct{ account, entity string }
type act struct {
	actor
	action string
}

// acts collects the latest attempt at each action of each user and role.
type acts struct {
	mu      sync.Mutex
	pending map[act]attempt
}

// Acted notes that a call asked for a permission, whatever the answer was. It is
// on the path of every request and only remembers. Of others than users, roles
// and those for whom a user vouches nothing is kept.
func (s *Service) Acted(p *door.Principal, action, region string, at time.Time) {
	switch p.Kind {
	case policy.PrincipalUser, policy.PrincipalAssumedRole, policy.PrincipalFederatedUser:
	default:
		return
	}
	key := act{actor{p.Account, entityID(p)}, action}
	s.acts.mu.Lock()
	defer s.acts.mu.Unlock()
	if s.acts.pending == nil {
		s.acts.pending = map[act]attempt{}
	}
	if _, known := s.acts.pending[key]; known || len(s.acts.pending) < maxActs {
		s.acts.pending[key] = attempt{At: at, Region: region}
	}
}

// flushActs writes the pending acts down.
func (s *Service) flushActs(ctx context.Context) error {
	s.acts.mu.Lock()
	pending := maps.Clone(s.acts.pending)
	s.acts.mu.Unlock()
	for some := range slices.Chunk(slices.Collect(maps.Keys(pending)), actsAtOnce) {
		err := s.db.Update(ctx, func(tx *store.Tx) error {
			for _, key := range some {
				if err := recordAct(tx, key, pending[key]); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		s.acts.written(some, pending)
	}
	return nil
}

// written forgets acts that are in the store now, but for those done again since.
func (a *acts) written(keys []act, those map[act]attempt) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, key := range keys {
		if a.pending[key] == those[key] {
			delete(a.pending, key)
		}
	}
}

// recordAct stores an attempt, unless its user or role is gone, or another node
// knows of a later one.
func recordAct(tx *store.Tx, key act, done attempt) error {
	ok, err := exists(tx, key.actor)
	if err != nil || !ok {
		return err
	}
	at := store.K(key.account, key.entity, key.action)
	known, err := attempts.Get(tx, at)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	done.At = second(done.At)
	if known != nil && !known.At.Before(done.At) {
		return nil
	}
	return attempts.Put(tx, at, &done)
}

// exists reports whether a user or role still is.
func exists(r store.Reader, who actor) (bool, error) {
	_, err := userKind.get(r, who.account, who.entity)
	if errors.Is(err, store.ErrNotFound) {
		_, err = roleKind.get(r, who.account, who.entity)
	}
	if errors.Is(err, store.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// attemptsOf are the latest attempts of a user or role, by action.
func (s *Service) attemptsOf(r store.Reader, who actor) (map[string]attempt, error) {
	all := map[string]attempt{}
	for item, err := range attempts.Scan(r, store.K(who.account, who.entity), nil) {
		if err != nil {
			return nil, err
		}
		all[item.Key[2].(string)] = *item.Value
	}
	s.acts.mu.Lock()
	defer s.acts.mu.Unlock()
	for key, done := range s.acts.pending {
		if key.actor == who {
			all[key.action] = attempt{second(done.At), done.Region}
		}
	}
	return all, nil
}

// forgetAttempts deletes what is known of a user or role that is deleted.
func forgetAttempts(tx *store.Tx, account, entity string) error {
	var keys []store.Key
	for item, err := range attempts.Scan(tx, store.K(account, entity), nil) {
		if err != nil {
			return err
		}
		keys = append(keys, item.Key)
	}
	for _, key := range keys {
		if err := attempts.Delete(tx, key); err != nil {
			return err
		}
	}
	return nil
}
