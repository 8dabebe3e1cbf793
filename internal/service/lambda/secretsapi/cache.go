package secretsapi

import (
	"encoding/json"
	"net/url"
	"sync"
	"time"
)

// maxBytes bounds what the node remembers for one cell, whatever the function
// asks: a thousand of the largest secrets in each of many cells would be all of
// the node's memory.
const maxBytes = 4 << 20

// cache remembers answers for a while. At its limits the one that ends first
// makes room.
type cache struct {
	limit int

	mu      sync.Mutex
	bytes   int
	answers map[string]remembered
}

type remembered struct {
	body  []byte
	until time.Time
}

func newCache(limit int) *cache { return &cache{limit: limit, answers: map[string]remembered{}} }

// cached gives the answer to a question from memory, or asks and remembers.
// refreshNow=true asks in any case.
func (e *Endpoint) cached(kind string, query url.Values, ttl time.Duration, ask func() (any, error)) ([]byte, error) {
	refresh, err := flag(query, "refreshNow")
	if err != nil {
		return nil, err
	}
	query.Del("refreshNow")
	key := kind + "?" + query.Encode()
	if !refresh {
		if body := e.cache.get(key); body != nil {
			return body, nil
		}
	}
	out, err := ask()
	if err != nil {
		return nil, err
	}
	body, err := json.Marshal(out)
	if err == nil {
		e.cache.put(key, body, ttl)
	}
	return body, err
}

func (c *cache) get(key string) []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	if found, ok := c.answers[key]; ok && time.Now().Before(found.until) {
		return found.body
	}
	return nil
}

func (c *cache) put(key string, body []byte, ttl time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.forget(key)
	size := len(key) + len(body)
	if ttl == 0 || c.limit == 0 || size > maxBytes {
		return
	}
	for len(c.answers) >= c.limit || c.bytes+size > maxBytes {
		c.makeRoom()
	}
	c.answers[key] = remembered{body, time.Now().Add(ttl)}
	c.bytes += size
}

func (c *cache) forget(key string) {
	if found, ok := c.answers[key]; ok {
		c.bytes -= len(key) + len(found.body)
		delete(c.answers, key)
	}
}

func (c *cache) makeRoom() {
	first, some := "", false
	for key, answer := range c.answers {
		if !some || answer.until.Before(c.answers[first].until) {
			first, some = key, true
		}
	}
	c.forget(first)
}
