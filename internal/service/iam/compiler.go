package iam

import (
	"crypto/sha256"
	"sync"

	"cloister/policy"
)

// maxCompiled bounds the text of the policies that are kept compiled; each
// takes a few times its text.
const maxCompiled = 16 << 20

// compiler keeps policies compiled by what they say, so that all principals
// with the same policy share one. What a text means never changes: nothing
// here is ever invalidated.
type compiler struct {
	mu    sync.RWMutex
	kept  map[compiled]*policy.Policy
	bytes int // of text in kept
}

type compiled struct {
	kind policy.Kind
	text [sha256.Size]byte
}

func newCompiler() *compiler { return &compiler{kept: map[compiled]*policy.Policy{}} }

// compile parses a policy. Its error is a *policy.SyntaxError.
func (c *compiler) compile(kind policy.Kind, text string) (*policy.Policy, error) {
	key := compiled{kind, sha256.Sum256([]byte(text))}
	c.mu.RLock()
	p, ok := c.kept[key]
	c.mu.RUnlock()
	if ok {
		return p, nil
	}
	p, err := policy.Parse(kind, []byte(text))
	if err != nil {
		return nil, err
	}
	return c.keep(key, p), nil
}

// keep remembers p, or returns what was remembered in the meantime. It makes
// room by forgetting arbitrary policies.
func (c *compiler) keep(key compiled, p *policy.Policy) *policy.Policy {
	c.mu.Lock()
	defer c.mu.Unlock()
	if first, ok := c.kept[key]; ok {
		return first
	}
	for other, old := range c.kept {
		if c.bytes+len(p.Text()) <= maxCompiled {
			break
		}
		c.bytes -= len(old.Text())
		delete(c.kept, other)
	}
	c.kept[key] = p
	c.bytes += len(p.Text())
	return p
}
