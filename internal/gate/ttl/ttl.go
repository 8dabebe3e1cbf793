// Package ttl is a bounded memory of what is so for a time: an authoriser's
// answer, a verified token. It forgets; it never remembers past the time given.
package ttl

import (
	"sync"
	"time"
)

// Memory remembers values by key. It is safe for concurrent use.
type Memory[K comparable, V any] struct {
	mu         sync.Mutex
	most       int // of each generation
	young, old map[K]kept[V]
}

type kept[V any] struct {
	value V
	until time.Time
}

// New makes a memory of at most so many values, two at the least. What was used
// longest ago is forgotten first, half of it at a time.
func New[K comparable, V any](most int) *Memory[K, V] {
	return &Memory[K, V]{most: max(1, most/2), young: map[K]kept[V]{}}
}

// Get gives the value of a key if its time has not come.
func (m *Memory[K, V]) Get(key K, now time.Time) (value V, ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	k, ok := m.young[key]
	if !ok {
		if k, ok = m.old[key]; ok {
			m.put(key, k)
		}
	}
	if !ok || !now.Before(k.until) {
		return value, false
	}
	return k.value, true
}

// Put remembers a value until a time.
func (m *Memory[K, V]) Put(key K, value V, until time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.put(key, kept[V]{value, until})
}

func (m *Memory[K, V]) put(key K, k kept[V]) {
	if _, known := m.young[key]; !known && len(m.young) >= m.most {
		m.old, m.young = m.young, make(map[K]kept[V], len(m.young))
	}
	m.young[key] = k
	delete(m.old, key)
}

// Forget forgets the keys of which drop says so.
func (m *Memory[K, V]) Forget(drop func(K) bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, generation := range []map[K]kept[V]{m.young, m.old} {
		for key := range generation {
			if drop(key) {
				delete(generation, key)
			}
		}
	}
}

// Len is how many values are kept, past their time or not.
func (m *Memory[K, V]) Len() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.young) + len(m.old)
}
