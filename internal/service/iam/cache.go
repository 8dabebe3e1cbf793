package iam

import (
	"sync"
	"sync/atomic"

	"cloister/internal/door"
	"cloister/policy"
)

// cache remembers what was made from rows: bindings and credentials. Each
// holds a lease on every row that it was made from, and counts only while all
// of its leases live. A row that changes ends its lease, so what was made from
// it is forgotten at once wherever it is held.
//
// What is made from rows read before a change and offered after it would be
// stale with fresh leases. So whoever makes something notes the number of
// changes before reading, and what is offered under another number is not
// remembered.
type cache struct {
	capacity int

	mu          sync.RWMutex
	changes     uint64 // since the start
	leases      map[string]*lease
	bindings    map[string]*binding    // by the unique id of a user or role
	credentials map[string]*credential // by access key id
}

// lease is on one row.
type lease struct{ ended atomic.Bool }

// leases are all those that something depends on.
type leases []*lease

func (l leases) live() bool {
	for _, one := range l {
		if one.ended.Load() {
			return false
		}
	}
	return true
}

// binding is a user or role as the directory sees it, with the policies that
// bind it. Immutable.
type binding struct {
	leases
	entity   Entity
	arn      string
	tags     map[string]string
	policies policy.Policies
}

// credential is a remembered access key or session. Immutable but for composed.
type credential struct {
	leases
	door.Credential
	token    string // session token, "" for a long-term key
	composed atomic.Pointer[composed]
}

// composed is what binds a session that session policies narrow.
type composed struct {
	leases
	base     *binding
	policies policy.Policies
}

func newCache(capacity int) *cache {
	return &cache{
		capacity:    capacity,
		leases:      map[string]*lease{},
		bindings:    map[string]*binding{},
		credentials: map[string]*credential{},
	}
}

// now is the number of changes so far.
func (c *cache) now() uint64 {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.changes
}

// changed ends the lease on a row.
func (c *cache) changed(row string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.changes++
	c.end(row)
}

// end needs mu.
func (c *cache) end(row string) {
	if l, ok := c.leases[row]; ok {
		l.ended.Store(true)
		delete(c.leases, row)
	}
}

// lease gives leases on rows that were read after the cache was at since, or
// none when something has changed in between.
func (c *cache) lease(since uint64, rows []string) (leases, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.changes != since {
		return nil, false
	}
	if len(c.leases) > 4*c.capacity {
		c.endAll()
	}
	given := make(leases, len(rows))
	for i, row := range rows {
		l, ok := c.leases[row]
		if !ok {
			l = new(lease)
			c.leases[row] = l
		}
		given[i] = l
	}
	return given, true
}

// endAll needs mu. Ended leases cost a reload and nothing else.
func (c *cache) endAll() {
	for row := range c.leases {
		c.end(row)
	}
	clear(c.bindings)
	clear(c.credentials)
}

func (c *cache) binding(id string) *binding {
	c.mu.RLock()
	b := c.bindings[id]
	c.mu.RUnlock()
	if b == nil || !b.live() {
		return nil
	}
	return b
}

func (c *cache) credential(accessKeyID string) *credential {
	c.mu.RLock()
	k := c.credentials[accessKeyID]
	c.mu.RUnlock()
	if k == nil || !k.live() {
		return nil
	}
	return k
}

func (c *cache) keepBinding(id string, b *binding) {
	c.mu.Lock()
	defer c.mu.Unlock()
	makeRoom(c.bindings, id, c.capacity)
	c.bindings[id] = b
}

func (c *cache) keepCredential(accessKeyID string, k *credential) {
	c.mu.Lock()
	defer c.mu.Unlock()
	makeRoom(c.credentials, accessKeyID, c.capacity)
	c.credentials[accessKeyID] = k
}

// makeRoom forgets an arbitrary entry of a full map that lacks the key.
func makeRoom[V any](m map[string]V, key string, capacity int) {
	if _, ok := m[key]; ok || len(m) < capacity {
		return
	}
	for other := range m {
		delete(m, other)
		return
	}
}
