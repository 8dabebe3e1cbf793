// Package bucket limits how often something may happen: token buckets, one for
// each key, in memory. A decision is a compare and swap on one number (the
// generic cell rate algorithm, ITU-T I.371, which is a token bucket without a
// clock of its own), so that limits may change between two decisions.
package bucket

import (
	"sync"
	"sync/atomic"
	"time"
)

// Limit is so many a second on average, and so many at once.
type Limit struct {
	Rate  float64
	Burst int
}

// Bucket decides for one key. Its zero value is full. It is safe for concurrent
// use.
type Bucket struct{ theoretical atomic.Int64 } // when it would be full again, in nanoseconds

// Take takes a token, false if there is none. A limit of nothing lets nothing
// through.
func (b *Bucket) Take(l Limit, now time.Time) bool {
	if l.Rate <= 0 || l.Burst <= 0 {
		return false
	}
	at, each := now.UnixNano(), int64(float64(time.Second)/l.Rate)
	depth := each * int64(l.Burst)
	for {
		old := b.theoretical.Load()
		next := max(old, at) + each
		if next-at > depth {
			return false
		}
		if b.theoretical.CompareAndSwap(old, next) {
			return true
		}
	}
}

func (b *Bucket) full(now time.Time) bool { return b.theoretical.Load() <= now.UnixNano() }

// Set has a bucket for each key, at most so many. It is safe for concurrent use.
type Set[K comparable] struct {
	most int

	mu      sync.RWMutex
	buckets map[K]*Bucket
	shared  Bucket // of the keys for which there is no room
}

// NewSet makes a set of at most so many buckets. Keys beyond share one, so that
// whoever makes up keys gets no more by it.
func NewSet[K comparable](most int) *Set[K] {
	return &Set[K]{most: most, buckets: map[K]*Bucket{}}
}

// Take takes a token of a key's bucket.
func (s *Set[K]) Take(key K, l Limit, now time.Time) bool { return s.of(key, now).Take(l, now) }

func (s *Set[K]) of(key K, now time.Time) *Bucket {
	s.mu.RLock()
	b := s.buckets[key]
	s.mu.RUnlock()
	if b != nil {
		return b
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if b := s.buckets[key]; b != nil {
		return b
	}
	if len(s.buckets) >= s.most && !s.sweep(now) {
		return &s.shared
	}
	b = &Bucket{}
	s.buckets[key] = b
	return b
}

// sweep forgets full buckets, which are as new ones, and says whether there is
// room.
func (s *Set[K]) sweep(now time.Time) bool {
	if !s.shared.full(now) {
		return false // not again for each of many keys
	}
	for key, b := range s.buckets {
		if b.full(now) {
			delete(s.buckets, key)
		}
	}
	return len(s.buckets) < s.most
}

// Len is how many buckets there are.
func (s *Set[K]) Len() int {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return len(s.buckets)
}
