package kms

import (
	"context"
	"sync"

	"cloister/internal/store"
)

// cache remembers keys as they are in the store, and what aliases stand for.
// What changes is forgotten before the change is acknowledged; who got it
// before acts on what was so when the call began. Whoever loads something notes
// the number of changes first, and what is offered under another number is not
// remembered: it may have been read before a change that was told already.
type cache struct {
	capacity int

	mu      sync.RWMutex
	changes uint64
	keys    map[keyID]*key
	aliases map[aliasID]keyID
}

func newCache(capacity int) *cache {
	return &cache{capacity: capacity, keys: map[keyID]*key{}, aliases: map[aliasID]keyID{}}
}

// follow has the store tell the cache of changes.
func (c *cache) follow(db *store.DB) {
	key := func(change store.Change) {
		if id, ok := placeIn(change.Key); ok {
			c.forget(func() { delete(c.keys, keyID(id)) })
		}
	}
	db.Subscribe(keys.Table(), key)
	db.Subscribe(grants.Table(), key)
	db.Subscribe(aliases.Table(), func(change store.Change) {
		if id, ok := placeIn(change.Key); ok {
			c.forget(func() { delete(c.aliases, aliasID{id.Account, id.Region, id.ID}) })
		}
	})
}

// placeIn is the account, region and name that a row's key begins with.
func placeIn(k store.Key) (id keyID, ok bool) {
	var parts [3]string
	for i := range parts {
		if i >= len(k) {
			return id, false
		}
		parts[i], ok = k[i].(string)
		if !ok {
			return id, false
		}
	}
	return keyID{parts[0], parts[1], parts[2]}, true
}

func (c *cache) forget(drop func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.changes++
	drop()
}

func (c *cache) key(id keyID) (k *key, since uint64) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.keys[id], c.changes
}

func (c *cache) alias(id aliasID) (k keyID, known bool, since uint64) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	k, known = c.aliases[id]
	return k, known, c.changes
}

func (c *cache) keepKey(since uint64, id keyID, k *key) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.changes == since {
		makeRoom(c.keys, c.capacity)
		c.keys[id] = k
	}
}

func (c *cache) keepAlias(since uint64, id aliasID, k keyID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.changes == since {
		makeRoom(c.aliases, c.capacity)
		c.aliases[id] = k
	}
}

// makeRoom forgets an arbitrary entry of a full map.
func makeRoom[K comparable, V any](m map[K]V, capacity int) {
	if len(m) < capacity {
		return
	}
	for other := range m {
		delete(m, other)
		return
	}
}

// lookup finds keys: in memory for a snapshot, as the transaction sees them for
// a transaction.
type lookup struct {
	s *Service
	r store.Reader
}

func (l lookup) key(id keyID) (*key, error) {
	if _, inside := l.r.(*store.Tx); inside {
		return loadKey(l.r, id)
	}
	k, since := l.s.cache.key(id)
	if k != nil {
		return k, nil
	}
	err := l.s.db.View(context.Background(), func(r store.Reader) (err error) {
		k, err = loadKey(r, id)
		return err
	})
	if err == nil {
		l.s.cache.keepKey(since, id, k)
	}
	return k, err
}

func (l lookup) alias(id aliasID) (keyID, error) {
	if _, inside := l.r.(*store.Tx); inside {
		return loadAlias(l.r, id)
	}
	k, known, since := l.s.cache.alias(id)
	if known {
		return k, nil
	}
	err := l.s.db.View(context.Background(), func(r store.Reader) (err error) {
		k, err = loadAlias(r, id)
		return err
	})
	if err == nil {
		l.s.cache.keepAlias(since, id, k)
	}
	return k, err
}

func loadAlias(r store.Reader, id aliasID) (keyID, error) {
	row, err := aliases.Get(r, id.key())
	if err != nil {
		return keyID{}, err
	}
	return keyID{id.Account, id.Region, row.KeyID}, nil
}

// resolve is the key that a reference stands for, store.ErrNotFound if none.
func (l lookup) resolve(ref reference) (*key, error) {
	id := ref.key
	if ref.byAlias() {
		var err error
		if id, err = l.alias(ref.alias); err != nil {
			return nil, err
		}
	}
	return l.key(id)
}
