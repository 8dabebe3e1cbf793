package secretsmanager

import (
	"context"
	"sync"

	"cloister/internal/store"
	"cloister/policy"
)

// cache remembers secrets for GetSecretValue as they are in the store, with the
// values of their AWSCURRENT versions, sealed. What changes is forgotten before
// the change is acknowledged. Whoever loads something notes the number of
// changes first, and what is offered under another number is not remembered: it
// may have been read before a change that was told already.
type cache struct {
	budget int // bytes, about

	mu      sync.RWMutex
	changes uint64
	rows    map[place]*secret
	used    int
}

// cacheBudget is how much memory remembered secrets take, about.
const cacheBudget = 32 << 20

// place is where a secret is.
type place struct{ account, region, name string }

func (s *secret) place() place { return place{s.Account, s.Region, s.Name} }

// known is what a row that the cache gave has beside what is stored.
type known struct {
	policy *policy.Policy // Policy, parsed
	value  *value         // of the AWSCURRENT version
}

func newCache(db *store.DB, budget int) *cache {
	c := &cache{budget: budget, rows: map[place]*secret{}}
	if db != nil {
		db.Subscribe(secrets.Table(), c.changed)
		db.Subscribe(values.Table(), c.changed)
	}
	return c
}

// changed forgets the secret whose row or value changed; all, if it cannot be
// told which.
func (c *cache) changed(change store.Change) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.changes++
	if len(change.Key) >= 3 {
		account, a := change.Key[0].(string)
		region, b := change.Key[1].(string)
		name, d := change.Key[2].(string)
		if a && b && d {
			c.drop(place{account, region, name})
			return
		}
	}
	clear(c.rows)
	c.used = 0
}

func (c *cache) drop(at place) {
	if row := c.rows[at]; row != nil {
		delete(c.rows, at)
		c.used -= row.footprint()
	}
}

func (c *cache) get(at place) (row *secret, since uint64) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.rows[at], c.changes
}

// keep remembers a row, which nobody changes from then on. Others make room.
func (c *cache) keep(since uint64, row *secret) {
	size := row.footprint()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.changes != since || size > c.budget/16 {
		return
	}
	c.drop(row.place())
	for other := range c.rows {
		if c.used+size <= c.budget {
			break
		}
		c.drop(other)
	}
	c.rows[row.place()] = row
	c.used += size
}

// footprint is about how much memory a row takes that the cache gave.
func (s *secret) footprint() int {
	size := 2048 + 8*len(s.Policy) + 256*(len(s.Versions)+len(s.Tags)) + len(s.Name) + len(s.Description)
	if s.known.value != nil {
		size += len(s.known.value.Sealed) + len(s.known.value.Key)
	}
	return size
}

// rows gives secrets by where they are; store.ErrNotFound if there is none.
type rows func(place) (*secret, error)

// stored are the secrets as a reader sees them.
func stored(r store.Reader) rows {
	return func(at place) (*secret, error) {
		return secrets.Get(r, store.K(at.account, at.region, at.name))
	}
}

// remembered are the secrets in memory, for who only reads; a transaction sees
// what it has to see.
func (s *Service) remembered(ctx context.Context, r store.Reader) rows {
	if _, inside := r.(*store.Tx); inside {
		return stored(r)
	}
	return func(at place) (*secret, error) {
		row, since := s.cache.get(at)
		if row != nil {
			return row, nil
		}
		err := s.db.View(ctx, func(r store.Reader) (err error) {
			row, err = load(r, at)
			return err
		})
		if err == nil {
			s.cache.keep(since, row)
		}
		return row, err
	}
}

// load reads a secret with all that is known of it.
func load(r store.Reader, at place) (*secret, error) {
	row, err := stored(r)(at)
	if err != nil {
		return nil, err
	}
	if row.Policy != "" {
		if row.known.policy, err = policy.Parse(policy.KindResource, []byte(row.Policy)); err != nil {
			return nil, err
		}
	}
	if v := row.at(current); v != nil {
		row.known.value, err = valueOf(r, row, v.ID)
	}
	return row, err
}
