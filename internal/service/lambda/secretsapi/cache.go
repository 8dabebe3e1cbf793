package secretsapi

import (
	"encoding/json"
	"net/url"
	"sync"
	"time"
)

// cache remembers answers for a while. At its limit the one that ends first
// makes room.
type cache struct {
	limit int

	mu      sync.Mutex
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
	delete(c.answers, key)
	if ttl == 0 || c.limit == 0 {
		return
	}
	if len(c.answers) >= c.limit {
		c.makeRoom()
	}
	c.answers[key] = remembered{body, time.Now().Add(ttl)}
}

func (c *cache) makeRoom() {
	first := ""
	for key, answer := range c.answers {
		if first == "" || answer.until.Before(c.answers[first].until) {
			first = key
		}
	}
	delete(c.answers, first)
}
